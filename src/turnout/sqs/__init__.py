"""Amazon SQS as Turnout uses it: one small interface (`api`) and its implementations.

`api` is the contract, `aio` speaks through aioboto3, `memory` is the shipped fake, `codes` classifies error codes,
`batching` cuts batches by count and by bytes. Nothing here knows rules, deliveries or accounts.
"""
