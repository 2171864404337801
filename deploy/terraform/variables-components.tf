# What runs: each of these is off while it is null or false.

variable "idempotency" {
  description = "Whether to remember in a DynamoDB table which targets took which event. Needed by the router function."
  type        = bool
  default     = true

  validation {
    condition     = var.idempotency || var.router == null
    error_message = "The router function remembers owed targets in the idempotency table: leave idempotency on."
  }
}

variable "archive" {
  description = "The S3 bucket for archived letters: days until a cheaper storage class, and until deletion."
  type = object({
    infrequent_access_days = optional(number, 30)
    expiration_days        = optional(number, 400)
    force_destroy          = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.archive == null || (try(var.archive.infrequent_access_days, 30) >= 30 && try(var.archive.expiration_days, 400) > try(var.archive.infrequent_access_days, 30))
    error_message = "S3 moves objects after 30 days at the earliest, and expiration_days comes after that."
  }
}

variable "worker" {
  description = <<-EOT
    The worker on ECS Fargate. `image` is an image made by deploy/Dockerfile, with your rules in it; `repository_arn` is
    its ECR repository. `environment` are further TURNOUT_ and OTEL_ variables, `secrets` names variables whose values
    are in Secrets Manager, encrypted with AWS's own key (ARNs, with a JSON key behind them or without). `egress_ports`
    are TCP ports that it may connect to besides 443.
  EOT
  type = object({
    image            = string
    repository_arn   = string
    vpc_id           = string
    subnet_ids       = list(string)
    cpu              = optional(number, 256)
    memory           = optional(number, 512)
    architecture     = optional(string, "X86_64")
    min_tasks        = optional(number, 2)
    max_tasks        = optional(number, 10)
    assign_public_ip = optional(bool, false)
    egress_ports     = optional(set(number), [])
    environment      = optional(map(string), {})
    secrets          = optional(map(string), {})
    log_days         = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.worker == null || try(var.worker.min_tasks >= 1 && var.worker.max_tasks >= var.worker.min_tasks, false)
    error_message = "min_tasks is at least 1, and max_tasks not less than that: without a task nobody sees the age of the queue fall."
  }
  validation {
    condition = var.worker == null || try(contains({
      "256"   = [512, 1024, 2048]
      "512"   = range(1024, 4096 + 1, 1024)
      "1024"  = range(2048, 8192 + 1, 1024)
      "2048"  = range(4096, 16384 + 1, 1024)
      "4096"  = range(8192, 30720 + 1, 1024)
      "8192"  = range(16384, 61440 + 1, 4096)
      "16384" = range(32768, 122880 + 1, 8192)
    }[tostring(var.worker.cpu)], var.worker.memory), false)
    error_message = "Fargate has no tasks of this cpu and memory. cpu is 256, 512, 1024, 2048, 4096, 8192 or 16384; memory (MiB) is 512, 1024 or 2048 with cpu 256, else 2 to 8 times the cpu in steps of 1024, of 4096 from cpu 8192 on, of 8192 with 16384 (at most 30720 with 4096, 61440 with 8192, 122880 with 16384)."
  }
  validation {
    condition     = var.worker == null || try(var.worker.memory >= 256 * tonumber(lookup(var.worker.environment, "TURNOUT_PROCESSES", 1)), false)
    error_message = "memory is at least 256 for each of TURNOUT_PROCESSES: a process takes about 110 MiB, and twice what it holds."
  }
  validation {
    condition     = var.worker == null || try(contains(["X86_64", "ARM64"], var.worker.architecture), false)
    error_message = "architecture is X86_64 or ARM64, as the image was built."
  }
  validation {
    condition = var.worker == null || try(
      tonumber(lookup(var.worker.environment, "TURNOUT_DRAIN_SECONDS", 25)) +
      2 * tonumber(lookup(var.worker.environment, "TURNOUT_TELEMETRY_SECONDS", 5)) <= 110,
      false,
    )
    error_message = "TURNOUT_DRAIN_SECONDS plus twice TURNOUT_TELEMETRY_SECONDS is 110 at most: Fargate kills a task that stops for longer than 120 seconds."
  }
  validation {
    condition     = var.worker == null || length(var.sources) <= 9
    error_message = "A worker has 9 sources at most: its scaling adds their lengths up, beside the number of tasks, and CloudWatch adds up ten metrics. Use a second module for more."
  }
  validation {
    condition     = var.worker == null || var.router == null
    error_message = "Either the worker or the router function reads the source queues, not both."
  }
}

variable "kubernetes" {
  description = <<-EOT
    Makes a role for the worker in Kubernetes. `oidc_provider_arn` is the cluster's identity provider in IAM; the service
    account is that of deploy/kubernetes. With `recovery` there is a second role, for the component of that name.
  EOT
  type = object({
    oidc_provider_arn = string
    namespace         = optional(string, "turnout")
    service_account   = optional(string, "turnout")
    recovery          = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.kubernetes == null || can(regex(":oidc-provider/", try(var.kubernetes.oidc_provider_arn, "")))
    error_message = "oidc_provider_arn looks like arn:aws:iam::123456789012:oidc-provider/oidc.eks.<Region>.amazonaws.com/id/<id>."
  }
  validation {
    condition     = !try(var.kubernetes.recovery, false) || var.recovery == null
    error_message = "Letters are recovered either in Kubernetes (kubernetes.recovery) or by functions (recovery): both read the same queues."
  }
}

variable "package" {
  description = <<-EOT
    The deployment package of all functions: `file` is the zip on this machine, or `bucket` and `key` name it in S3 (with
    `version`, so that a new one is noticed).
  EOT
  type = object({
    file         = optional(string)
    bucket       = optional(string)
    key          = optional(string)
    version      = optional(string)
    architecture = optional(string, "arm64")
    runtime      = optional(string, "python3.13")
  })
  default = null

  validation {
    condition     = var.package == null || (try(var.package.file, null) == null) != (try(var.package.bucket, null) == null)
    error_message = "The package is either a file, or bucket and key."
  }
}

variable "router" {
  description = <<-EOT
    The Lambda function that routes instead of the worker. `batch_window_seconds` is for how long Lambda gathers up to
    `batch_size` events; `maximum_concurrency` is how many copies run at most, for each source.
  EOT
  type = object({
    memory               = optional(number, 1024)
    timeout_seconds      = optional(number, 45)
    batch_size           = optional(number, 100)
    batch_window_seconds = optional(number, 1)
    maximum_concurrency  = optional(number, 10)
    environment          = optional(map(string), {})
    log_days             = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.router == null || var.package != null
    error_message = "The router function needs a package."
  }
  validation {
    condition     = var.router == null || try(var.router.batch_size >= 1 && var.router.batch_size <= 10000 && (var.router.batch_size <= 10 || var.router.batch_window_seconds >= 1), false)
    error_message = "router.batch_size is 1 to 10000, and Lambda takes more than 10 with a batch_window_seconds of 1 or more only."
  }
  validation {
    condition     = var.router == null || try(var.router.maximum_concurrency >= 2 && var.router.maximum_concurrency <= 1000, false)
    error_message = "router.maximum_concurrency is 2 to 1000: Lambda takes no less."
  }
  validation {
    condition     = var.router == null || try(var.source_visibility_seconds >= 6 * var.router.timeout_seconds + var.router.batch_window_seconds, false)
    error_message = "source_visibility_seconds must be at least six times the router's timeout_seconds, plus batch_window_seconds: Lambda may try a batch again before it gives it back."
  }
}

variable "recovery" {
  description = <<-EOT
    Recovers letters by itself: `by` is "function" (one function on the dead-letter queues) or "state-machine" (Step
    Functions, one function for each state; letters of up to 224 KiB). What neither can do waits in the queue `parked`,
    after `max_receive_count` calls. `maximum_concurrency` is how many copies of the function run at most, for each queue;
    `maximum_deliveries` how many letters the state machine delivers at a time: concurrency that is reserved of the
    account's, -1 for no bound. `environment` are further TURNOUT_ and OTEL_ variables.
  EOT
  type = object({
    by                  = optional(string, "function")
    memory              = optional(number, 512)
    timeout_seconds     = optional(number, 45)
    batch_size          = optional(number, 10)
    maximum_concurrency = optional(number, 2)
    maximum_deliveries  = optional(number, 10)
    max_receive_count   = optional(number, 5)
    environment         = optional(map(string), {})
    log_days            = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.recovery == null || try(contains(["function", "state-machine"], var.recovery.by), false)
    error_message = "recovery.by is \"function\" or \"state-machine\"."
  }
  validation {
    condition     = var.recovery == null || var.package != null
    error_message = "Recovery needs a package."
  }
  validation {
    condition     = var.recovery == null || try(var.source_visibility_seconds >= 6 * var.recovery.timeout_seconds, false)
    error_message = "source_visibility_seconds must be at least six times recovery's timeout_seconds: the dead-letter queues have the same visibility."
  }
  validation {
    condition     = var.recovery == null || try(var.recovery.batch_size >= 1 && var.recovery.batch_size <= 10, false)
    error_message = "recovery.batch_size is 1 to 10: for more Lambda would have to gather, and letters are few."
  }
  validation {
    condition     = var.recovery == null || try(var.recovery.maximum_concurrency >= 2 && var.recovery.maximum_concurrency <= 1000, false)
    error_message = "recovery.maximum_concurrency is 2 to 1000: Lambda takes no less."
  }
  validation {
    condition     = var.recovery == null || try(var.recovery.maximum_deliveries == -1 || var.recovery.maximum_deliveries >= 1, false)
    error_message = "recovery.maximum_deliveries is 1 at least, or -1 for no bound."
  }
  validation {
    condition     = var.recovery == null || try(var.recovery.by, "") != "state-machine" || try(var.recovery.timeout_seconds <= 50, false)
    error_message = "With a state machine recovery's timeout_seconds is 50 at most: a state gives up after 60, its function's start included, and would park a letter that the function still delivers."
  }
}

variable "conversations" {
  description = <<-EOT
    A function that reads the target of that name, and looks the conversations up that start and change. Needs
    genesys_environment. `maximum_concurrency` keeps it below what Genesys Cloud allows a client.
  EOT
  type = object({
    target              = string
    memory              = optional(number, 512)
    timeout_seconds     = optional(number, 10)
    maximum_concurrency = optional(number, 2)
    environment         = optional(map(string), {})
    log_days            = optional(number, 30)
  })
  default = null

  validation {
    condition     = var.conversations == null || try(contains(keys(var.targets), var.conversations.target), false)
    error_message = "conversations.target is the name of one of the targets."
  }
  validation {
    condition     = var.conversations == null || try(var.conversations.maximum_concurrency >= 2 && var.conversations.maximum_concurrency <= 1000, false)
    error_message = "conversations.maximum_concurrency is 2 to 1000: Lambda takes no less."
  }
  validation {
    condition     = var.conversations == null || var.package != null
    error_message = "The function needs a package."
  }
  validation {
    condition = var.conversations == null || anytrue([
      for name in concat(nonsensitive(keys(var.genesys_environment)), keys(try(var.conversations.environment, {}))) :
      strcontains(name, "GENESYS")
    ])
    error_message = "The function asks Genesys Cloud: set genesys_environment."
  }
  validation {
    condition     = var.conversations == null || try(var.targets[var.conversations.target].visibility_seconds >= 6 * var.conversations.timeout_seconds, false)
    error_message = "visibility_seconds of that target must be at least six times timeout_seconds of conversations."
  }
}

variable "genesys_environment" {
  description = <<-EOT
    What recovery needs to ask Genesys Cloud: TURNOUT_GENESYS_REGION, TURNOUT_GENESYS_CLIENT_ID and
    TURNOUT_GENESYS_CLIENT_SECRET. Encrypted in the functions; it is in Terraform's state, so keep that private.
  EOT
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "scaling" {
  description = <<-EOT
    When tasks are added: more than `backlog_per_task` waiting events each, or an oldest event of `age_seconds`. One
    task clears thousands of events a second, so the first is a matter of delay, not of throughput.
  EOT
  type = object({
    backlog_per_task = optional(number, 5000)
    age_seconds      = optional(number, 60)
  })
  default = {}
}

variable "other_targets" {
  description = <<-EOT
    ARNs of targets that are no queues of this module: topics, event buses, state machines, queues. `functions` are those
    to which recovery may deliver again what failed on its way to them.
  EOT
  type = object({
    functions      = optional(list(string), [])
    topics         = optional(list(string), [])
    buses          = optional(list(string), [])
    state_machines = optional(list(string), [])
    queues         = optional(list(string), [])
  })
  default = {}
}

variable "operator_arns" {
  description = <<-EOT
    ARNs of the roles and users to which you attach the operators' policy: each of them may then ask IAM what they may do
    (iam:SimulatePrincipalPolicy), as `turnout doctor` does for whoever runs it. Without them it asks, and is refused.
    Roles are named with their path, as those of IAM Identity Center have one (role/aws-reserved/sso.amazonaws.com/...):
    a session does not tell it, so the doctor asks for it by the role's name (iam:GetRole).
  EOT
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.operator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "operator_arns are ARNs of roles and users, as in arn:aws:iam::123456789012:role/on-call."
  }
}

variable "alarms" {
  description = "Where alarms go (ARNs of SNS topics), and when they are raised."
  type = object({
    actions                = optional(list(string), [])
    source_age_seconds     = optional(number, 300)
    target_age_seconds     = optional(number, 3600)
    quiet_minutes          = optional(number, 10)
    in_flight_per_queue    = optional(number, 100000)
    dead_letters_tolerated = optional(number, 0)
  })
  default = {}

  validation {
    condition     = var.alarms.quiet_minutes >= 1 && var.alarms.quiet_minutes <= 1440
    error_message = "alarms.quiet_minutes is 1 to 1440: CloudWatch looks back a day at most."
  }
}
