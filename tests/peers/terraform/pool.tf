terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type = string
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "AKIDPEER"
  secret_key                  = "secret-of-administrators"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  endpoints {
    cognitoidp = var.endpoint
  }
}

resource "aws_cognito_user_pool" "staff" {
  name                     = "staff"
  alias_attributes         = ["email", "preferred_username"]
  auto_verified_attributes = ["email"]
  mfa_configuration        = "OPTIONAL"
  deletion_protection      = "INACTIVE"
  tags                     = { team = "a" }

  password_policy {
    minimum_length                   = 12
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = false
    require_uppercase                = true
    temporary_password_validity_days = 3
    password_history_size            = 4
  }
  software_token_mfa_configuration {
    enabled = true
  }
  schema {
    name                = "tenant"
    attribute_data_type = "String"
    mutable             = true
    string_attribute_constraints {
      min_length = "1"
      max_length = "64"
    }
  }
  admin_create_user_config {
    allow_admin_create_user_only = true
  }
  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }
  username_configuration {
    case_sensitive = false
  }
}

resource "aws_cognito_user_pool" "plain" {
  name = "plain"
}

resource "aws_cognito_user_pool_client" "web" {
  name                          = "web"
  user_pool_id                  = aws_cognito_user_pool.staff.id
  explicit_auth_flows           = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
  access_token_validity         = 10
  prevent_user_existence_errors = "ENABLED"
  token_validity_units {
    access_token = "minutes"
  }
}

resource "aws_cognito_user_pool_client" "server" {
  name            = "server"
  user_pool_id    = aws_cognito_user_pool.plain.id
  generate_secret = true
}

resource "aws_cognito_user_group" "sales" {
  name         = "sales"
  user_pool_id = aws_cognito_user_pool.staff.id
  description  = "who sells"
  precedence   = 3
}

resource "aws_cognito_user" "alice" {
  user_pool_id   = aws_cognito_user_pool.staff.id
  username       = "alice"
  message_action = "SUPPRESS"
  attributes = {
    email          = "alice@example.com"
    email_verified = true
    tenant         = "acme"
  }
}

resource "aws_cognito_user_in_group" "alice_sells" {
  user_pool_id = aws_cognito_user_pool.staff.id
  group_name   = aws_cognito_user_group.sales.name
  username     = aws_cognito_user.alice.username
}
