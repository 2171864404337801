# The roles for Kubernetes, through the service accounts of deploy/kubernetes (IRSA): the worker's, and that of recovery
# (`turnout dlq work`). And a policy for KEDA.

locals {
  kubernetes_recovery = try(var.kubernetes.recovery, false)
}

resource "aws_iam_role" "kubernetes" {
  count = var.kubernetes == null ? 0 : 1

  name               = "${var.name}-kubernetes"
  description        = "The worker in Kubernetes: reads the source queues, sends to the targets and the dead-letter queue"
  assume_role_policy = data.aws_iam_policy_document.kubernetes_assumes["worker"].json
}

data "aws_iam_policy_document" "kubernetes_assumes" {
  for_each = var.kubernetes == null ? {} : {
    worker   = var.kubernetes.service_account
    recovery = "${var.kubernetes.service_account}-recovery"
  }

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.kubernetes.oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${split(":oidc-provider/", var.kubernetes.oidc_provider_arn)[1]}:sub"
      values   = ["system:serviceaccount:${var.kubernetes.namespace}:${each.value}"]
    }
    condition {
      test     = "StringEquals"
      variable = "${split(":oidc-provider/", var.kubernetes.oidc_provider_arn)[1]}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "kubernetes" {
  count = var.kubernetes == null ? 0 : 1

  name   = "worker"
  role   = aws_iam_role.kubernetes[0].name
  policy = data.aws_iam_policy_document.worker.json
}

resource "aws_iam_role" "kubernetes_recovery" {
  count = local.kubernetes_recovery ? 1 : 0

  name               = "${var.name}-kubernetes-recovery"
  description        = "Recovery in Kubernetes: reads letters, delivers them again, archives them"
  assume_role_policy = data.aws_iam_policy_document.kubernetes_assumes["recovery"].json
}

resource "aws_iam_role_policy" "kubernetes_recovery" {
  count = local.kubernetes_recovery ? 1 : 0

  name   = "recovery"
  role   = aws_iam_role.kubernetes_recovery[0].name
  policy = data.aws_iam_policy_document.kubernetes_recovery.json
}

data "aws_iam_policy_document" "kubernetes_recovery" {
  source_policy_documents = [data.aws_iam_policy_document.recovering.json]

  statement {
    sid = "HoldAndFinishLetters"
    actions = [
      "sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage",
    ]
    resources = [aws_sqs_queue.dead_letter.arn, aws_sqs_queue.undelivered.arn]
  }

  # For its health report, and for what was tried before.
  statement {
    sid       = "LookThroughTheLedger"
    actions   = ["dynamodb:Query"]
    resources = local.ledger_arns
  }
}

# For the role of KEDA's operator, which asks for the length of the queues.
resource "aws_iam_policy" "keda" {
  count = var.kubernetes == null ? 0 : 1

  name        = "${var.name}-keda"
  description = "See how many events wait in the source queues"
  policy      = data.aws_iam_policy_document.keda.json
}

data "aws_iam_policy_document" "keda" {
  statement {
    sid       = "SeeSourceQueues"
    actions   = ["sqs:GetQueueAttributes"]
    resources = local.source_queue_arns
  }
}
