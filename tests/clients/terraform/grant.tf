terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {}

resource "aws_kms_key" "shared" {
  deletion_window_in_days = 7
}

resource "aws_iam_user" "reader" {
  name = "reader"
}

resource "aws_iam_role" "keeper" {
  name = "keeper"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = aws_iam_user.reader.arn } }]
  })
}

resource "aws_kms_grant" "reads" {
  name               = "reads"
  key_id             = aws_kms_key.shared.key_id
  grantee_principal  = aws_iam_user.reader.arn
  retiring_principal = aws_iam_role.keeper.arn
  operations         = ["Decrypt", "DescribeKey"]
  constraints {
    encryption_context_equals = { Department = "Finance" }
  }
}

resource "aws_kms_grant" "seals" {
  key_id            = aws_kms_key.shared.arn
  grantee_principal = aws_iam_role.keeper.arn
  operations        = ["Encrypt", "GenerateDataKey", "RetireGrant"]
  retire_on_delete  = true
  constraints {
    encryption_context_subset = { Department = "Finance" }
  }
}

output "key" {
  value = aws_kms_key.shared.key_id
}

output "reads" {
  value = aws_kms_grant.reads.grant_id
}
