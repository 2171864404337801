# What is remembered: the idempotency table, the ledger of recovery, and the archive.

resource "aws_dynamodb_table" "idempotency" {
  count = var.idempotency ? 1 : 0

  name                        = "${var.name}-idempotency"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "key"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "key"
    type = "S"
  }
  ttl {
    attribute_name = "expires"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = local.key_arn
  }
}

resource "aws_dynamodb_table" "ledger" {
  name                        = "${var.name}-ledger"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  range_key                   = "sk"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "sk"
    type = "S"
  }
  attribute {
    name = "shelf"
    type = "S"
  }
  attribute {
    name = "changed"
    type = "N"
  }
  global_secondary_index {
    name            = "shelves"
    hash_key        = "shelf"
    range_key       = "changed"
    projection_type = "ALL"
  }
  ttl {
    attribute_name = "expires"
    enabled        = true
  }
  point_in_time_recovery {
    enabled = true
  }
  server_side_encryption {
    enabled     = true
    kms_key_arn = local.key_arn
  }
}

# ------------------------------------------------------------------------------------------------------- archive

resource "aws_s3_bucket" "archive" {
  count = var.archive == null ? 0 : 1

  bucket        = "${var.name}-archive-${local.account}-${local.region}"
  force_destroy = var.archive.force_destroy
}

resource "aws_s3_bucket_public_access_block" "archive" {
  count = var.archive == null ? 0 : 1

  bucket                  = aws_s3_bucket.archive[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "archive" {
  count = var.archive == null ? 0 : 1

  bucket = aws_s3_bucket.archive[0].id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "archive" {
  count = var.archive == null ? 0 : 1

  bucket = aws_s3_bucket.archive[0].id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "archive" {
  count = var.archive == null ? 0 : 1

  bucket = aws_s3_bucket.archive[0].id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.key_arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "archive" {
  count = var.archive == null ? 0 : 1

  bucket = aws_s3_bucket.archive[0].id
  rule {
    id     = "age"
    status = "Enabled"
    filter {}
    transition {
      days          = var.archive.infrequent_access_days
      storage_class = "STANDARD_IA"
    }
    expiration {
      days = var.archive.expiration_days
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.archive]
}

resource "aws_s3_bucket_policy" "archive" {
  count = var.archive == null ? 0 : 1

  bucket = aws_s3_bucket.archive[0].id
  policy = data.aws_iam_policy_document.archive[0].json

  depends_on = [aws_s3_bucket_public_access_block.archive]
}

data "aws_iam_policy_document" "archive" {
  count = var.archive == null ? 0 : 1

  statement {
    sid       = "EncryptedTransportOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.archive[0].arn, "${aws_s3_bucket.archive[0].arn}/*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
