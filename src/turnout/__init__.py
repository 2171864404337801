"""Turnout routes events from Amazon SQS to the queues they belong in, by rules that operators edit.

The public Python interface is what this module exports; everything else may change between minor versions.
"""

from turnout.rules import Match, Ruleset, load_rules

__all__ = ["Match", "Ruleset", "__version__", "load_rules"]

__version__ = "0.1.0"
