locals {
  # AWS puts the time in.
  scheduled_time = "<aws.scheduler.scheduled-time>"

  registration = merge(
    {
      S3Bucket = aws_s3_bucket.this.id
      RoleArn  = aws_iam_role.snapshot.arn
    },
    local.region == local.domain_region ? {} : { BucketRegion = local.region },
    var.base_path == "" ? {} : { BasePath = var.base_path },
  )

  tick = {
    version       = "0"
    "detail-type" = "Scheduled Event"
    source        = "aws.scheduler"
    time          = local.scheduled_time
    detail        = {}
  }

  backup = merge(local.registration, { Action = "backup", SlotTime = local.scheduled_time, Wait = 900 })
  event  = var.configuration_parameter == "" ? jsonencode(local.backup) : jsonencode(local.tick)
}

# The scheduled time makes the snapshot's name: a schedule that fires twice makes one snapshot.
resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:the event holds names only
  name                         = var.name
  description                  = "When snapkeep runs"
  schedule_expression          = var.schedule
  schedule_expression_timezone = var.time_zone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.this.arn
    role_arn = aws_iam_role.schedule.arn
    # Terraform's jsonencode writes < and > as \u003c and \u003e; the scheduler looks for its words as they are.
    input = replace(replace(local.event, "\\u003c", "<"), "\\u003e", ">")

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }

    retry_policy {
      maximum_retry_attempts       = 10
      maximum_event_age_in_seconds = 3600
    }
  }
}
