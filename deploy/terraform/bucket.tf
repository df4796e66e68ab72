# No rule expires a file or moves it to Glacier: a repository's files belong together, however old some are.
resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:access logs cost more than they tell here; CloudTrail's data events can be switched on for the bucket
  #checkov:skip=CKV_AWS_19:aws_s3_bucket_server_side_encryption_configuration does; with which key is a choice
  #checkov:skip=CKV_AWS_144:copies in another region are a choice of their own, with costs of their own
  #checkov:skip=CKV_AWS_145:bucket_key_arn encrypts it with a key of yours
  #checkov:skip=CKV2_AWS_62:nobody waits for events of single files
  bucket = var.bucket
  tags   = var.tags
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = var.bucket_key_arn != ""

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.bucket_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.bucket_key_arn == "" ? null : var.bucket_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # The rules are about versions.
  depends_on = [aws_s3_bucket_versioning.this]
  bucket     = aws_s3_bucket.this.id

  rule {
    id     = "old-versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_versions_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  rule {
    id     = "unfinished-uploads"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  depends_on = [aws_s3_bucket_public_access_block.this]
  bucket     = aws_s3_bucket.this.id
  policy     = templatefile("${path.module}/policies/only_tls.json.tftpl", { bucket_arn = local.bucket_arn })
}
