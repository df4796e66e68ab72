variable "name" {
  description = "What the function, its roles, queue and alarms are called"
  type        = string
  default     = "snapkeep"
}

variable "package" {
  description = "The zip of `cargo xtask package` or of a release"
  type        = string
}

variable "architecture" {
  description = "What the zip was built for: x86_64 or arm64"
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "The architecture is x86_64 or arm64."
  }
}

variable "domain_arn" {
  description = "The domain's ARN: arn:aws:es:REGION:ACCOUNT:domain/NAME"
  type        = string

  validation {
    condition     = can(regex("^arn:[a-z-]+:es:[a-z0-9-]+:[0-9]{12}:domain/[a-z][a-z0-9-]{2,27}$", var.domain_arn))
    error_message = "The domain's ARN is arn:aws:es:REGION:ACCOUNT:domain/NAME."
  }
}

variable "domain_endpoint" {
  description = "The domain's endpoint as its console shows it, with https://"
  type        = string

  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+$", var.domain_endpoint))
    error_message = "The endpoint is https:// and a host's name."
  }
}

variable "repository" {
  description = "What the repository is to be called in the domain; not cs-..., which is the service's own"
  type        = string
  default     = "snapkeep"

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9._-]{0,99}$", var.repository)) && !startswith(var.repository, "cs-")
    error_message = "The repository's name is of lower-case letters, digits and ._-, and does not start with cs-."
  }
}

variable "bucket" {
  description = "The bucket that is made for the snapshots; its name is unique in all of AWS"
  type        = string
}

variable "base_path" {
  description = "The folder in the bucket; empty means the whole bucket"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?$", var.base_path))
    error_message = "The folder has no slash at an end."
  }
}

variable "bucket_key_arn" {
  description = "ARN of the KMS key that encrypts the bucket; empty means S3's own keys"
  type        = string
  default     = ""
}

variable "old_versions_days" {
  description = "For how many days deleted and overwritten files can be brought back"
  type        = number
  default     = 30
}

variable "operations" {
  description = "What the function may do beside taking snapshots: retention and drill (with configuration_parameter), restore"
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.operations, ["retention", "restore", "drill"])) == 0
    error_message = "The operations are retention, restore and drill."
  }
}

variable "schedule" {
  description = "When a snapshot is taken, or, with configuration_parameter, when policies are looked at"
  type        = string
  default     = "cron(30 1 * * ? *)"
}

variable "time_zone" {
  description = "The time zone of the schedule"
  type        = string
  default     = "UTC"
}

variable "configuration_parameter" {
  description = "Name of the Systems Manager parameter that holds a configuration with policies, such as /snapkeep/logs; empty means one snapshot for each scheduled time"
  type        = string
  default     = ""
}

variable "notify_topic_arn" {
  description = "ARN of the SNS topic that the configuration's notifications name, which the function may then publish to; empty means none"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^(arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+)?$", var.notify_topic_arn))
    error_message = "The topic's ARN is arn:aws:sns:REGION:ACCOUNT:NAME."
  }
}

variable "reserved_concurrency" {
  description = "The most runs at a time; -1 reserves none. Nothing rests on it"
  type        = number
  default     = -1
}

variable "subnet_ids" {
  description = "Subnets from which a VPC domain is reached; none for a public domain"
  type        = list(string)
  default     = []
}

variable "security_group_ids" {
  description = "Security groups that the domain's group lets in on port 443"
  type        = list(string)
  default     = []
}

variable "function_key_arn" {
  description = "ARN of the KMS key that encrypts the function's environment, logs and queue; its policy must let CloudWatch Logs use it"
  type        = string
  default     = ""
}

variable "log_days" {
  description = "For how many days logs are kept"
  type        = number
  default     = 90
}

variable "alarm_topic_arn" {
  description = "ARN of the SNS topic that alarms are sent to; empty means that they are only shown"
  type        = string
  default     = ""
}

variable "stale_after_hours" {
  description = "An alarm rises when no run has succeeded for so many hours"
  type        = number
  default     = 48

  validation {
    condition     = var.stale_after_hours >= 1 && var.stale_after_hours <= 168
    error_message = "CloudWatch looks back 168 hours at most."
  }
}

variable "tags" {
  description = "Tags of everything that takes them"
  type        = map(string)
  default     = {}
}
