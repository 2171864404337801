variable "region" {
  description = "The Region that Genesys Cloud's event source is in."
  type        = string
}

variable "environment" {
  description = "Part of every name: test, production."
  type        = string
  default     = "test"
}

variable "partner_event_source" {
  description = "What `aws events list-event-sources` calls the integration's event source."
  type        = string
}

variable "alarm_address" {
  description = "The mail address that alarms go to."
  type        = string
}

variable "image_tag" {
  description = "Tag of the worker's image in the repository that is made here."
  type        = string
}

variable "vpc_id" {
  description = "The VPC that the worker runs in."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets in at least two zones, with a way to AWS."
  type        = list(string)
}

variable "otlp_endpoint" {
  description = "The collector that takes traces and metrics, for instance http://collector.internal:4317."
  type        = string
}

variable "state_machines" {
  description = "State machines that rules start, as ARNs."
  type        = list(string)
  default     = []
}

variable "oidc_provider_arn" {
  description = "The Kubernetes cluster's identity provider in IAM, if the worker is to run there, too."
  type        = string
  default     = null
}

variable "package" {
  description = "The zip that deploy/lambda/package.py makes."
  type        = string
}

variable "genesys_environment" {
  description = "TURNOUT_GENESYS_REGION, TURNOUT_GENESYS_CLIENT_ID and TURNOUT_GENESYS_CLIENT_SECRET."
  type        = map(string)
  default     = {}
  sensitive   = true
}
