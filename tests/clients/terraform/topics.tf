# A topic with what belongs to it. The names are AWS's provider's.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

data "aws_caller_identity" "me" {}

variable "display_name" {
  default = "Orders"
}

variable "kind" {
  default = "order"
}

variable "hook" {}

locals {
  queues = "arn:aws:sqs:us-east-1:${data.aws_caller_identity.me.account_id}"
}

resource "aws_sns_topic" "orders" {
  name              = "orders"
  display_name      = var.display_name
  signature_version = 2
  tracing_config    = "PassThrough"
  delivery_policy = jsonencode({
    http = {
      defaultHealthyRetryPolicy = {
        minDelayTarget     = 1
        maxDelayTarget     = 10
        numRetries         = 5
        numMaxDelayRetries = 0
        numNoDelayRetries  = 0
        numMinDelayRetries = 0
        backoffFunction    = "linear"
      }
      disableSubscriptionOverrides = false
    }
  })
  tags = { team = var.kind }
}

resource "aws_sns_topic" "plain" {
  name_prefix = "plain-"
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
    }]
  })
}

resource "aws_sns_topic_subscription" "queue" {
  topic_arn            = aws_sns_topic.orders.arn
  protocol             = "sqs"
  endpoint             = "${local.queues}:orders"
  raw_message_delivery = true
  filter_policy_scope  = "MessageAttributes"
  filter_policy        = jsonencode({ kind = [var.kind] })
  redrive_policy       = jsonencode({ deadLetterTargetArn = "${local.queues}:dead" })
}

resource "aws_sns_topic_subscription" "function" {
  topic_arn = aws_sns_topic.orders.arn
  protocol  = "lambda"
  endpoint  = "arn:aws:lambda:us-east-1:${data.aws_caller_identity.me.account_id}:function:app"
}

resource "aws_sns_topic_subscription" "hook" {
  topic_arn              = aws_sns_topic.orders.arn
  protocol               = "http"
  endpoint               = var.hook
  endpoint_auto_confirms = true
  delivery_policy = jsonencode({
    healthyRetryPolicy = {
      minDelayTarget     = 5
      maxDelayTarget     = 6
      numRetries         = 4
      numMaxDelayRetries = 0
      numNoDelayRetries  = 0
      numMinDelayRetries = 0
      backoffFunction    = "linear"
    }
  })
}

output "topic" {
  value = aws_sns_topic.orders.arn
}

output "hook" {
  value = aws_sns_topic_subscription.hook.arn
}
