# Everything: Genesys Cloud's partner bus, conversations and audits in queues of their own, a FIFO target, the worker with
# traces, alarms by mail, an image repository.

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

  default_tags {
    tags = { application = "turnout", environment = var.environment }
  }
}

resource "aws_ecr_repository" "turnout" {
  name                 = "turnout-${var.environment}"
  image_tag_mutability = "IMMUTABLE"
  # Only a test installation is taken down with its images.
  force_delete = var.environment == "test"

  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_sns_topic" "alarms" {
  name              = "turnout-${var.environment}-alarms"
  kms_master_key_id = module.turnout.kms_key_arn
}

# AWS sends the address a link, which has to be followed once.
resource "aws_sns_topic_subscription" "mail" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_address
}

module "turnout" {
  source = "../.."

  name                 = "turnout-${var.environment}"
  partner_event_source = var.partner_event_source

  sources = {
    conversations = { topics = ["v2.detail.events.conversation."] }
    audits        = { topics = ["v2.audits.", "v2.operations.events."] }
  }

  targets = {
    critical = { visibility_seconds = 30 }
    high     = {}
    standard = { retention_days = 7 }
    history  = { fifo = true, visibility_seconds = 120 }
  }

  other_targets = { state_machines = var.state_machines }

  worker = {
    image          = "${aws_ecr_repository.turnout.repository_url}:${var.image_tag}"
    repository_arn = aws_ecr_repository.turnout.arn
    vpc_id         = var.vpc_id
    subnet_ids     = var.subnet_ids
    cpu            = 512
    memory         = 1024
    max_tasks      = 6
    egress_ports   = [4317]
    environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT = var.otlp_endpoint
      TURNOUT_IDEMPOTENCY_KEY     = "genesys"
    }
  }

  # Letters are recovered by themselves, conversations looked up in Genesys Cloud.
  package             = { file = var.package }
  recovery            = { by = "state-machine" }
  genesys_environment = var.genesys_environment

  # The same worker in Kubernetes, while moving there: both may read the same queues.
  kubernetes = var.oidc_provider_arn == null ? null : { oidc_provider_arn = var.oidc_provider_arn }

  alarms = { actions = [aws_sns_topic.alarms.arn] }
}
