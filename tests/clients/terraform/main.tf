terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "password" {
  type      = string
  sensitive = true
}

variable "description" {
  type    = string
  default = "first"
}

provider "aws" {}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "mine" {
  description             = var.description
  deletion_window_in_days = 7
  tags                    = { team = "payments" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = var.description
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "mine" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.mine.key_id
}

resource "aws_secretsmanager_secret" "database" {
  name                    = "terraform/database"
  description             = var.description
  kms_key_id              = aws_kms_key.mine.arn
  recovery_window_in_days = 7
  tags                    = { team = "payments", stage = "test" }
}

resource "aws_secretsmanager_secret_version" "database" {
  secret_id     = aws_secretsmanager_secret.database.id
  secret_string = jsonencode({ username = "app", password = var.password })
}

resource "aws_secretsmanager_secret_policy" "database" {
  secret_arn          = aws_secretsmanager_secret.database.arn
  block_public_policy = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = var.description
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "secretsmanager:*"
      Resource  = "*"
    }]
  })
}

resource "aws_secretsmanager_secret" "plain" {
  name                    = "terraform-plain"
  recovery_window_in_days = 0
}

resource "aws_ssm_parameter" "string" {
  name        = "/terraform/string"
  type        = "String"
  value       = "one"
  description = var.description
  tags        = { team = "payments" }
}

resource "aws_ssm_parameter" "list" {
  name  = "/terraform/list"
  type  = "StringList"
  value = "a,b,c"
}

resource "aws_ssm_parameter" "secure" {
  name   = "/terraform/secure"
  type   = "SecureString"
  value  = var.password
  key_id = aws_kms_alias.mine.name
}

resource "aws_ssm_parameter" "advanced" {
  name   = "/terraform/advanced"
  type   = "SecureString"
  tier   = "Advanced"
  value  = "${var.password}${format("%05000d", 1)}"
  key_id = aws_kms_alias.mine.name
}

resource "aws_ssm_parameter" "intelligent" {
  name      = "/terraform/intelligent"
  type      = "String"
  tier      = "Intelligent-Tiering"
  data_type = "text"
  value     = var.description
}

data "aws_secretsmanager_secret_version" "read_back" {
  secret_id  = aws_secretsmanager_secret.database.id
  depends_on = [aws_secretsmanager_secret_version.database]
}

data "aws_ssm_parameter" "read_back" {
  name = aws_ssm_parameter.secure.name
}

output "account" {
  value = data.aws_caller_identity.me.account_id
}

output "secret" {
  value     = data.aws_secretsmanager_secret_version.read_back.secret_string
  sensitive = true
}

output "parameter" {
  value     = data.aws_ssm_parameter.read_back.value
  sensitive = true
}
