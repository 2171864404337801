# The least: an existing bus, one source queue, the default targets, a worker with the default rules.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "The Region of the event bus."
  type        = string
}

variable "event_bus_name" {
  description = "An existing event bus."
  type        = string
  default     = "default"
}

variable "image" {
  description = "The worker's image in ECR, with its tag."
  type        = string
}

variable "repository_arn" {
  description = "The ECR repository of that image."
  type        = string
}

variable "vpc_id" {
  description = "The VPC that the worker runs in."
  type        = string
}

variable "subnet_ids" {
  description = "Subnets with a way to AWS: a NAT gateway, or VPC endpoints for SQS, DynamoDB, ECR, S3 and logs."
  type        = list(string)
}

module "turnout" {
  source = "../.."

  event_bus_name = var.event_bus_name
  sources        = { events = { source_prefix = "genesys.cloud", topics = ["Interaction "] } }

  worker = {
    image          = var.image
    repository_arn = var.repository_arn
    vpc_id         = var.vpc_id
    subnet_ids     = var.subnet_ids
  }
}

output "environment" {
  description = "For `turnout check` and `turnout doctor`."
  value       = module.turnout.environment
}
