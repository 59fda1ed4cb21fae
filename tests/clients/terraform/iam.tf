terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "description" {
  type    = string
  default = "first"
}

variable "actions" {
  type    = list(string)
  default = ["ssm:GetParameter"]
}

provider "aws" {}

data "aws_caller_identity" "me" {}

data "aws_iam_policy" "secrets" {
  name = "SecretsManagerReadWrite"
}

data "aws_iam_policy_document" "read" {
  statement {
    sid       = "Read"
    actions   = var.actions
    resources = ["arn:aws:ssm:*:${data.aws_caller_identity.me.account_id}:parameter/app/*"]
  }
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [aws_iam_user.alice.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["four"]
    }
  }
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.ci.arn]
    }
    condition {
      test     = "StringLike"
      variable = "token.ci.example.org:sub"
      values   = ["repo:team/*"]
    }
  }
}

resource "aws_iam_user" "alice" {
  name                 = "alice"
  path                 = "/people/"
  permissions_boundary = aws_iam_policy.read.arn
  tags                 = { team = "payments", stage = var.description }
}

resource "aws_iam_access_key" "alice" {
  user = aws_iam_user.alice.name
}

resource "aws_iam_user_policy" "alice" {
  name   = "inline"
  user   = aws_iam_user.alice.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_user_policy_attachment" "alice" {
  user       = aws_iam_user.alice.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_group" "readers" {
  name = "readers"
  path = "/teams/"
}

resource "aws_iam_group_policy" "readers" {
  name   = "inline"
  group  = aws_iam_group.readers.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_group_policy_attachment" "readers" {
  group      = aws_iam_group.readers.name
  policy_arn = data.aws_iam_policy.secrets.arn
}

resource "aws_iam_user_group_membership" "alice" {
  user   = aws_iam_user.alice.name
  groups = [aws_iam_group.readers.name]
}

resource "aws_iam_policy" "read" {
  name        = "read"
  path        = "/app/"
  description = "Read parameters"
  policy      = data.aws_iam_policy_document.read.json
  tags        = { team = "payments" }
}

resource "aws_iam_role" "app" {
  name                 = "app"
  description          = var.description
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 7200
  permissions_boundary = aws_iam_policy.read.arn
  tags                 = { team = "payments" }
}

resource "aws_iam_role_policy" "app" {
  name   = "inline"
  role   = aws_iam_role.app.name
  policy = data.aws_iam_policy_document.read.json
}

resource "aws_iam_role_policy_attachment" "app" {
  role       = aws_iam_role.app.name
  policy_arn = aws_iam_policy.read.arn
}

resource "aws_iam_openid_connect_provider" "ci" {
  url             = "https://token.ci.example.org"
  client_id_list  = ["sts.amazonaws.com"]
  thumbprint_list = ["6938fd4d98bab03faadb97b34396831e3780aea1"]
  tags            = { stage = var.description }
}

resource "aws_iam_account_alias" "mine" {
  account_alias = "terraform-${data.aws_caller_identity.me.account_id}"
}

data "aws_iam_principal_policy_simulation" "alice" {
  action_names      = ["ssm:GetParameter"]
  resource_arns     = ["arn:aws:ssm:eu-west-1:${data.aws_caller_identity.me.account_id}:parameter/app/x"]
  policy_source_arn = aws_iam_user.alice.arn
  depends_on        = [aws_iam_user_policy.alice]
}

output "simulated" {
  value = data.aws_iam_principal_policy_simulation.alice.all_allowed
}

output "user_id" {
  value = aws_iam_user.alice.unique_id
}

output "role_arn" {
  value = aws_iam_role.app.arn
}

output "access_key_id" {
  value = aws_iam_access_key.alice.id
}

output "secret_access_key" {
  value     = aws_iam_access_key.alice.secret
  sensitive = true
}
