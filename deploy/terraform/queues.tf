# Source queues, the dead-letter queue of the worker, what EventBridge could not deliver, and the target queues.

resource "aws_sqs_queue" "source" {
  for_each = var.sources

  name                       = "${var.name}-${each.key}"
  visibility_timeout_seconds = var.source_visibility_seconds
  message_retention_seconds  = var.source_retention_days * 86400
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name                       = "${var.name}-dead-letter"
  visibility_timeout_seconds = var.source_visibility_seconds
  message_retention_seconds  = local.dead_letter_retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
  # What recovery has not managed in so many calls is for people.
  redrive_policy = var.recovery == null ? null : jsonencode({
    deadLetterTargetArn = aws_sqs_queue.parked[0].arn
    maxReceiveCount     = var.recovery.max_receive_count
  })
}

resource "aws_sqs_queue" "undelivered" {
  name                       = "${var.name}-undelivered"
  visibility_timeout_seconds = var.source_visibility_seconds
  message_retention_seconds  = local.dead_letter_retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
  # What recovery has not managed in so many calls is for people.
  redrive_policy = var.recovery == null ? null : jsonencode({
    deadLetterTargetArn = aws_sqs_queue.parked[0].arn
    maxReceiveCount     = var.recovery.max_receive_count
  })
}

resource "aws_sqs_queue" "parked" {
  count = var.recovery == null ? 0 : 1

  name                       = "${var.name}-parked"
  visibility_timeout_seconds = var.source_visibility_seconds
  message_retention_seconds  = local.dead_letter_retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
}

resource "aws_sqs_queue" "target" {
  for_each = var.targets

  name                       = "${var.name}-${each.key}${each.value.fifo ? ".fifo" : ""}"
  fifo_queue                 = each.value.fifo ? true : null
  deduplication_scope        = each.value.fifo ? "messageGroup" : null
  fifo_throughput_limit      = each.value.fifo ? "perMessageGroupId" : null
  visibility_timeout_seconds = each.value.visibility_seconds
  message_retention_seconds  = each.value.retention_days * 86400
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.target_dead_letter[each.key].arn
    maxReceiveCount     = each.value.max_receive_count
  })
}

resource "aws_sqs_queue" "target_dead_letter" {
  for_each = var.targets

  name                       = "${var.name}-${each.key}-dead-letter${each.value.fifo ? ".fifo" : ""}"
  fifo_queue                 = each.value.fifo ? true : null
  visibility_timeout_seconds = each.value.visibility_seconds
  message_retention_seconds  = local.dead_letter_retention_seconds
  receive_wait_time_seconds  = 20
  kms_master_key_id          = local.key_arn
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = local.source_queue_arns
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "parked" {
  count = var.recovery == null ? 0 : 1

  queue_url = aws_sqs_queue.parked[0].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.dead_letter.arn, aws_sqs_queue.undelivered.arn]
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "target_dead_letter" {
  for_each = var.targets

  queue_url = aws_sqs_queue.target_dead_letter[each.key].url
  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.target[each.key].arn]
  })
}

# ---------------------------------------------------------------------------------------------------- who may send

resource "aws_sqs_queue_policy" "source" {
  for_each = var.sources

  queue_url = aws_sqs_queue.source[each.key].url
  policy    = data.aws_iam_policy_document.source_queue[each.key].json
}

data "aws_iam_policy_document" "source_queue" {
  for_each = var.sources

  source_policy_documents = [data.aws_iam_policy_document.encrypted_transport["source-${each.key}"].json]

  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.source[each.key].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.source[each.key].arn]
    }
  }
}

resource "aws_sqs_queue_policy" "undelivered" {
  queue_url = aws_sqs_queue.undelivered.url
  policy    = data.aws_iam_policy_document.undelivered_queue.json
}

data "aws_iam_policy_document" "undelivered_queue" {
  source_policy_documents = [data.aws_iam_policy_document.encrypted_transport["undelivered"].json]

  statement {
    sid       = "EventBridgeSends"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.undelivered.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [for rule in aws_cloudwatch_event_rule.source : rule.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "internal" {
  for_each = { for name, queue in local.queues : name => queue if !startswith(name, "source-") && name != "undelivered" }

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.encrypted_transport[each.key].json
}

locals {
  queues = merge(
    { for name, queue in aws_sqs_queue.source : "source-${name}" => queue },
    { for name, queue in aws_sqs_queue.target : "target-${name}" => queue },
    { for name, queue in aws_sqs_queue.target_dead_letter : "target-${name}-dead-letter" => queue },
    { for queue in aws_sqs_queue.parked : "parked" => queue },
    { dead-letter = aws_sqs_queue.dead_letter, undelivered = aws_sqs_queue.undelivered },
  )
}

data "aws_iam_policy_document" "encrypted_transport" {
  for_each = local.queues

  statement {
    sid       = "EncryptedTransportOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
