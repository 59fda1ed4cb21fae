terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "account" { type = string }
variable "function" { type = string }
variable "password" { type = string }
variable "state" {
  type    = string
  default = "ENABLED"
}
variable "description" {
  type    = string
  default = "first"
}

provider "aws" {}

resource "aws_cloudwatch_event_bus" "orders" {
  name = "orders"
  tags = { team = "blue" }
}

resource "aws_cloudwatch_event_bus_policy" "orders" {
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "own"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${var.account}:root" }
      Action    = "events:PutEvents"
      Resource  = aws_cloudwatch_event_bus.orders.arn
    }]
  })
}

resource "aws_cloudwatch_event_permission" "other" {
  principal    = "123456789012"
  statement_id = "other"
}

resource "aws_cloudwatch_event_rule" "changes" {
  name           = "changes"
  description    = var.description
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  event_pattern = jsonencode({
    source      = ["orders"]
    detail-type = [{ prefix = "order" }]
  })
  tags = { team = "blue" }
}

resource "aws_cloudwatch_event_rule" "nightly" {
  name                = "nightly"
  schedule_expression = "cron(0 3 * * ? *)"
  state               = var.state
}

resource "aws_cloudwatch_event_target" "function" {
  rule           = aws_cloudwatch_event_rule.changes.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "function"
  arn            = var.function
  input_transformer {
    input_paths    = { order = "$.detail.order" }
    input_template = "{\"order\": <order>, \"note\": \"${var.description}\"}"
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 5
  }
  dead_letter_config {
    arn = "arn:aws:sqs:us-east-1:${var.account}:dead"
  }
}

resource "aws_cloudwatch_event_target" "nightly" {
  rule      = aws_cloudwatch_event_rule.nightly.name
  target_id = "function"
  arn       = var.function
}

resource "aws_cloudwatch_event_connection" "hook" {
  name               = "hook"
  description        = var.description
  authorization_type = "BASIC"
  auth_parameters {
    basic {
      username = "user"
      password = var.password
    }
    invocation_http_parameters {
      header {
        key             = "X-Team"
        value           = "blue"
        is_value_secret = false
      }
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "hook" {
  name                             = "hook"
  description                      = var.description
  invocation_endpoint              = "https://hooks.example.org/orders/*"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.hook.arn
}

resource "aws_iam_role" "caller" {
  name = "caller"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "caller" {
  role = aws_iam_role.caller.name
  name = "call"
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "events:InvokeApiDestination"
      Resource = aws_cloudwatch_event_api_destination.hook.arn
    }]
  })
}

resource "aws_cloudwatch_event_target" "hook" {
  rule           = aws_cloudwatch_event_rule.changes.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "hook"
  arn            = aws_cloudwatch_event_api_destination.hook.arn
  role_arn       = aws_iam_role.caller.arn
  http_target {
    path_parameter_values   = ["$.detail.order"]
    header_parameters       = { "X-Kind" = "$.detail-type" }
    query_string_parameters = { source = "$.source" }
  }
}

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_sns_topic_policy" "orders" {
  arn = aws_sns_topic.orders.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.orders.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.changes.arn } }
    }]
  })
}

resource "aws_cloudwatch_event_target" "topic" {
  rule           = aws_cloudwatch_event_rule.changes.name
  event_bus_name = aws_cloudwatch_event_bus.orders.name
  target_id      = "topic"
  arn            = aws_sns_topic.orders.arn
  input_path     = "$.detail"
}

output "bus" { value = aws_cloudwatch_event_bus.orders.arn }
output "rule" { value = aws_cloudwatch_event_rule.changes.arn }
output "destination" { value = aws_cloudwatch_event_api_destination.hook.arn }
