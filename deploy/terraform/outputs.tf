output "source_queue_urls" {
  description = "The queues that Turnout reads, by name."
  value       = { for name, queue in aws_sqs_queue.source : name => queue.url }
}

output "target_queue_urls" {
  description = "The queues that consumers read, by name."
  value       = { for name, queue in aws_sqs_queue.target : name => queue.url }
}

output "target_queue_arns" {
  description = "The same as ARNs, for the roles of consumers."
  value       = { for name, queue in aws_sqs_queue.target : name => queue.arn }
}

output "failure_queue_urls" {
  description = "Letters (dead-letter), what EventBridge could not deliver (undelivered), what consumers gave up."
  value = merge(
    { dead-letter = aws_sqs_queue.dead_letter.url, undelivered = aws_sqs_queue.undelivered.url },
    { for queue in aws_sqs_queue.parked : "parked" => queue.url },
    { for name, queue in aws_sqs_queue.target_dead_letter : "${name}-dead-letter" => queue.url },
  )
}

output "environment" {
  description = "The variables that `turnout run`, `turnout check` and `turnout doctor` need for these queues."
  value       = local.environment
}

output "kms_key_arn" {
  description = "The key of queues, tables and archive. Consumers need kms:Decrypt on it."
  value       = local.key_arn
}

output "recovery_environment" {
  description = "The further variables that `turnout dlq` needs: ledger and archive."
  value       = local.recovery_environment
}

output "operator_policy_arn" {
  description = "The policy for whoever runs `turnout dlq` and `turnout doctor`."
  value       = aws_iam_policy.operator.arn
}

output "kubernetes" {
  description = "The roles for the service accounts, and the policy for KEDA's role; or null."
  value = var.kubernetes == null ? null : {
    role_arn          = aws_iam_role.kubernetes[0].arn
    recovery_role_arn = one(aws_iam_role.kubernetes_recovery[*].arn)
    keda_policy_arn   = aws_iam_policy.keda[0].arn
  }
}

output "archive_bucket" {
  description = "The bucket of archived letters, or null."
  value       = one(aws_s3_bucket.archive[*].bucket)
}

output "rule_arns" {
  description = "The EventBridge rules, by source."
  value       = { for name, rule in aws_cloudwatch_event_rule.source : name => rule.arn }
}

output "service" {
  description = "ECS cluster and service of the worker, or null."
  value       = var.worker == null ? null : { cluster = aws_ecs_cluster.this[0].name, service = aws_ecs_service.worker[0].name }
}
