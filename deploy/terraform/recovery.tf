# Recovery by itself: one function on the dead-letter queues, or a state machine with a function for each state.

resource "aws_cloudwatch_log_group" "recovery" {
  count = var.recovery == null ? 0 : 1

  name              = "/${var.name}/recovery"
  retention_in_days = var.recovery.log_days
  kms_key_id        = local.key_arn
}

locals {
  letter_queues = { dead-letter = aws_sqs_queue.dead_letter, undelivered = aws_sqs_queue.undelivered }

  recovery_function_environment = var.recovery == null ? {} : merge(
    local.environment,
    local.recovery_environment,
    { TURNOUT_PARKED_QUEUE_URL = aws_sqs_queue.parked[0].url },
    var.genesys_environment,
    var.recovery.environment,
  )

  # The states of deploy/stepfunctions/recovery.asl.json that call a function, which has the state's name there.
  steps = local.by_state_machine ? toset(["archive", "classify", "correlate", "deliver", "notify", "park"]) : toset([])
}

# ------------------------------------------------------------------------------------------------------- function

resource "aws_lambda_function" "recovery" {
  count = local.by_function ? 1 : 0

  function_name     = "${var.name}-recovery"
  description       = "Recovers letters: correlates, delivers again, archives, reports"
  role              = aws_iam_role.recovery[0].arn
  handler           = "turnout.serverless.recovery.handler"
  runtime           = var.package.runtime
  architectures     = [var.package.architecture]
  filename          = var.package.file
  source_code_hash  = var.package.file == null ? null : filebase64sha256(var.package.file)
  s3_bucket         = var.package.bucket
  s3_key            = var.package.key
  s3_object_version = var.package.version
  memory_size       = var.recovery.memory
  timeout           = var.recovery.timeout_seconds
  kms_key_arn       = local.key_arn

  environment {
    variables = local.recovery_function_environment
  }
  logging_config {
    log_format = "Text" # Turnout writes JSON by itself
    log_group  = aws_cloudwatch_log_group.recovery[0].name
  }

  depends_on = [aws_iam_role_policy.recovery]
}

resource "aws_lambda_event_source_mapping" "recovery" {
  for_each = { for name, queue in local.letter_queues : name => queue if local.by_function }

  event_source_arn = each.value.arn
  function_name    = aws_lambda_function.recovery[0].arn
  batch_size       = var.recovery.batch_size
  # Only what failed stays in the queue.
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = var.recovery.maximum_concurrency
  }
}

# -------------------------------------------------------------------------------------------------- state machine

resource "aws_lambda_function" "step" {
  for_each = local.steps

  function_name     = "${var.name}-recovery-${each.key}"
  description       = "The state ${each.key} of recovery"
  role              = aws_iam_role.steps[0].arn
  handler           = "turnout.serverless.steps.${each.key}"
  runtime           = var.package.runtime
  architectures     = [var.package.architecture]
  filename          = var.package.file
  source_code_hash  = var.package.file == null ? null : filebase64sha256(var.package.file)
  s3_bucket         = var.package.bucket
  s3_key            = var.package.key
  s3_object_version = var.package.version
  memory_size       = var.recovery.memory
  timeout           = var.recovery.timeout_seconds
  kms_key_arn       = local.key_arn

  # Nothing else bounds how many executions there are: a pipe starts one for each letter, as fast as they come.
  reserved_concurrent_executions = each.key == "deliver" ? var.recovery.maximum_deliveries : -1

  environment {
    variables = local.recovery_function_environment
  }
  logging_config {
    log_format = "Text" # Turnout writes JSON by itself
    log_group  = aws_cloudwatch_log_group.recovery[0].name
  }

  depends_on = [aws_iam_role_policy.steps]
}

resource "aws_sfn_state_machine" "recovery" {
  count = local.by_state_machine ? 1 : 0

  name     = "${var.name}-recovery"
  role_arn = aws_iam_role.state_machine[0].arn
  type     = "STANDARD"
  definition = templatefile(
    "${path.module}/../stepfunctions/recovery.asl.json",
    { for name, function in aws_lambda_function.step : name => function.arn },
  )

  # The history of an execution holds the letter.
  encryption_configuration {
    type                              = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = local.key_arn
    kms_data_key_reuse_period_seconds = 300
  }

  depends_on = [aws_iam_role_policy.state_machine]
}

resource "aws_cloudwatch_log_group" "pipes" {
  count = local.by_state_machine ? 1 : 0

  name              = "/${var.name}/pipes"
  retention_in_days = var.recovery.log_days
  kms_key_id        = local.key_arn
}

resource "aws_pipes_pipe" "recovery" {
  for_each = { for name, queue in local.letter_queues : name => queue if local.by_state_machine }

  name        = "${var.name}-${each.key}"
  description = "Starts recovery of what comes into ${each.value.name}"
  role_arn    = aws_iam_role.pipe[0].arn
  source      = each.value.arn
  target      = aws_sfn_state_machine.recovery[0].arn

  # One letter for each execution: its state is 256 KiB at most, and a large letter must not fail others with it.
  source_parameters {
    sqs_queue_parameters {
      batch_size = 1
    }
  }
  # From here on the execution answers for the letters: what it cannot recover it parks.
  target_parameters {
    step_function_state_machine_parameters {
      invocation_type = "FIRE_AND_FORGET"
    }
  }
  # Why an execution could not be started, which nothing else tells; without the letter itself.
  log_configuration {
    level = "ERROR"
    cloudwatch_logs_log_destination {
      log_group_arn = aws_cloudwatch_log_group.pipes[0].arn
    }
  }

  depends_on = [aws_iam_role_policy.pipe]
}

# --------------------------------------------------------------------------------------------------------- alarms

resource "aws_cloudwatch_metric_alarm" "recovery_function" {
  for_each = local.by_function ? toset(["Errors", "Throttles"]) : toset([])

  alarm_name          = "${var.name}-recovery-${lower(each.key)}"
  alarm_description   = "${each.key} of the recovery function: its letters stay in their queue, and are parked in the end."
  namespace           = "AWS/Lambda"
  metric_name         = each.key
  dimensions          = { FunctionName = aws_lambda_function.recovery[0].function_name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = local.failing_minutes
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

# An execution fails only when letters could not even be parked; they are in its input then.
resource "aws_cloudwatch_metric_alarm" "recovery_executions" {
  for_each = local.by_state_machine ? toset(["ExecutionsAborted", "ExecutionsFailed", "ExecutionsTimedOut"]) : toset([])

  alarm_name          = "${var.name}-recovery-${lower(each.key)}"
  alarm_description   = "${each.key} of recovery: letters are in the input of the execution only. Start it again with that."
  namespace           = "AWS/States"
  metric_name         = each.key
  dimensions          = { StateMachineArn = aws_sfn_state_machine.recovery[0].arn }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

# The letters stay in their queue meanwhile, and are parked in the end without having been tried.
resource "aws_cloudwatch_metric_alarm" "recovery_pipe" {
  for_each = aws_pipes_pipe.recovery

  alarm_name          = "${var.name}-recovery-pipe-${each.key}"
  alarm_description   = "The pipe ${each.value.name} cannot start recovery of letters: its log says why."
  namespace           = "AWS/EventBridge/Pipes"
  metric_name         = "ExecutionFailed"
  dimensions          = { PipeName = each.value.name }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = local.failing_minutes
  datapoints_to_alarm = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}
