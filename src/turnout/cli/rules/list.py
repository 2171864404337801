"""`turnout rules list`: the rules, where they send, how the engine finds them, and how often they match."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import msgspec
from rich.table import Table
from rich.text import Text

from turnout.cli.rules.options import json_option, rules_option
from turnout.cli.rules.unread import note_unread
from turnout.cli.running import asking, worker_url
from turnout.cli.screen import wide_console
from turnout.cli.stray import WithoutArguments, rules_are_meant
from turnout.rules import Ruleset, load_rules
from turnout.rules.addresses import without_secrets
from turnout.rules.engine.access import Access, access_of
from turnout.rules.model import Kind, Rule, Target
from turnout.settings import required_paths
from turnout.telemetry.scraping import Scraped, read_scrape

__all__ = ["list_rules"]


@click.command(
    "list",
    cls=WithoutArguments,
    stray=rules_are_meant,
    short_help="List rules, targets, and how often each rule matches.",
)
@rules_option
@click.option(
    "--address",
    metavar="URL",
    help="Address of a running worker's HTTP port, such as http://127.0.0.1:8080: shows how often each rule matched.",
)
@json_option
def list_rules(directory: Path, address: str | None, as_json: bool) -> None:
    """List the targets, and the rules in the order they are tried.

    The index of a rule is the term by which the engine finds it; a rule without one is tried for every event.
    """
    note_unread(directory)
    # Required paths are part of the fingerprint, which is held against the worker's.
    ruleset = load_rules(directory, require=required_paths())
    scraped = None if address is None else _scrape(address)
    access = _access(ruleset)
    if as_json:
        click.echo(msgspec.json.encode(_record(ruleset, access, scraped)))
    else:
        _print(ruleset, access, scraped)
    if scraped is not None and scraped.fingerprint != ruleset.fingerprint:
        click.echo(
            f"note: the worker's rules have the fingerprint {scraped.fingerprint or 'unknown'}, these have "
            f"{ruleset.fingerprint}: other files, other variables, or other required paths",
            err=True,
        )


def _scrape(address: str) -> Scraped:
    with asking(worker_url(address)) as client:
        return read_scrape(client.get("/metrics").raise_for_status().text)


def _access(ruleset: Ruleset) -> Mapping[str, Access]:
    active = [rule for rule in ruleset.rules if rule.enabled]
    return dict(zip((rule.id for rule in active), access_of([rule.condition for rule in active]), strict=True))


def _mode(rule: Rule) -> str:
    return str(rule.mode) if rule.enabled else "disabled"


def _shown(target: Target) -> str:
    """The address; of a URL only where it leads, as everywhere."""
    if target.kind is not Kind.URL or target.unresolved:
        return target.address
    return without_secrets(target.address)


def _record(ruleset: Ruleset, access: Mapping[str, Access], scraped: Scraped | None) -> dict[str, object]:
    targets = [
        {
            "name": target.name,
            "kind": target.kind,
            "address": _shown(target),
            "priority": target.priority,
            "description": target.description,
        }
        for target in ruleset.targets.values()
    ]
    rules = []
    for rule in ruleset.rules:
        found = access.get(rule.id, Access())
        record: dict[str, object] = {
            "id": rule.id,
            "place": str(rule.place),
            "description": rule.description,
            "mode": _mode(rule),
            "stop": rule.stop,
            "send": rule.send,
            "index": found.filed or None,
            "scanned": found.scanned or None,
            "owner": rule.owner,
            "tags": rule.tags,
        }
        if scraped is not None:
            record["matches"] = scraped.matches.get(rule.id)
        rules.append(record)
    return {"fingerprint": ruleset.fingerprint, "unmatched": ruleset.unmatched, "targets": targets, "rules": rules}


def _print(ruleset: Ruleset, access: Mapping[str, Access], scraped: Scraped | None) -> None:
    console = wide_console()
    targets = Table("target", "priority", "address", header_style="bold")
    for target in sorted(ruleset.targets.values(), key=lambda target: target.priority):
        address = _shown(target) if target.kind is Kind.QUEUE else f"{target.kind} {_shown(target)}"
        targets.add_row(target.name, str(target.priority), Text(address))
    rules = Table("rule", "mode", "sends to", "index", header_style="bold")
    if scraped is not None:
        rules.add_column("matches", justify="right")
    for rule in ruleset.rules:
        found = access.get(rule.id, Access())
        index = Text(found.filed) if found.filed else Text(f"none: {found.scanned}" if found.scanned else "", "yellow")
        mode = _mode(rule) + (", stop" if rule.stop else "")
        row: list[str | Text] = [rule.id, mode, ", ".join(rule.send), index]
        if scraped is not None:
            count = scraped.matches.get(rule.id)
            row.append("" if count is None else f"{count:,}")
        rules.add_row(*row)
    for table in (targets, rules):
        for column in table.columns:
            column.overflow = "fold"
        console.print(table)
    console.print(Text(f"unmatched: {ruleset.unmatched}; fingerprint {ruleset.fingerprint}"))
