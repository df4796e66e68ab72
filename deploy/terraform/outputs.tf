output "bucket" {
  description = "The bucket that holds the snapshots"
  value       = aws_s3_bucket.this.id
}

output "snapshot_role_arn" {
  description = "The role that the repository is registered with"
  value       = aws_iam_role.snapshot.arn
}

output "function_role_arn" {
  description = "The role to map to manage_snapshots where fine-grained access control is on"
  value       = aws_iam_role.function.arn
}

output "function_name" {
  description = "The function"
  value       = aws_lambda_function.this.function_name
}

output "dead_letters_url" {
  description = "The queue of events that were given up"
  value       = aws_sqs_queue.dead_letters.url
}

output "register_event" {
  description = "Registers the repository; with configuration_parameter, send it once before the first run"
  value       = jsonencode(merge(local.registration, { Action = "register" }))
}
