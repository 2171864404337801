data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  region    = data.aws_region.current.region

  # SQS keeps a message for 14 days at most. A standard queue counts from the first send, so dead-letter queues keep for
  # longer than the queues before them, or a message could vanish the moment it gets there.
  dead_letter_retention_seconds = 14 * 86400

  key_arn = coalesce(var.kms_key_arn, one(aws_kms_key.this[*].arn))

  source_queue_arns = [for queue in aws_sqs_queue.source : queue.arn]
  target_queue_arns = concat([for queue in aws_sqs_queue.target : queue.arn], var.other_targets.queues)
  bus_name          = coalesce(var.event_bus_name, one(aws_cloudwatch_event_bus.partner[*].name))
  # EventBridge counts a rule of the default bus by its name alone, one of another bus by both names.
  bus_dimension = local.bus_name == "default" ? {} : { EventBusName = local.bus_name }

  # What `turnout run` and the functions read from the environment.
  environment = merge(
    {
      TURNOUT_SOURCE_QUEUE_URL      = join(",", [for name in sort(keys(var.sources)) : aws_sqs_queue.source[name].url])
      TURNOUT_DEAD_LETTER_QUEUE_URL = aws_sqs_queue.dead_letter.url
    },
    { for name, queue in aws_sqs_queue.target : "${upper(replace(name, "-", "_"))}_QUEUE_URL" => queue.url },
    var.idempotency ? {
      TURNOUT_IDEMPOTENCY       = "dynamodb"
      TURNOUT_IDEMPOTENCY_TABLE = aws_dynamodb_table.idempotency[0].name
    } : {},
  )

  recovery_environment = merge(
    { TURNOUT_DLQ_LEDGER = "dynamodb:${aws_dynamodb_table.ledger.name}" },
    var.archive == null ? {} : {
      TURNOUT_DLQ_ARCHIVE_BUCKET  = aws_s3_bucket.archive[0].bucket
      TURNOUT_DLQ_ARCHIVE_KMS_KEY = local.key_arn
    },
  )
}
