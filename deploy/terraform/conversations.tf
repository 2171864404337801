# A consumer of one target: looks up the conversations that start and change, in Genesys Cloud.

resource "aws_cloudwatch_log_group" "conversations" {
  count = var.conversations == null ? 0 : 1

  name              = "/${var.name}/conversations"
  retention_in_days = var.conversations.log_days
  kms_key_id        = local.key_arn
}

resource "aws_iam_role" "conversations" {
  count = var.conversations == null ? 0 : 1

  name               = "${var.name}-conversations"
  description        = "Follows the conversations that Lambda reads from a target queue"
  assume_role_policy = data.aws_iam_policy_document.assumes["lambda"].json
}

resource "aws_iam_role_policy" "conversations" {
  count = var.conversations == null ? 0 : 1

  name   = "conversations"
  role   = aws_iam_role.conversations[0].name
  policy = data.aws_iam_policy_document.conversations[0].json
}

data "aws_iam_policy_document" "conversations" {
  count = var.conversations == null ? 0 : 1

  statement {
    sid       = "LambdaReadsTheTarget"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.target[var.conversations.target].arn]
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt"]
    resources = [local.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sqs.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.conversations[0].arn}:*"]
  }
}

resource "aws_lambda_function" "conversations" {
  count = var.conversations == null ? 0 : 1

  function_name     = "${var.name}-conversations"
  description       = "Follows conversations that start and change"
  role              = aws_iam_role.conversations[0].arn
  handler           = "turnout.serverless.conversations.handler"
  runtime           = var.package.runtime
  architectures     = [var.package.architecture]
  filename          = var.package.file
  source_code_hash  = var.package.file == null ? null : filebase64sha256(var.package.file)
  s3_bucket         = var.package.bucket
  s3_key            = var.package.key
  s3_object_version = var.package.version
  memory_size       = var.conversations.memory
  timeout           = var.conversations.timeout_seconds
  kms_key_arn       = local.key_arn

  environment {
    variables = merge(local.environment, var.genesys_environment, var.conversations.environment)
  }
  logging_config {
    log_format = "Text" # Turnout writes JSON by itself
    log_group  = aws_cloudwatch_log_group.conversations[0].name
  }

  depends_on = [aws_iam_role_policy.conversations]
}

resource "aws_lambda_event_source_mapping" "conversations" {
  count = var.conversations == null ? 0 : 1

  event_source_arn = aws_sqs_queue.target[var.conversations.target].arn
  function_name    = aws_lambda_function.conversations[0].arn
  batch_size       = 10
  # Only what failed stays in the queue.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.conversations.maximum_concurrency
  }
}

resource "aws_cloudwatch_metric_alarm" "conversations" {
  for_each = var.conversations == null ? toset([]) : toset(["Errors", "Throttles"])

  alarm_name          = "${var.name}-conversations-${lower(each.key)}"
  alarm_description   = "${each.key} of the function that follows conversations: whole batches go back to their queue."
  namespace           = "AWS/Lambda"
  metric_name         = each.key
  dimensions          = { FunctionName = aws_lambda_function.conversations[0].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = min(1440, max(15, ceil(3 * var.targets[var.conversations.target].visibility_seconds / 60)))
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}
