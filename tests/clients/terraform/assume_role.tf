terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "role" {
  type = string
}

provider "aws" {
  assume_role {
    role_arn            = var.role
    session_name        = "terraform"
    duration            = "30m"
    external_id         = "the-one"
    source_identity     = "alice"
    tags                = { team = "blue" }
    transitive_tag_keys = ["team"]
    policy = jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = ["secretsmanager:*", "kms:*"], Resource = "*" }]
    })
  }
}

data "aws_caller_identity" "me" {}

resource "aws_secretsmanager_secret" "mine" {
  name                    = "terraform/by-a-role"
  recovery_window_in_days = 0
}

output "arn" {
  value = data.aws_caller_identity.me.arn
}
