# What recovery needs, whoever does it: operators with `turnout dlq`, a processor, or the functions.

data "aws_iam_policy_document" "recovering" {
  source_policy_documents = [data.aws_iam_policy_document.other_targets.json]

  statement {
    sid       = "SendAgain"
    actions   = ["sqs:SendMessage"]
    resources = concat(local.source_queue_arns, local.target_queue_arns)
  }

  statement {
    sid       = "KeepTheLedger"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [aws_dynamodb_table.ledger.arn]
  }

  # Not s3:ListBucket: letters are written where there is none yet, and one that is gone before it was looked at makes no
  # difference, whether S3 says so (404) or not (403).
  dynamic "statement" {
    for_each = aws_s3_bucket.archive[*].arn
    content {
      sid       = "ArchiveLetters"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${statement.value}/*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.other_targets.functions) > 0 ? [var.other_targets.functions] : []
    content {
      sid     = "InvokeFunctions"
      actions = ["lambda:InvokeFunction"]
      # Lambda's own letters name the version that failed, mostly $LATEST: to permit a function permits none of those.
      resources = flatten([for arn in statement.value : [arn, "${arn}:*"]])
    }
  }

  statement {
    sid       = "UseTheKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values = [
        "dynamodb.${local.region}.amazonaws.com",
        "s3.${local.region}.amazonaws.com",
        "sqs.${local.region}.amazonaws.com",
      ]
    }
  }
}
