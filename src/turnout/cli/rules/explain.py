"""`turnout rules explain`: why does an event match a rule, or what keeps it from matching?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click
import msgspec
from rich.console import Console

from turnout.cli.rules.envelopes import in_place_of_an_event
from turnout.cli.rules.options import json_option, require_option, rules_option
from turnout.cli.rules.tree import print_explanation
from turnout.cli.rules.unread import note_unread
from turnout.failures import Reason
from turnout.rules import Ruleset, load_rules
from turnout.rules.explain.event import explain_event
from turnout.rules.spelling import nearest

__all__ = ["explain"]


@click.command(short_help="Say why an event matches, or what keeps it from matching.")
@rules_option
@click.option(
    "--event", "event", type=click.File("rb"), required=True, help="File with one event; - is standard input."
)
@click.option("--rule", "only", multiple=True, metavar="ID", help="Explain this rule only; repeatable.")
@click.option("--misses", default=3, show_default=True, type=click.IntRange(min=0), help="Nearest misses to explain.")
@click.option(
    "--metadata",
    "metadata_file",
    type=click.File("rb"),
    help='File with a JSON object: what @ paths see, such as {"attributes": {"tenant": "acme"}}.',
)
@json_option
@require_option
def explain(
    directory: Path,
    event: BinaryIO,
    only: tuple[str, ...],
    misses: int,
    metadata_file: BinaryIO | None,
    as_json: bool,
    require: tuple[str, ...],
) -> None:
    """Show the conditions of rules with the values that the event has: what was found, what was wanted, the verdict.

    Without --rule, the rules that match are shown; when none does, those that come nearest, the nearest first. Values
    are shown as they are, contact data too. Exits 2 when what is given is no event.
    """
    note_unread(directory)
    ruleset = load_rules(directory, require=require)
    _check_ids(ruleset, only)
    metadata = _object(metadata_file) if metadata_file is not None else None
    body = event.read().strip()
    if said := in_place_of_an_event(body):
        click.echo(f"note: {said}", err=True)
    explanation = explain_event(ruleset, body, metadata, only=only, misses=misses)
    if as_json:
        click.echo(msgspec.json.encode(explanation))
    else:
        print_explanation(Console(soft_wrap=True, highlight=False), explanation)
    # An event that lacks a required field is one all the same, and was explained.
    if explanation.rejected is not None and explanation.rejected.reason is not Reason.MISSING_FIELD:
        sys.exit(2)


def _check_ids(ruleset: Ruleset, only: tuple[str, ...]) -> None:
    known = [rule.id for rule in ruleset.rules]
    for name in only:
        if name not in known:
            raise click.BadParameter(f"there is no rule '{name}'{nearest(name, known)}", param_hint="--rule")


def _object(file: BinaryIO) -> dict[str, object]:
    try:
        return msgspec.json.decode(file.read(), type=dict[str, object])
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise click.BadParameter(f"not a JSON object: {error}", param_hint="--metadata") from error
