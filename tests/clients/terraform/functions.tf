# A function with what belongs to it. The names are AWS's provider's.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

variable "description" {
  default = "first"
}

variable "archive" {}

resource "aws_iam_role" "function" {
  name = "function"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_lambda_function" "rotation" {
  function_name    = "rotation"
  description      = var.description
  role             = aws_iam_role.function.arn
  runtime          = "python3.12"
  handler          = "app.handler"
  filename         = var.archive
  source_code_hash = filebase64sha256(var.archive)
  timeout          = 30
  memory_size      = 256
  publish          = true
  environment {
    variables = { SECRETS_MANAGER_ENDPOINT = "https://secretsmanager.us-east-1.amazonaws.com" }
  }
  tags = { team = "platform" }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.rotation.function_name
  function_version = aws_lambda_function.rotation.version
}

resource "aws_lambda_permission" "rotation" {
  statement_id  = "rotation"
  function_name = aws_lambda_function.rotation.function_name
  action        = "lambda:InvokeFunction"
  principal     = "secretsmanager.amazonaws.com"
}

resource "aws_lambda_permission" "live" {
  statement_id   = "live"
  function_name  = aws_lambda_function.rotation.function_name
  qualifier      = aws_lambda_alias.live.name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = "123456789012"
}

output "arn" {
  value = aws_lambda_function.rotation.arn
}

output "version" {
  value = aws_lambda_function.rotation.version
}
