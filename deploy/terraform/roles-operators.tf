# For the people who run `turnout dlq` and `turnout doctor`: a policy to attach to their role.

resource "aws_iam_policy" "operator" {
  name        = "${var.name}-operator"
  description = "Look at letters, retry, replay and archive them; examine this deployment"
  policy      = data.aws_iam_policy_document.operator.json
}

locals {
  failure_queue_arns = concat(
    [aws_sqs_queue.dead_letter.arn, aws_sqs_queue.undelivered.arn],
    aws_sqs_queue.parked[*].arn,
    [for queue in aws_sqs_queue.target_dead_letter : queue.arn],
  )
  ledger_arns = [aws_dynamodb_table.ledger.arn, "${aws_dynamodb_table.ledger.arn}/index/shelves"]
}

data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.recovering.json]

  # And send: what is restored from the archive goes back into the queue that it was found in.
  statement {
    sid       = "HoldAndFinishLetters"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]
    resources = local.failure_queue_arns
  }

  # Plans are theirs alone.
  statement {
    sid       = "KeepPlans"
    actions   = ["dynamodb:BatchWriteItem", "dynamodb:Query"]
    resources = local.ledger_arns
  }

  # By the beginning of their names: IAM takes 6,144 characters, and every target has two queues.
  statement {
    sid       = "SeeQueues"
    actions   = ["sqs:GetQueueAttributes"]
    resources = concat(["arn:${local.partition}:sqs:${local.region}:${local.account}:${var.name}-*"], var.other_targets.queues)
  }

  # To bring archived letters back.
  dynamic "statement" {
    for_each = aws_s3_bucket.archive[*].arn
    content {
      sid       = "ListTheArchive"
      actions   = ["s3:ListBucket"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = aws_s3_bucket.archive[*].arn
    content {
      sid       = "ExamineTheArchive"
      actions   = ["s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "ExamineTables"
    actions   = ["dynamodb:DescribeContinuousBackups", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
    resources = concat([aws_dynamodb_table.ledger.arn], aws_dynamodb_table.idempotency[*].arn)
  }

  # Lambda knows no resource for the first of these.
  statement {
    sid       = "FindMappings"
    actions   = ["lambda:ListEventSourceMappings"]
    resources = ["*"]
  }

  statement {
    sid       = "ExamineFunctions"
    actions   = ["lambda:GetFunctionConfiguration"]
    resources = ["arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}-*"]
  }

  statement {
    sid       = "ExamineTheKey"
    actions   = ["kms:DescribeKey"]
    resources = [local.key_arn]
  }

  # About those alone to whom the policy is attached: IAM has no variable for the role that asks.
  dynamic "statement" {
    for_each = length(var.operator_arns) > 0 ? [var.operator_arns] : []
    content {
      sid       = "AskWhatTheyMayDo"
      actions   = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.topics) > 0 ? [var.other_targets.topics] : []
    content {
      sid       = "ExamineTopics"
      actions   = ["sns:GetTopicAttributes"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.buses) > 0 ? [var.other_targets.buses] : []
    content {
      sid       = "ExamineBuses"
      actions   = ["events:DescribeEventBus"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.state_machines) > 0 ? [var.other_targets.state_machines] : []
    content {
      sid       = "ExamineStateMachines"
      actions   = ["states:DescribeStateMachine"]
      resources = statement.value
    }
  }
}
