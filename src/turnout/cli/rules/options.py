"""Options that several of the `turnout rules` commands have."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.rules_path import RulesPath

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

require_option = click.option(
    "--require",
    default="",
    callback=lambda context, option, value: tuple(path.strip() for path in value.split(",") if path.strip()),
    help="Paths that every event must have, separated by commas. None by default, unlike in the worker.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
