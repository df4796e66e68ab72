# Keys, topics and parameters that are made beside the module: what a plan cannot know decides what policies say, and never
# which policies there are.
mock_provider "aws" {
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

run "everything_beside_it" {
  command = plan

  module {
    source = "./tests"
  }
}
