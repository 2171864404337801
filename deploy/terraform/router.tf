# The router as a Lambda function, on every source queue.

resource "aws_cloudwatch_log_group" "router" {
  count = var.router == null ? 0 : 1

  name              = "/${var.name}/router"
  retention_in_days = var.router.log_days
  kms_key_id        = local.key_arn
}

resource "aws_lambda_function" "router" {
  count = var.router == null ? 0 : 1

  function_name     = "${var.name}-router"
  description       = "Routes events from the source queues by rules"
  role              = aws_iam_role.router[0].arn
  handler           = "turnout.serverless.router.handler"
  runtime           = var.package.runtime
  architectures     = [var.package.architecture]
  filename          = var.package.file
  source_code_hash  = var.package.file == null ? null : filebase64sha256(var.package.file)
  s3_bucket         = var.package.bucket
  s3_key            = var.package.key
  s3_object_version = var.package.version
  memory_size       = var.router.memory
  timeout           = var.router.timeout_seconds
  kms_key_arn       = local.key_arn

  environment {
    variables = merge(local.environment, var.router.environment)
  }
  logging_config {
    log_format = "Text" # Turnout writes JSON by itself
    log_group  = aws_cloudwatch_log_group.router[0].name
  }

  depends_on = [aws_iam_role_policy.router]
}

resource "aws_lambda_event_source_mapping" "router" {
  for_each = var.router == null ? {} : aws_sqs_queue.source

  event_source_arn                   = each.value.arn
  function_name                      = aws_lambda_function.router[0].arn
  batch_size                         = var.router.batch_size
  maximum_batching_window_in_seconds = var.router.batch_window_seconds
  # Only what failed stays in the queue.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.router.maximum_concurrency
  }
}

resource "aws_cloudwatch_metric_alarm" "router" {
  for_each = var.router == null ? toset([]) : toset(["Errors", "Throttles"])

  alarm_name          = "${var.name}-router-${lower(each.key)}"
  alarm_description   = "${each.key} of the router function: whole batches go back to their queue."
  namespace           = "AWS/Lambda"
  metric_name         = each.key
  dimensions          = { FunctionName = aws_lambda_function.router[0].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = local.failing_minutes
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}
