resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:logs hold no secret and are encrypted by the service; function_key_arn encrypts them with a key of yours
  #checkov:skip=CKV_AWS_338:log_days keeps them for as long as you like
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = var.function_key_arn == "" ? null : var.function_key_arn
  tags              = var.tags
}

# Events that failed three times, and those that the scheduler could not deliver.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.function_key_arn == "" ? true : null
  kms_master_key_id         = var.function_key_arn == "" ? null : var.function_key_arn
  tags                      = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:a run is one line of JSON and a report; traces would add calls to another service
  #checkov:skip=CKV_AWS_115:reserved concurrency fails in small accounts, and nothing rests on it; reserved_concurrency sets it
  #checkov:skip=CKV_AWS_117:a public domain is reached from outside a VPC; subnet_ids and security_group_ids place it in one
  #checkov:skip=CKV_AWS_173:the environment holds no secret; function_key_arn encrypts it with a key of yours
  #checkov:skip=CKV_AWS_272:signing needs a profile of the account's own
  function_name                  = var.name
  description                    = "Keeps snapshots of the domain"
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  handler                        = "bootstrap"
  runtime                        = "provided.al2023"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 900
  role                           = aws_iam_role.function.arn
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.function_key_arn == "" ? null : var.function_key_arn
  tags                           = var.tags

  environment {
    variables = merge(
      {
        SNAPKEEP_ENDPOINT          = var.domain_endpoint
        SNAPKEEP_REPOSITORY        = var.repository
        SNAPKEEP_REGION            = local.domain_region
        SNAPKEEP_ALLOWED_BUCKETS   = aws_s3_bucket.this.id
        SNAPKEEP_ALLOWED_ROLE_ARNS = aws_iam_role.snapshot.arn
      },
      var.configuration_parameter == "" ? {} : { SNAPKEEP_CONFIG = "ssm:${var.configuration_parameter}" },
    )
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) == 0 ? [] : [true]

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters.arn
  }

  logging_config {
    log_format            = "JSON"
    application_log_level = "INFO"
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.this.name
  }

  # Lambda looks at once whether the role may use the queue and the VPC.
  depends_on = [aws_iam_role_policy.function]

  lifecycle {
    precondition {
      condition     = !contains(var.operations, "retention") || var.configuration_parameter != ""
      error_message = "Retention is what policies say: name the configuration with configuration_parameter."
    }

    precondition {
      condition     = !contains(var.operations, "drill") || var.configuration_parameter != ""
      error_message = "Drills are what policies say: name the configuration with configuration_parameter."
    }

    precondition {
      condition     = var.notify_topic_arn == "" || var.configuration_parameter != ""
      error_message = "The configuration says of what the topic is told: name it with configuration_parameter."
    }
  }
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600
}
