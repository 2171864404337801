"""Options that several of the `turnout rules` commands have."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.rules_path import RulesPath
from turnout.items import split_items

__all__ = ["json_option", "require_option", "rules_option"]

rules_option = click.option(
    "--rules",
    "directory",
    type=RulesPath(),
    default=Path("rules"),
    envvar="TURNOUT_RULES",
    show_default=True,
    help="Directory of rule files, or one rule file.  [TURNOUT_RULES]",
)


def _required(context: click.Context, option: click.Parameter, value: str) -> tuple[str, ...]:
    return split_items(value)


require_option = click.option(
    "--require",
    default="",
    callback=_required,
    help="Paths that every event must have, separated by commas. None by default, unlike in the worker.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
