# Names, where the events come from, and the queues. What runs is in variables-components.tf.

variable "name" {
  description = "Prefix of everything that is created."
  type        = string
  default     = "turnout"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,23}$", var.name))
    error_message = "name is 2 to 24 small letters, digits and hyphens, and begins with a letter."
  }
}

variable "partner_event_source" {
  description = <<-EOT
    Name of the partner event source that Genesys Cloud has made in this account and Region, for instance
    "aws.partner/genesys.com/cloud/<organisation id>/<suffix>". It is associated with a bus of that name.
  EOT
  type        = string
  default     = null

  validation {
    condition     = var.partner_event_source == null || can(regex("^aws\\.partner/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", var.partner_event_source))
    error_message = "partner_event_source looks like aws.partner/genesys.com/cloud/<organisation id>/<suffix>."
  }
}

variable "event_bus_name" {
  description = "Name of an event bus that exists already; instead of partner_event_source."
  type        = string
  default     = null

  validation {
    condition     = (var.event_bus_name == null) != (var.partner_event_source == null)
    error_message = "Give either partner_event_source or event_bus_name."
  }
}

variable "sources" {
  description = <<-EOT
    The source queues, and for each what the EventBridge rule lets into it: `topics` are beginnings of the detail-type,
    `source_prefix` is the beginning of the source; or `pattern` is a whole event pattern as JSON. More than one queue
    is for what is too much for one, or must not wait for the rest.
  EOT
  type = map(object({
    topics        = optional(list(string), ["v2.detail.events.conversation."])
    source_prefix = optional(string, "aws.partner/genesys.com")
    pattern       = optional(string)
  }))
  default = { events = {} }

  validation {
    condition     = length(var.sources) >= 1 && length(var.sources) <= 10
    error_message = "There are 1 to 10 sources: a dead-letter queue may be used by name by ten."
  }
  validation {
    condition = alltrue([for name in keys(var.sources) :
      can(regex("^[a-z0-9-]{1,24}$", name)) && !endswith(name, "dead-letter") && !contains(["parked", "undelivered"], name)
    ])
    error_message = "Names of sources are up to 24 small letters, digits and hyphens, not dead-letter, parked, undelivered."
  }
  validation {
    condition     = alltrue([for source in values(var.sources) : source.pattern == null || can(jsondecode(source.pattern))])
    error_message = "A pattern is an EventBridge event pattern, as JSON."
  }
}

variable "source_visibility_seconds" {
  description = "For how long a received event is invisible to others. The worker asks for its own; this is for Lambda."
  type        = number
  default     = 300

  validation {
    condition     = var.source_visibility_seconds >= 30 && var.source_visibility_seconds <= 43200
    error_message = "source_visibility_seconds is 30 to 43200."
  }
}

variable "source_retention_days" {
  description = "For how long events wait in a source queue before SQS discards them."
  type        = number
  default     = 4

  validation {
    condition     = var.source_retention_days >= 1 && var.source_retention_days < 14
    error_message = "source_retention_days is 1 to 13: the dead-letter queues keep messages for 14, counted from the first send."
  }
}

variable "max_receive_count" {
  description = "How often an event may be received before SQS itself moves it to the dead-letter queue."
  type        = number
  default     = 5

  validation {
    condition     = var.max_receive_count >= 3 && var.max_receive_count <= 1000
    error_message = "max_receive_count is 3 to 1000: a worker that is replaced hands messages back, which counts."
  }
}

variable "targets" {
  description = <<-EOT
    The target queues. Each has a dead-letter queue of its own for what its consumer does not manage, and the worker
    gets its URL in a variable: `high` in HIGH_QUEUE_URL, `fraud-review` in FRAUD_REVIEW_QUEUE_URL. None where all targets
    are other_targets or endpoints.
  EOT
  type = map(object({
    fifo               = optional(bool, false)
    visibility_seconds = optional(number, 60)
    retention_days     = optional(number, 4)
    max_receive_count  = optional(number, 5)
  }))
  default = { critical = {}, high = {}, standard = {} }

  validation {
    condition = alltrue([for name in keys(var.targets) :
      can(regex("^[a-z][a-z0-9-]{0,31}$", name)) && !endswith(name, "dead-letter") && !contains(["parked", "undelivered"], name)
    ])
    error_message = "Names of targets are up to 32 small letters, digits, hyphens, not dead-letter, parked, undelivered."
  }
  validation {
    condition     = alltrue([for name in keys(var.targets) : !startswith(name, "turnout-")])
    error_message = "No target's name begins with turnout-: its variable could be one of Turnout's own. TURNOUT_SOURCE_QUEUE_URL is what it reads."
  }
  validation {
    condition     = alltrue([for target in values(var.targets) : target.retention_days >= 1 && target.retention_days < 14])
    error_message = "retention_days of a target is 1 to 13: its dead-letter queue keeps messages for 14."
  }
  validation {
    condition     = length(setintersection(keys(var.targets), keys(var.sources))) == 0
    error_message = "No target may have the name of a source."
  }
}

variable "event_retry" {
  description = "How long and how often EventBridge tries to put an event into a source queue."
  type = object({
    maximum_age_seconds = optional(number, 86400)
    maximum_attempts    = optional(number, 185)
  })
  default = {}
}

variable "kms_key_arn" {
  description = <<-EOT
    Key for queues, tables, archive and logs; null creates one. Its policy must allow what keys.tf allows, and Terraform
    must know it when it plans: a key of the same configuration is applied before the rest, with -target.
  EOT
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted. Turn it off, and apply, before destroying a test installation."
  type        = bool
  default     = true
}
