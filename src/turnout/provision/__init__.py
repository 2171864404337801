"""Makes the queues that rules need, on an emulator or in an account for development; production has Terraform."""
