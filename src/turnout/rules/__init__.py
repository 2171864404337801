"""The language: loading, checking and evaluating rule files. No I/O but reading rule files; no AWS, no telemetry."""

from turnout.rules.load import load_rules
from turnout.rules.model import Rejection, Rule, Send, Target
from turnout.rules.ruleset import Match, Ruleset

__all__ = ["Match", "Rejection", "Rule", "Ruleset", "Send", "Target", "load_rules"]
