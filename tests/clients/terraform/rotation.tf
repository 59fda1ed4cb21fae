terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "function" { type = string }
variable "host" { type = string }
variable "password" {
  type      = string
  sensitive = true
}
variable "schedule" {
  type    = string
  default = "rate(10 days)"
}

provider "aws" {}

resource "aws_secretsmanager_secret" "database" {
  name                    = "terraform/rotated"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "first" {
  secret_id     = aws_secretsmanager_secret.database.id
  secret_string = jsonencode({ engine = "file", host = var.host, username = "app", password = var.password })
  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}

resource "aws_secretsmanager_secret_rotation" "database" {
  secret_id           = aws_secretsmanager_secret_version.first.secret_id
  rotation_lambda_arn = var.function
  rotation_rules {
    schedule_expression = var.schedule
    duration            = "3h"
  }
}
