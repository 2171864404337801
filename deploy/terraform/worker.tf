# The worker on ECS Fargate: spread over subnets, on a root file system that nothing can be written to.

resource "aws_cloudwatch_log_group" "worker" {
  count = var.worker == null ? 0 : 1

  name              = "/${var.name}/worker"
  retention_in_days = var.worker.log_days
  kms_key_id        = local.key_arn
}

resource "aws_ecs_cluster" "this" {
  count = var.worker == null ? 0 : 1

  name = var.name
  # The number of running tasks, which scaling divides the backlog by, comes from there.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_task_definition" "worker" {
  count = var.worker == null ? 0 : 1

  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.worker.cpu
  memory                   = var.worker.memory
  task_role_arn            = aws_iam_role.worker[0].arn
  execution_role_arn       = aws_iam_role.worker_start[0].arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = var.worker.architecture
  }

  container_definitions = jsonencode([{
    name                   = "worker"
    image                  = var.worker.image
    essential              = true
    readonlyRootFilesystem = true
    user                   = "10001:10001"
    stopTimeout            = local.worker_stop_seconds
    linuxParameters = {
      initProcessEnabled = true
      capabilities       = { drop = ["ALL"] }
    }
    # That of the image: ECS does not take over what the image says.
    healthCheck = {
      command     = ["CMD", "python", "-I", "-S", "-c", local.health_check]
      interval    = 15
      timeout     = 5
      retries     = 3
      startPeriod = 15
    }
    environment = [for name, value in local.worker_environment : { name = name, value = value }]
    secrets     = [for name, arn in var.worker.secrets : { name = name, valueFrom = arn }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.worker[0].name
        awslogs-region        = local.region
        awslogs-stream-prefix = "worker"
        # A log that cannot be written must not hold up the work.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }])
}

locals {
  worker_environment = var.worker == null ? {} : merge(
    {
      AWS_REGION         = local.region
      TURNOUT_LOG_FORMAT = "json"
      # A held byte takes about two of memory; the process itself takes about 110 MiB. Of several, each holds so much.
      TURNOUT_MAX_IN_FLIGHT_MIB = tostring(floor((var.worker.memory / local.worker_processes - 192) / 2.25))
    },
    local.environment,
    var.worker.environment,
  )

  worker_processes = tonumber(try(var.worker.environment.TURNOUT_PROCESSES, 1))

  # The drain, then the last metrics and the last spans, each in its time where their collector is away, and ten to close.
  worker_stop_seconds = ceil(
    tonumber(lookup(local.worker_environment, "TURNOUT_DRAIN_SECONDS", 25)) +
    2 * tonumber(lookup(local.worker_environment, "TURNOUT_TELEMETRY_SECONDS", 5)) + 10
  )

  health_check = "import os, http.client as h; p = int(os.environ.get('TURNOUT_HTTP_PORT') or 0); c = h.HTTPConnection('127.0.0.1', p, timeout=4); raise SystemExit(p and (c.request('GET', '/livez') or c.getresponse().status != 200))"
}

resource "aws_ecs_service" "worker" {
  count = var.worker == null ? 0 : 1

  name                               = "worker"
  cluster                            = aws_ecs_cluster.this[0].id
  task_definition                    = aws_ecs_task_definition.worker[0].arn
  launch_type                        = "FARGATE"
  desired_count                      = var.worker.min_tasks
  enable_execute_command             = false
  propagate_tags                     = "SERVICE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  # A version that does not become healthy is taken back; the old tasks work on meanwhile.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.worker.subnet_ids
    security_groups  = [aws_security_group.worker[0].id]
    assign_public_ip = var.worker.assign_public_ip
  }

  lifecycle {
    ignore_changes = [desired_count] # scaling.tf decides
  }

  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy.worker_start]
}

# Nobody connects to the worker; it connects to AWS, and to what egress_ports allows.
resource "aws_security_group" "worker" {
  count = var.worker == null ? 0 : 1

  name        = "${var.name}-worker"
  description = "The worker: nothing comes in, HTTPS goes out"
  vpc_id      = var.worker.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "worker" {
  for_each = var.worker == null ? toset([]) : toset([for port in setunion([443], var.worker.egress_ports) : tostring(port)])

  security_group_id = aws_security_group.worker[0].id
  description       = "TCP ${each.value}"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
  cidr_ipv4         = "0.0.0.0/0"
}
