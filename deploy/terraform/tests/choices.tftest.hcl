# Which policies the function gets, and what is refused: `terraform test` (1.11 or later); nothing is called.
mock_provider "aws" {
  override_during = plan

  mock_data "aws_partition" {
    defaults = {
      partition  = "aws"
      dns_suffix = "amazonaws.com"
    }
  }

  mock_data "aws_region" {
    defaults = {
      id = "eu-west-1"
    }
  }

  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = {
      arn = "arn:aws:s3:::example-logs-snapshots"
    }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = {
      arn = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/snapkeep"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-west-1:123456789012:snapkeep-dead-letters"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-west-1:123456789012:function:snapkeep"
    }
  }
}

variables {
  # Any file serves.
  package         = "versions.tf"
  domain_arn      = "arn:aws:es:eu-west-1:123456789012:domain/logs"
  domain_endpoint = "https://search-logs-abc123.eu-west-1.es.amazonaws.com"
  bucket          = "example-logs-snapshots"
}

run "backup_alone" {
  command = plan

  assert {
    condition     = keys(aws_iam_role_policy.function) == ["backup", "function"]
    error_message = "The policies are those of a backup."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function["function"].policy).Statement : statement.Sid] == ["WriteLogs", "KeepDeadLetters"]
    error_message = "The function has neither configuration nor topic nor key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.bucket.policy).Statement : statement.Sid] == ["ListBucket", "KeepObjects"]
    error_message = "The snapshot role has no key."
  }
}

run "a_restore_may_close" {
  command = plan

  variables {
    operations = ["restore"]
  }

  assert {
    condition     = keys(aws_iam_role_policy.function) == ["backup", "close", "function", "restore"]
    error_message = "The policies are those of a restore."
  }
}

run "a_drill_restores_and_closes_nothing" {
  command = plan

  variables {
    operations              = ["drill"]
    configuration_parameter = "/snapkeep/logs"
  }

  assert {
    condition     = keys(aws_iam_role_policy.function) == ["backup", "drill", "function", "restore"]
    error_message = "The policies are those of a drill."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.function["function"].policy).Statement : statement.Sid] == ["WriteLogs", "KeepDeadLetters", "ReadConfiguration"]
    error_message = "The function reads its configuration, and has neither topic nor key."
  }
}

run "everything" {
  command = plan

  variables {
    operations              = ["retention", "restore", "drill"]
    configuration_parameter = "/snapkeep/logs"
    notify_topic_arn        = "arn:aws:sns:eu-west-1:123456789012:backups"
    bucket_key_arn          = "arn:aws:kms:eu-west-1:123456789012:key/4b5a6978"
    function_key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
    subnet_ids              = ["subnet-0f1e2d3c"]
    security_group_ids      = ["sg-0f1e2d3c"]
  }

  assert {
    condition     = keys(aws_iam_role_policy.function) == keys(local.function_policies)
    error_message = "Every policy is used."
  }

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.function["function"].policy).Statement : statement.Sid => statement.Resource if !contains(["WriteLogs", "KeepDeadLetters"], statement.Sid) } == {
      ReadConfiguration = "arn:aws:ssm:eu-west-1:123456789012:parameter/snapkeep/logs"
      Tell              = var.notify_topic_arn
      UseFunctionKey    = var.function_key_arn
    }
    error_message = "The function reads its configuration, tells the topic and uses its key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.bucket.policy).Statement : statement.Resource if statement.Sid == "UseBucketKey"] == [var.bucket_key_arn]
    error_message = "The snapshot role uses the bucket's key."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.schedule.policy).Statement : statement.Resource if statement.Sid == "UseFunctionKey"] == [var.function_key_arn]
    error_message = "The schedule uses the function's key."
  }
}

run "retention_needs_policies" {
  command = plan

  variables {
    operations = ["retention"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "drills_need_policies" {
  command = plan

  variables {
    operations = ["drill"]
  }

  expect_failures = [aws_lambda_function.this]
}

run "notifications_need_policies" {
  command = plan

  variables {
    notify_topic_arn = "arn:aws:sns:eu-west-1:123456789012:backups"
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_topic_is_named_by_its_arn" {
  command = plan

  variables {
    notify_topic_arn        = "backups"
    configuration_parameter = "/snapkeep/logs"
  }

  expect_failures = [var.notify_topic_arn]
}
