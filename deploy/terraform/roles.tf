data "aws_partition" "this" {}

data "aws_region" "this" {}

data "aws_caller_identity" "this" {}

locals {
  bucket_arn = aws_s3_bucket.this.arn
  # The domain's own account and region: arn:aws:es:REGION:ACCOUNT:domain/NAME.
  domain_region  = split(":", var.domain_arn)[3]
  domain_account = split(":", var.domain_arn)[4]
  region         = data.aws_region.this.id
  account        = data.aws_caller_identity.this.account_id
  policies       = "${path.module}/policies"

  parameter_arn = "arn:${data.aws_partition.this.partition}:ssm:${local.region}:${local.account}:parameter${var.configuration_parameter}"

  on_domain = { domain_arn = var.domain_arn, repository = var.repository }

  # What stands in the policies of keys, topic and parameter. A caller may make these at the same time as this, and then no plan
  # knows whether they are named: that decides what a policy says, never which policies there are.
  with_configuration = [
    for statement in jsondecode(templatefile("${local.policies}/configuration.json.tftpl", {
      parameter_arn = local.parameter_arn
    })).Statement : statement if var.configuration_parameter != ""
  ]
  with_notifications = [
    for statement in jsondecode(templatefile("${local.policies}/notifications.json.tftpl", {
      topic_arn = var.notify_topic_arn
    })).Statement : statement if var.notify_topic_arn != ""
  ]
  with_function_key = [
    for statement in jsondecode(templatefile("${local.policies}/function_key.json.tftpl", {
      key_arn = var.function_key_arn
    })).Statement : statement if var.function_key_arn != ""
  ]
  with_bucket_key = [
    for statement in jsondecode(templatefile("${local.policies}/bucket_key.json.tftpl", {
      key_arn    = var.bucket_key_arn
      region     = local.region
      dns_suffix = data.aws_partition.this.dns_suffix
    })).Statement : statement if var.bucket_key_arn != ""
  ]

  in_bucket = var.base_path == "" ? templatefile("${local.policies}/bucket_whole.json.tftpl", {
    bucket_arn = local.bucket_arn
    }) : templatefile("${local.policies}/bucket_folder.json.tftpl", {
    bucket_arn = local.bucket_arn
    base_path  = var.base_path
  })

  of_function = templatefile("${local.policies}/function.json.tftpl", {
    logs_arn         = aws_cloudwatch_log_group.this.arn
    dead_letters_arn = aws_sqs_queue.dead_letters.arn
  })

  of_schedule = templatefile("${local.policies}/schedule.json.tftpl", {
    function_arn     = aws_lambda_function.this.arn
    dead_letters_arn = aws_sqs_queue.dead_letters.arn
  })

  # What the function may do: `snapkeep aws policies` prints the same for a configuration.
  function_policies = {
    backup = {
      used = true
      document = templatefile("${local.policies}/backup.json.tftpl", merge(local.on_domain, {
        snapshot_role_arn = aws_iam_role.snapshot.arn
      }))
    }
    function = {
      used = true
      document = jsonencode(merge(jsondecode(local.of_function), {
        Statement = concat(
          jsondecode(local.of_function).Statement,
          local.with_configuration,
          local.with_notifications,
          local.with_function_key,
        )
      }))
    }
    retention = {
      used     = contains(var.operations, "retention")
      document = templatefile("${local.policies}/retention.json.tftpl", local.on_domain)
    }
    # A drill restores; it closes nothing.
    restore = {
      used     = length(setintersection(var.operations, ["restore", "drill"])) > 0
      document = templatefile("${local.policies}/restore.json.tftpl", local.on_domain)
    }
    close = {
      used     = contains(var.operations, "restore")
      document = templatefile("${local.policies}/close.json.tftpl", local.on_domain)
    }
    drill = {
      used     = contains(var.operations, "drill")
      document = templatefile("${local.policies}/drill.json.tftpl", local.on_domain)
    }
    vpc = {
      used     = length(var.subnet_ids) > 0
      document = file("${local.policies}/vpc.json")
    }
  }
}

# The service takes this role on to reach the bucket, for this domain only.
resource "aws_iam_role" "snapshot" {
  name_prefix = "${substr(var.name, 0, 20)}-snapshots-"
  description = "OpenSearch Service keeps snapshots with it"
  tags        = var.tags

  assume_role_policy = templatefile("${local.policies}/service_trust.json.tftpl", {
    account    = local.domain_account
    domain_arn = var.domain_arn
  })

  lifecycle {
    precondition {
      condition     = local.domain_account == local.account
      error_message = "A role is passed within its own account: apply this in the domain's."
    }
  }
}

resource "aws_iam_role_policy" "bucket" {
  name = "bucket"
  role = aws_iam_role.snapshot.id

  policy = jsonencode(merge(jsondecode(local.in_bucket), {
    Statement = concat(jsondecode(local.in_bucket).Statement, local.with_bucket_key)
  }))
}

resource "aws_iam_role" "function" {
  name_prefix        = "${substr(var.name, 0, 20)}-function-"
  description        = "snapkeep's function: map it to manage_snapshots where fine-grained access control is on"
  assume_role_policy = file("${local.policies}/lambda_trust.json")
  tags               = var.tags
}

resource "aws_iam_role_policy" "function" {
  # Which are used is known before anything is made; what they say is not.
  for_each = toset([for name, policy in local.function_policies : name if policy.used])

  name   = each.key
  role   = aws_iam_role.function.id
  policy = local.function_policies[each.key].document
}

resource "aws_iam_role" "schedule" {
  name_prefix        = "${substr(var.name, 0, 20)}-schedule-"
  description        = "The schedule calls the function with it"
  assume_role_policy = templatefile("${local.policies}/scheduler_trust.json.tftpl", { account = local.account })
  tags               = var.tags
}

resource "aws_iam_role_policy" "schedule" {
  name = "invoke"
  role = aws_iam_role.schedule.id

  policy = jsonencode(merge(jsondecode(local.of_schedule), {
    Statement = concat(jsondecode(local.of_schedule).Statement, local.with_function_key)
  }))
}
