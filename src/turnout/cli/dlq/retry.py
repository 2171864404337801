"""`turnout dlq retry`: deliver letters to the targets they are still owed, then take them out."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
import msgspec

from turnout.cli.dlq.acting import carry_out, remembered
from turnout.cli.dlq.acting_options import Care, acting_options, rules_options, to_options
from turnout.cli.dlq.job import Job
from turnout.cli.dlq.options import letters_are_meant, place_options, selection_options
from turnout.cli.stray import WithoutArguments
from turnout.dlq.acts import To, delivering, telling
from turnout.dlq.services import Services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place
from turnout.recovery.causes import Disposition
from turnout.recovery.deliver.api import Act
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.misnamed import Noticing
from turnout.recovery.selection import Selection

__all__ = ["retry"]


@click.command(cls=WithoutArguments, stray=letters_are_meant, short_help="Deliver letters to what they are still owed.")
@place_options
@selection_options
@to_options(replay=False)
@rules_options
@acting_options
def retry(
    settings: DlqSettings,
    place: Place,
    selection: Selection,
    to: To,
    instead: Mapping[str, str],
    care: Care,
) -> None:
    """Deliver letters to the targets they are still owed, and to no others; what is confirmed is taken out.

    Letters of Turnout go to their targets in the rules, those of EventBridge and Lambda to the ARN that did not take
    them. Without --cause, --disposition or --id only transient failures are retried: time may have repaired them.
    """
    assumed = not (selection.causes or selection.dispositions or selection.ids)
    if assumed:
        selection = msgspec.structs.replace(selection, dispositions=frozenset({Disposition.TRANSIENT}))

    async def make(services: Services, plan: Plan) -> Act:
        act = await delivering(services, Place.of(plan.options["place"]), remembered(plan, to), instead=instead)
        return await telling(services, act)

    job = Job(
        command="retry",
        kind="retry",
        action=Action.RETRY,
        place=place,
        selects=Noticing(selection),
        unselected="without --cause, --disposition or --id only transient letters are retried" if assumed else "",
        what=f"Retry to {to}, {selection}",
        make=make,
        options={"to": to.text},
        care=care,
    )
    sys.exit(carry_out(job, settings))
