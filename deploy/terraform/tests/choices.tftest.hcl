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
    condition     = keys(aws_iam_role_policy.function) == ["backup", "configuration", "drill", "function", "restore"]
    error_message = "The policies are those of a drill."
  }
}

run "everything" {
  command = plan

  variables {
    operations              = ["retention", "restore", "drill"]
    configuration_parameter = "/snapkeep/logs"
    notify_topic_arn        = "arn:aws:sns:eu-west-1:123456789012:backups"
    function_key_arn        = "arn:aws:kms:eu-west-1:123456789012:key/0f1e2d3c"
    subnet_ids              = ["subnet-0f1e2d3c"]
    security_group_ids      = ["sg-0f1e2d3c"]
  }

  assert {
    condition     = keys(aws_iam_role_policy.function) == keys(local.function_policies)
    error_message = "Every policy is used."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.function["notifications"].policy).Statement[0].Resource == var.notify_topic_arn
    error_message = "The function tells the topic."
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
