# One page in CloudWatch. What the workers themselves measure is in Prometheus: deploy/grafana. What functions measure
# themselves is in their log, of which CloudWatch makes the metrics of the namespace Turnout.

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for index, panel in [for panel in local.panels : panel if length(panel.metrics) > 0] : {
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
  function_names = concat(
    aws_lambda_function.router[*].function_name,
    aws_lambda_function.recovery[*].function_name,
    [for function in aws_lambda_function.step : function.function_name],
    aws_lambda_function.conversations[*].function_name,
  )

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
    [
      {
        title = "Functions: calls, and those that failed or were throttled"
        stat  = "Sum"
        metrics = concat([for metric in ["Invocations", "Errors", "Throttles"] : [
          for name in local.function_names : ["AWS/Lambda", metric, "FunctionName", name]
        ]]...)
      },
      {
        title   = "Functions: the longest call, in milliseconds"
        stat    = "Maximum"
        metrics = [for name in local.function_names : ["AWS/Lambda", "Duration", "FunctionName", name]]
      },
    ],
    var.router == null ? [] : [
      {
        title = "Router: how events' stays ended"
        stat  = "Sum"
        metrics = [
          for outcome in ["delivered", "dead_lettered", "dropped", "handed_back"] :
          ["Turnout", "turnout.messages.settled", "FunctionName", aws_lambda_function.router[0].function_name, "outcome", outcome]
        ]
      },
    ],
    !local.by_function ? [] : [
      {
        title = "Recovery: what became of letters"
        stat  = "Sum"
        metrics = [
          for outcome in ["delivered", "archived", "parked", "failed", "known", "held", "behind"] :
          ["Turnout", "turnout.recovered", "FunctionName", aws_lambda_function.recovery[0].function_name, "outcome", outcome]
        ]
      },
    ],
    !local.by_state_machine ? [] : [
      {
        title = "Recovery: executions, and pipes that could start none"
        stat  = "Sum"
        metrics = concat(
          [
            for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsAborted", "ExecutionsTimedOut"] :
            ["AWS/States", metric, "StateMachineArn", aws_sfn_state_machine.recovery[0].arn]
          ],
          [for pipe in aws_pipes_pipe.recovery : ["AWS/EventBridge/Pipes", "ExecutionFailed", "PipeName", pipe.name]],
        )
      },
    ],
  )
}
