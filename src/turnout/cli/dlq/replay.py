"""`turnout dlq replay`: send letters again, marked as replays, to where an operator says."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from turnout.cli.dlq.acting import carry_out, remembered
from turnout.cli.dlq.acting_options import Care, acting_options, rules_options, to_options
from turnout.cli.dlq.job import Job
from turnout.cli.dlq.options import letters_are_meant, place_options, selection_options
from turnout.cli.stray import WithoutArguments
from turnout.dlq.acts import To, replaying, telling
from turnout.dlq.services import Services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place
from turnout.recovery.deliver.api import Act
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.misnamed import Noticing
from turnout.recovery.selection import Selection

__all__ = ["replay"]


@click.command(
    cls=WithoutArguments,
    stray=letters_are_meant,
    short_help="Send letters again: to owed targets, the source queue, an endpoint, a file, an API.",
)
@place_options
@selection_options
@to_options(replay=True)
@rules_options
@acting_options
def replay(
    settings: DlqSettings,
    place: Place,
    selection: Selection,
    to: To,
    instead: Mapping[str, str],
    care: Care,
) -> None:
    """Send letters again, once something was repaired; what is confirmed is taken out.

    By default to the targets they are owed. With --to-source they are routed by the rules of today; targets that have
    an event do not get it again. Replays carry the attribute Turnout.Replay: a worker with an idempotency store lets
    each pass once, and its trace is a new one, with a link to the original's.
    """
    if to.kind == "api" and place.failed_events and place.failed_events != to.value:
        raise click.UsageError("--failed-events and --to-api name different subscriptions")

    async def make(services: Services, plan: Plan) -> Act:
        act = await replaying(services, Place.of(plan.options["place"]), remembered(plan, to), plan.id, instead)
        return await telling(services, act)

    job = Job(
        command="replay",
        kind="replay",
        action=Action.REPLAY,
        place=place,
        selects=Noticing(selection),
        what=f"Replay to {to}, {selection}",
        make=make,
        options={"to": to.anywhere.text},
        care=care,
    )
    sys.exit(carry_out(job, settings))
