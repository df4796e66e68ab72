# A caller, for made.tftest.hcl: what it makes at the same time as the module no plan knows, not even how it begins.
terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.60"
    }
  }
}

resource "terraform_data" "made" {}

module "snapkeep" {
  source                  = "./.."
  package                 = "versions.tf"
  domain_arn              = "arn:aws:es:eu-west-1:123456789012:domain/logs"
  domain_endpoint         = "https://search-logs-abc123.eu-west-1.es.amazonaws.com"
  bucket                  = "example-logs-snapshots"
  bucket_key_arn          = terraform_data.made.id
  function_key_arn        = terraform_data.made.id
  configuration_parameter = terraform_data.made.id
  notify_topic_arn        = terraform_data.made.id
  alarm_topic_arn         = terraform_data.made.id
}
