# The router function's role. Lambda itself reads the queue with it.

# Functions, pipes and state machines: their services take a role for this account alone.
data "aws_iam_policy_document" "assumes" {
  for_each = toset(["lambda", "pipes", "states"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "router" {
  count = var.router == null ? 0 : 1

  name               = "${var.name}-router"
  description        = "Routes what Lambda reads from the source queues"
  assume_role_policy = data.aws_iam_policy_document.assumes["lambda"].json
}

resource "aws_iam_role_policy" "router" {
  count = var.router == null ? 0 : 1

  name   = "router"
  role   = aws_iam_role.router[0].name
  policy = data.aws_iam_policy_document.router[0].json
}

data "aws_iam_policy_document" "router" {
  count = var.router == null ? 0 : 1

  source_policy_documents = [data.aws_iam_policy_document.routing.json]

  statement {
    sid       = "LambdaReadsSources"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = local.source_queue_arns
  }

  statement {
    sid       = "WriteTheLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.router[0].arn}:*"]
  }
}
