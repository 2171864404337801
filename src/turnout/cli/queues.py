"""`turnout queues`: makes the queues that the rules need, for trying things out. Planned in `turnout.provision`."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from turnout.cli.rules.options import rules_option
from turnout.queues import queue_name

if TYPE_CHECKING:
    from turnout.provision.plan import QueuePlan
    from turnout.rules.model import Target

__all__ = ["queues"]


def _usable_prefix(_context: click.Context, _parameter: click.Parameter, prefix: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", prefix):
        raise click.BadParameter(f"{prefix!r} cannot begin a queue's name: 1 to 40 of A-Z, a-z, 0-9, '-' and '_' can.")
    return prefix


@click.group()
def queues() -> None:
    """Make the queues that the rules need."""


@queues.command(short_help="Make the source, dead-letter and target queues; print their variables.")
@rules_option
@click.option(
    "--prefix",
    default="turnout",
    show_default=True,
    callback=_usable_prefix,
    help="Begins the names of queues that have none yet.",
)
@click.option("--fifo", multiple=True, metavar="TARGET", help="Make this target's queue a FIFO queue; repeatable.")
@click.option("--yes", is_flag=True, help="Do not ask, also in a real AWS account.")
def create(directory: Path, prefix: str, fifo: Sequence[str], yes: bool) -> None:
    """Make the queues that the rules need: the source, its dead-letter queue, and one for each target, with redrive.

    For an emulator (AWS_ENDPOINT_URL) or an account for development; production has deploy/terraform. Queues that
    exist are left as they are. What is printed sets the variables that the rules and `turnout run` read:

    \b
        eval "$(turnout queues create)"
    """
    from turnout.provision.plan import plan_queues
    from turnout.rules.files.load import read_rules
    from turnout.rules.problems import RuleFilesError

    reading, bare = read_rules(directory), read_rules(directory, environ={})
    if reading.problems:
        raise RuleFilesError(reading.problems)
    if unknown := sorted(set(fifo) - set(reading.targets)):
        raise click.UsageError(f"the rules have no target {unknown[0]}; they have {', '.join(reading.targets)}")
    for name in fifo:
        _refuse_unless_fifo(reading.targets[name])
    variables = {name: target.unresolved for name, target in bare.targets.items()}
    plans = plan_queues(reading.targets, variables, environ=os.environ, prefix=prefix, fifo=fifo)
    exports = asyncio.run(_make(plans, yes))
    for name, url in exports.items():
        click.echo(f"export {name}={shlex.quote(url)}")


def _refuse_unless_fifo(target: Target) -> None:
    """Raise `click.UsageError` when a target that is asked for as FIFO cannot become one."""
    if target.kind != "queue":
        raise click.UsageError(f"--fifo {target.name}: this target is no queue, but a {target.kind}")
    if not target.unresolved and not target.address.endswith(".fifo"):
        raise click.UsageError(
            f"--fifo {target.name}: it has the queue {queue_name(target.address)}, which is no "
            "FIFO queue: name another, or unset its variable"
        )


async def _make(plans: Sequence[QueuePlan], yes: bool) -> Mapping[str, str]:
    from turnout.provision.create import open_maker
    from turnout.provision.plan import SOURCE_VARIABLE

    exports: dict[str, str] = {}
    async with open_maker() as maker:
        if not maker.emulator and not yes:
            _ask(f"{len(plans)} queues in the AWS account of {maker.endpoint}")
        async for made in maker.make(plans):
            click.echo(f"{'made ' if made.new else 'there'} {made.url}", err=True)
            for name in made.plan.variables:
                several = name == SOURCE_VARIABLE and name in exports
                exports[name] = f"{exports[name]},{made.url}" if several else made.url
    return exports


def _ask(what: str) -> None:
    if not sys.stdin.isatty():
        raise click.UsageError(f"this would make {what}, which is no emulator: say --yes if that is wanted")
    click.confirm(f"Make {what}?", abort=True, err=True)
