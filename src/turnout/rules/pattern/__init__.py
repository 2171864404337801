"""EventBridge event patterns: what AWS accepts, what it means, and what it refuses.

A pattern comes as `nodes`, from a rule file; `fields`, `leaf`, `operators` and `numbers` read and check them; `emit`
makes the condition; `pattern` puts it together and lists what differs from AWS.
"""
