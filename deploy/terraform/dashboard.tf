# One page in CloudWatch. What the workers themselves measure is in Prometheus: deploy/grafana.

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for index, panel in local.panels : {
      type   = "metric"
      x      = index % 2 * 12
      y      = floor(index / 2) * 6
      width  = 12
      height = 6
      properties = {
        title   = panel.title
        region  = local.region
        view    = "timeSeries"
        stat    = panel.stat
        period  = 60
        metrics = panel.metrics
      }
    }]
  })
}

locals {
  source_names = [for queue in aws_sqs_queue.source : queue.name]
  target_names = [for queue in aws_sqs_queue.target : queue.name]

  panels = concat(
    [
      {
        title   = "Events waiting"
        stat    = "Maximum"
        metrics = [for name in local.source_names : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
      },
      {
        title   = "Age of the oldest event, in seconds"
        stat    = "Maximum"
        metrics = [for name in local.source_names : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", name]]
      },
      {
        title = "Received from and finished in the sources"
        stat  = "Sum"
        metrics = concat(
          [for name in local.source_names : ["AWS/SQS", "NumberOfMessagesReceived", "QueueName", name]],
          [for name in local.source_names : ["AWS/SQS", "NumberOfMessagesDeleted", "QueueName", name]],
        )
      },
      {
        title   = "Sent to the targets"
        stat    = "Sum"
        metrics = [for name in local.target_names : ["AWS/SQS", "NumberOfMessagesSent", "QueueName", name]]
      },
      {
        title   = "Letters and failures"
        stat    = "Maximum"
        metrics = [for name in values(local.failure_queues) : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name]]
      },
      {
        title = "EventBridge: matched, and failed to deliver"
        stat  = "Sum"
        metrics = concat([for metric in ["MatchedEvents", "FailedInvocations"] : [
          for rule in aws_cloudwatch_event_rule.source :
          concat(["AWS/Events", metric], flatten([for name, value in local.bus_dimension : [name, value]]), ["RuleName", rule.name])
        ]]...)
      },
    ],
    var.worker == null ? [] : [
      {
        title   = "Workers running"
        stat    = "Average"
        metrics = [["ECS/ContainerInsights", "RunningTaskCount", "ClusterName", aws_ecs_cluster.this[0].name, "ServiceName", aws_ecs_service.worker[0].name]]
      },
      {
        title = "CPU and memory of the workers, in percent"
        stat  = "Maximum"
        metrics = [
          ["AWS/ECS", "CPUUtilization", "ClusterName", aws_ecs_cluster.this[0].name, "ServiceName", aws_ecs_service.worker[0].name],
          ["AWS/ECS", "MemoryUtilization", "ClusterName", aws_ecs_cluster.this[0].name, "ServiceName", aws_ecs_service.worker[0].name],
        ]
      },
    ],
  )
}
