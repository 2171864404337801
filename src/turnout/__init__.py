"""Turnout routes events from Amazon SQS to the queues they belong in, by rules that operators edit.

The public Python interface is what this module exports; everything else may change between minor versions. It is
imported when it is asked for: every command begins by importing this module, and few need all of it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from turnout.rules import Match, Ruleset, load_rules

__all__ = ["Match", "Ruleset", "__version__", "load_rules"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from turnout import rules

    return getattr(rules, name)
