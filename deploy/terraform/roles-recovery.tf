# The roles of recovery by itself: the function, or the state machine with its functions and its pipe.

locals {
  by_function      = try(var.recovery.by, "") == "function"
  by_state_machine = try(var.recovery.by, "") == "state-machine"
}

resource "aws_iam_role" "recovery" {
  count = local.by_function ? 1 : 0

  name               = "${var.name}-recovery"
  description        = "Recovers what Lambda reads from the dead-letter queues"
  assume_role_policy = data.aws_iam_policy_document.assumes["lambda"].json
}

resource "aws_iam_role_policy" "recovery" {
  count = local.by_function ? 1 : 0

  name   = "recovery"
  role   = aws_iam_role.recovery[0].name
  policy = data.aws_iam_policy_document.recovery[0].json
}

data "aws_iam_policy_document" "recovery" {
  count = local.by_function ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.recovering.json]

  statement {
    sid       = "LambdaReadsLetters"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.dead_letter.arn, aws_sqs_queue.undelivered.arn]
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.recovery[0].arn}:*"]
  }
}

# ------------------------------------------------------------------------------------------------- state machine

resource "aws_iam_role" "steps" {
  count = local.by_state_machine ? 1 : 0

  name               = "${var.name}-steps"
  description        = "What the states of recovery do"
  assume_role_policy = data.aws_iam_policy_document.assumes["lambda"].json
}

resource "aws_iam_role_policy" "steps" {
  count = local.by_state_machine ? 1 : 0

  name   = "steps"
  role   = aws_iam_role.steps[0].name
  policy = data.aws_iam_policy_document.steps[0].json
}

data "aws_iam_policy_document" "steps" {
  count = local.by_state_machine ? 1 : 0

  source_policy_documents = [data.aws_iam_policy_document.recovering.json]

  statement {
    sid       = "ParkLetters"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.parked[0].arn]
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.recovery[0].arn}:*"]
  }
}

resource "aws_iam_role" "state_machine" {
  count = local.by_state_machine ? 1 : 0

  name               = "${var.name}-state-machine"
  description        = "Calls the functions of the states of recovery"
  assume_role_policy = data.aws_iam_policy_document.assumes["states"].json
}

resource "aws_iam_role_policy" "state_machine" {
  count = local.by_state_machine ? 1 : 0

  name   = "state-machine"
  role   = aws_iam_role.state_machine[0].name
  policy = data.aws_iam_policy_document.state_machine[0].json
}

data "aws_iam_policy_document" "state_machine" {
  count = local.by_state_machine ? 1 : 0

  statement {
    sid       = "CallTheSteps"
    actions   = ["lambda:InvokeFunction"]
    resources = [for function in aws_lambda_function.step : function.arn]
  }

  statement {
    sid       = "EncryptExecutions"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.key_arn]
  }
}

resource "aws_iam_role" "pipe" {
  count = local.by_state_machine ? 1 : 0

  name               = "${var.name}-pipe"
  description        = "Starts recovery of what it reads from the dead-letter queues"
  assume_role_policy = data.aws_iam_policy_document.assumes["pipes"].json
}

resource "aws_iam_role_policy" "pipe" {
  count = local.by_state_machine ? 1 : 0

  name   = "pipe"
  role   = aws_iam_role.pipe[0].name
  policy = data.aws_iam_policy_document.pipe[0].json
}

data "aws_iam_policy_document" "pipe" {
  count = local.by_state_machine ? 1 : 0

  statement {
    sid       = "ReadLetters"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.dead_letter.arn, aws_sqs_queue.undelivered.arn]
  }

  statement {
    sid       = "StartRecovery"
    actions   = ["states:StartExecution"]
    resources = [aws_sfn_state_machine.recovery[0].arn]
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sqs.${local.region}.amazonaws.com", "states.${local.region}.amazonaws.com"]
    }
  }
}
