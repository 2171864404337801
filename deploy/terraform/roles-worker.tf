# The worker's own role, and the one with which ECS starts it.

data "aws_iam_policy_document" "ecs_assumes" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${local.partition}:ecs:${local.region}:${local.account}:*"]
    }
  }
}

resource "aws_iam_role" "worker" {
  count = var.worker == null ? 0 : 1

  name               = "${var.name}-worker"
  description        = "Reads the source queues, sends to the targets and the dead-letter queue"
  assume_role_policy = data.aws_iam_policy_document.ecs_assumes.json
}

resource "aws_iam_role_policy" "worker" {
  count = var.worker == null ? 0 : 1

  name   = "worker"
  role   = aws_iam_role.worker[0].name
  policy = data.aws_iam_policy_document.worker.json
}

data "aws_iam_policy_document" "worker" {
  source_policy_documents = [data.aws_iam_policy_document.routing.json]

  statement {
    sid       = "ReadSources"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"]
    resources = local.source_queue_arns
  }
}

resource "aws_iam_role" "worker_start" {
  count = var.worker == null ? 0 : 1

  name               = "${var.name}-worker-start"
  description        = "Fetches the worker's image and secrets, writes its log"
  assume_role_policy = data.aws_iam_policy_document.ecs_assumes.json
}

resource "aws_iam_role_policy" "worker_start" {
  count = var.worker == null ? 0 : 1

  name   = "start"
  role   = aws_iam_role.worker_start[0].name
  policy = data.aws_iam_policy_document.worker_start[0].json
}

data "aws_iam_policy_document" "worker_start" {
  count = var.worker == null ? 0 : 1

  # ECR knows no resource for this action.
  statement {
    sid       = "LogIntoEcr"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "FetchTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.worker.repository_arn]
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.worker[0].arn}:*"]
  }

  dynamic "statement" {
    for_each = length(var.worker.secrets) > 0 ? [values(var.worker.secrets)] : []
    content {
      sid     = "ReadSecrets"
      actions = ["secretsmanager:GetSecretValue"]
      # A variable may take one key of a secret (`...:token::`); what is granted is the secret.
      resources = distinct([for arn in statement.value : join(":", slice(split(":", arn), 0, 7))])
    }
  }
}
