# What routing needs, whoever does it: the worker, or the router function. tests/unit/deploy/terraform holds these actions
# to the calls in the code, in both directions.

data "aws_iam_policy_document" "routing" {
  source_policy_documents = [data.aws_iam_policy_document.other_targets.json]

  statement {
    sid       = "SendEventsAndLetters"
    actions   = ["sqs:GetQueueAttributes", "sqs:SendMessage"]
    resources = concat(local.target_queue_arns, [aws_sqs_queue.dead_letter.arn])
  }

  dynamic "statement" {
    for_each = aws_dynamodb_table.idempotency[*].arn
    content {
      sid       = "RememberDeliveries"
      actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["dynamodb.${local.region}.amazonaws.com", "sqs.${local.region}.amazonaws.com"]
    }
  }
}

# Of targets that are no queues; recovery sends to them too.
data "aws_iam_policy_document" "other_targets" {
  dynamic "statement" {
    for_each = length(var.other_targets.topics) > 0 ? [var.other_targets.topics] : []
    content {
      sid       = "PublishToTopics"
      actions   = ["sns:Publish"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.buses) > 0 ? [var.other_targets.buses] : []
    content {
      sid       = "PutOnBuses"
      actions   = ["events:PutEvents"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.state_machines) > 0 ? [var.other_targets.state_machines] : []
    content {
      sid       = "StartExecutions"
      actions   = ["states:StartExecution"]
      resources = statement.value
    }
  }
}
