# A database secret with a rotation function of one's own, and another one that a built-in function rotates.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

variable "archive" { type = string }
variable "built_in" { type = string }
variable "port" { type = number }
variable "users" { type = list(string) }
variable "password" {
  type      = string
  sensitive = true
}

resource "aws_secretsmanager_secret" "database" {
  count                   = 2
  name                    = "terraform/${var.users[count.index]}"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "first" {
  count     = 2
  secret_id = aws_secretsmanager_secret.database[count.index].id
  secret_string = jsonencode({
    engine = "postgres", host = "127.0.0.1", port = var.port, ssl = false
    username = var.users[count.index], password = var.password
  })
  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}

resource "aws_iam_role" "rotation" {
  name = "rotation"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "rotation" {
  role = aws_iam_role.rotation.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource = aws_secretsmanager_secret.database[0].arn
      },
      { Effect = "Allow", Action = "secretsmanager:GetRandomPassword", Resource = "*" },
    ]
  })
}

resource "aws_lambda_function" "rotation" {
  function_name    = "rotation"
  role             = aws_iam_role.rotation.arn
  runtime          = "python3.11"
  handler          = "conformance_function.handler"
  filename         = var.archive
  source_code_hash = filebase64sha256(var.archive)
  timeout          = 30
  memory_size      = 256
  depends_on       = [aws_iam_role_policy.rotation]
}

resource "aws_lambda_permission" "rotation" {
  statement_id  = "rotation"
  function_name = aws_lambda_function.rotation.function_name
  action        = "lambda:InvokeFunction"
  principal     = "secretsmanager.amazonaws.com"
  source_arn    = aws_secretsmanager_secret.database[0].arn
}

resource "aws_secretsmanager_secret_rotation" "own" {
  secret_id           = aws_secretsmanager_secret_version.first[0].secret_id
  rotation_lambda_arn = aws_lambda_function.rotation.arn
  rotation_rules {
    automatically_after_days = 30
  }
  depends_on = [aws_lambda_permission.rotation]
}

resource "aws_secretsmanager_secret_rotation" "built_in" {
  secret_id           = aws_secretsmanager_secret_version.first[1].secret_id
  rotation_lambda_arn = var.built_in
  rotation_rules {
    schedule_expression = "rate(10 days)"
  }
}
