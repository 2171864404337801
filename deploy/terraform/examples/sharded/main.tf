# Four shards of the conversations, by the first digit of their ids, and one queue for events without a conversation, or
# with an id that begins otherwise: what no pattern lets in, EventBridge drops.

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
  description = "The Region that Genesys Cloud's event source is in."
  type        = string
}

variable "partner_event_source" {
  description = "What `aws events list-event-sources` calls the integration's event source."
  type        = string
}

locals {
  shards = {
    a = ["0", "1", "2", "3"]
    b = ["4", "5", "6", "7"]
    c = ["8", "9", "a", "b"]
    d = ["c", "d", "e", "f"]
  }
  genesys = [{ prefix = "aws.partner/genesys.com" }]
}

module "turnout" {
  source = "../.."

  partner_event_source = var.partner_event_source

  sources = merge(
    {
      for shard, digits in local.shards : "conversations-${shard}" => {
        pattern = jsonencode({
          source = local.genesys
          detail = { eventBody = { conversationId = [for digit in digits : { prefix = digit }] } }
        })
      }
    },
    {
      rest = {
        pattern = jsonencode({
          source = local.genesys
          detail = {
            eventBody = {
              conversationId = [{ exists = false }, { "anything-but" = { prefix = flatten(values(local.shards)) } }]
            }
          }
        })
      }
    },
  )
}

output "environment" {
  description = "For `turnout run`, `turnout check` and `turnout doctor`."
  value       = module.turnout.environment
}
