"""`turnout rules`: look at rules without running them. One module per command."""

from __future__ import annotations

import click

from turnout.cli.lazy import LazyGroup

__all__ = ["rules"]

_COMMANDS = {
    "match": "turnout.cli.rules.match:match",
    "explain": "turnout.cli.rules.explain:explain",
    "test": "turnout.cli.rules.test:test",
    "diff": "turnout.cli.rules.diff:diff",
    "schema": "turnout.cli.rules.schema:schema",
    "list": "turnout.cli.rules.list:list_rules",
}


_ELSEWHERE = {"check": "turnout check", "lint": "turnout check", "validate": "turnout check"}


@click.group(
    cls=LazyGroup,
    lazy=_COMMANDS,
    elsewhere=_ELSEWHERE,
    short_help="Look at rules: where would events go, and why?",
)
def rules() -> None:
    """Look at rules without running them."""
