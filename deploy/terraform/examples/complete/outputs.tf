output "repository_url" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.turnout.repository_url
}

output "environment" {
  description = "For `turnout check` and `turnout doctor`."
  value       = module.turnout.environment
}

output "recovery_environment" {
  description = "For `turnout dlq`, besides."
  value       = module.turnout.recovery_environment
}

output "failure_queue_urls" {
  description = "The queues that are empty when all is well."
  value       = module.turnout.failure_queue_urls
}

output "service" {
  description = "ECS cluster and service."
  value       = module.turnout.service
}
