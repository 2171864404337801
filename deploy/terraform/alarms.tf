# What somebody has to look at. docs/operations.md and docs/deployment.md say what to do about each.

locals {
  # Letters and failures of consumers: these queues are empty when all is well.
  failure_queues = merge(
    { dead-letter = aws_sqs_queue.dead_letter.name, undelivered = aws_sqs_queue.undelivered.name },
    { for queue in aws_sqs_queue.parked : "parked" => queue.name },
    { for name, queue in aws_sqs_queue.target_dead_letter : "${name}-dead-letter" => queue.name },
  )

  # A batch that fails comes again when its visibility timeout is over. Where little comes that is all that is seen, so
  # three failures count within the time in which one message fails three times. CloudWatch looks back a day at most.
  failing_minutes = min(1440, max(15, ceil(3 * var.source_visibility_seconds / 60)))
}

resource "aws_cloudwatch_metric_alarm" "source_age" {
  for_each = aws_sqs_queue.source

  alarm_name          = "${var.name}-${each.key}-age"
  alarm_description   = "An event has waited in ${each.value.name} for ${var.alarms.source_age_seconds} s: routing falls behind or has stopped."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.alarms.source_age_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "target_age" {
  for_each = aws_sqs_queue.target

  alarm_name          = "${var.name}-${each.key}-age"
  alarm_description   = "An event has waited in ${each.value.name} for ${var.alarms.target_age_seconds} s: its consumer falls behind or has stopped."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.alarms.target_age_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each = local.failure_queues

  alarm_name        = "${var.name}-${each.key}-not-empty"
  alarm_description = "${each.value} is not empty: somebody has to look at what is in it, within 14 days."
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  dimensions        = { QueueName = each.value }
  statistic         = "Maximum"
  period            = 60
  # Recovery has an hour for what comes into its queues.
  evaluation_periods  = var.recovery != null && contains(["dead-letter", "undelivered"], each.key) ? 60 : 1
  threshold           = var.alarms.dead_letters_tolerated
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "no_deletes" {
  for_each = aws_sqs_queue.source

  alarm_name          = "${var.name}-${each.key}-no-deletes"
  alarm_description   = "Events wait in ${each.value.name}, and none was finished for ${var.alarms.quiet_minutes} minutes: nobody reads it, or nothing succeeds."
  evaluation_periods  = var.alarms.quiet_minutes
  datapoints_to_alarm = var.alarms.quiet_minutes
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions

  metric_query {
    id          = "stuck"
    expression  = "IF(visible > 0 AND FILL(deleted, 0) == 0, 1, 0)"
    label       = "Events wait, none is finished"
    return_data = true
  }
  metric_query {
    id = "visible"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = each.value.name }
      stat        = "Maximum"
      period      = 60
    }
  }
  metric_query {
    id = "deleted"
    metric {
      namespace   = "AWS/SQS"
      metric_name = "NumberOfMessagesDeleted"
      dimensions  = { QueueName = each.value.name }
      stat        = "Sum"
      period      = 60
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "in_flight" {
  for_each = aws_sqs_queue.source

  alarm_name          = "${var.name}-${each.key}-in-flight"
  alarm_description   = "${each.value.name} has ${var.alarms.in_flight_per_queue} events in flight; SQS hands out about 120,000 and then no more."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesNotVisible"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.alarms.in_flight_per_queue
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

# An event that EventBridge can put neither into the queue nor into the dead-letter queue is lost: nothing may raise this.
resource "aws_cloudwatch_metric_alarm" "lost_before_the_queue" {
  for_each = aws_cloudwatch_event_rule.source

  alarm_name          = "${var.name}-${each.key}-lost-before-the-queue"
  alarm_description   = "EventBridge could put events of rule ${each.value.name} neither into the queue nor into ${aws_sqs_queue.undelivered.name}. They are lost."
  namespace           = "AWS/Events"
  metric_name         = "InvocationsFailedToBeSentToDlq"
  dimensions          = merge(local.bus_dimension, { RuleName = each.value.name })
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "rule_throttled" {
  for_each = aws_cloudwatch_event_rule.source

  alarm_name          = "${var.name}-${each.key}-throttled"
  alarm_description   = "EventBridge throttles rule ${each.value.name}: ask for a higher limit of invocations."
  namespace           = "AWS/Events"
  metric_name         = "ThrottledRules"
  dimensions          = merge(local.bus_dimension, { RuleName = each.value.name })
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "table_throttled" {
  for_each = var.idempotency ? toset(["GetItem", "UpdateItem"]) : []

  alarm_name          = "${var.name}-idempotency-throttled-${lower(each.key)}"
  alarm_description   = "DynamoDB throttles the idempotency table: the worker goes on without it, so duplicates are possible."
  namespace           = "AWS/DynamoDB"
  metric_name         = "ThrottledRequests"
  dimensions          = { TableName = aws_dynamodb_table.idempotency[0].name, Operation = each.key }
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarms.actions
}

resource "aws_cloudwatch_metric_alarm" "too_few_workers" {
  count = var.worker == null ? 0 : 1

  alarm_name          = "${var.name}-too-few-workers"
  alarm_description   = "Fewer than ${var.worker.min_tasks} workers run: tasks do not start, or do not stay healthy."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.this[0].name, ServiceName = aws_ecs_service.worker[0].name }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.worker.min_tasks
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarms.actions
  ok_actions          = var.alarms.actions
}
