# How many workers: by waiting events for each task, and by the age of the oldest, for which SQS counts those that are held,
# too. Whoever asks for more tasks gets them; tasks are taken away when few events wait.

resource "aws_appautoscaling_target" "worker" {
  count = var.worker == null ? 0 : 1

  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this[0].name}/${aws_ecs_service.worker[0].name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.worker.min_tasks
  max_capacity       = var.worker.max_tasks
}

resource "aws_appautoscaling_policy" "backlog" {
  count = var.worker == null ? 0 : 1

  name               = "backlog-per-task"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.worker[0].service_namespace
  resource_id        = aws_appautoscaling_target.worker[0].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[0].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.backlog_per_task
    scale_out_cooldown = 60
    # Slower than what is seen here within one minute: a task that stops hands back what it holds.
    scale_in_cooldown = 300

    customized_metric_specification {
      dynamic "metrics" {
        for_each = aws_sqs_queue.source
        content {
          id          = "visible_${replace(metrics.key, "-", "_")}"
          return_data = false
          metric_stat {
            stat = "Average"
            metric {
              namespace   = "AWS/SQS"
              metric_name = "ApproximateNumberOfMessagesVisible"
              dimensions {
                name  = "QueueName"
                value = metrics.value.name
              }
            }
          }
        }
      }
      metrics {
        id          = "tasks"
        return_data = false
        metric_stat {
          stat = "Average"
          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"
            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this[0].name
            }
            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.worker[0].name
            }
          }
        }
      }
      metrics {
        id         = "backlog_per_task"
        label      = "Waiting events for each task"
        expression = "(${join(" + ", [for name in keys(var.sources) : "visible_${replace(name, "-", "_")}"])}) / IF(tasks > 0, tasks, 1)"
      }
    }
  }
}

resource "aws_appautoscaling_policy" "age" {
  count = var.worker == null ? 0 : 1

  name               = "age"
  policy_type        = "StepScaling"
  service_namespace  = aws_appautoscaling_target.worker[0].service_namespace
  resource_id        = aws_appautoscaling_target.worker[0].resource_id
  scalable_dimension = aws_appautoscaling_target.worker[0].scalable_dimension

  step_scaling_policy_configuration {
    adjustment_type         = "ChangeInCapacity"
    metric_aggregation_type = "Maximum"
    cooldown                = 60

    step_adjustment {
      metric_interval_lower_bound = 0
      metric_interval_upper_bound = 4 * var.scaling.age_seconds
      scaling_adjustment          = 1
    }
    step_adjustment {
      metric_interval_lower_bound = 4 * var.scaling.age_seconds
      scaling_adjustment          = 3
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "scale_by_age" {
  for_each = var.worker == null ? {} : aws_sqs_queue.source

  alarm_name          = "${var.name}-${each.key}-scale-by-age"
  alarm_description   = "Adds workers: an event has waited in ${each.value.name} for ${var.scaling.age_seconds} s. No cause for alarm by itself."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = each.value.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 2
  threshold           = var.scaling.age_seconds
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_appautoscaling_policy.age[0].arn]
}
