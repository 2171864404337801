# The worker's role for Kubernetes, through the service account of deploy/kubernetes (IRSA), and a policy for KEDA.

resource "aws_iam_role" "kubernetes" {
  count = var.kubernetes == null ? 0 : 1

  name               = "${var.name}-kubernetes"
  description        = "The worker in Kubernetes: reads the source queues, sends to the targets and the dead-letter queue"
  assume_role_policy = data.aws_iam_policy_document.kubernetes_assumes[0].json
}

data "aws_iam_policy_document" "kubernetes_assumes" {
  count = var.kubernetes == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.kubernetes.oidc_provider_arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${split(":oidc-provider/", var.kubernetes.oidc_provider_arn)[1]}:sub"
      values   = ["system:serviceaccount:${var.kubernetes.namespace}:${var.kubernetes.service_account}"]
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
