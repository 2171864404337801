"""`turnout dlq archive`: put letters away in S3, and bring them back."""

from __future__ import annotations

import functools
import sys

import click

from turnout.cli.dlq.acting import carry_out
from turnout.cli.dlq.acting_options import Care, acting_options, archive_options
from turnout.cli.dlq.given import GIVEN
from turnout.cli.dlq.job import Job, who
from turnout.cli.dlq.options import letters_are_meant, place_options, selection_options
from turnout.cli.stray import WithoutArguments
from turnout.dlq.acts import archiving, restoring
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place
from turnout.recovery.ledger.records import Action, Plan
from turnout.recovery.misnamed import Noticing
from turnout.recovery.selection import Selection

__all__ = ["archive"]


@click.command(
    cls=WithoutArguments, stray=letters_are_meant, short_help="Put letters away in S3; bring them back with --restore."
)
@functools.partial(place_options, hide_archived=True)
@selection_options
@archive_options
@click.option(
    "--restore",
    type=GIVEN,
    metavar="PREFIX",
    help="Bring back the archived letters whose keys begin so, each to the queue in which it was found.",
)
@click.option("--to-queue", type=GIVEN, metavar="URL", help="Restore to this queue.")
@acting_options
def archive(
    settings: DlqSettings,
    place: Place,
    selection: Selection,
    restore: str | None,
    to_queue: str | None,
    care: Care,
) -> None:
    """Write letters into an S3 bucket, encrypted, one JSON object each, then take them out.

    An object is written once, however often that is repeated. turnout dlq export --archived PREFIX FILE writes archived
    letters into a file.
    """
    if restore is not None and place != Place():
        raise click.UsageError("--restore reads the archive: leave --queue, --failed-events, --file and --archived out")
    if place.archive:
        raise click.UsageError("these letters are archived already; to bring them back, use --restore")
    restores = restore is not None or (care.resume or "").startswith("restore")
    if to_queue and not restores:
        raise click.UsageError("--to-queue goes with --restore")
    if restores:
        job = Job(
            command="archive",
            kind="restore",
            action=Action.REPLAY,
            place=Place(archive=restore or ""),
            selects=Noticing(selection),
            what=f"Restore to {to_queue or 'the queues they were found in'}, {selection}",
            make=lambda services, plan: restoring(
                services, Place.of(plan.options["place"]), _remembered(plan, to_queue or "")
            ),
            options={"to": to_queue or ""},
            care=care,
        )
    else:
        job = Job(
            command="archive",
            kind="archive",
            action=Action.ARCHIVE,
            place=place,
            selects=Noticing(selection),
            what=f"Archive, {selection}",
            make=lambda services, _: archiving(services, who()),
            care=care,
        )
    sys.exit(carry_out(job, settings))


def _remembered(plan: Plan, given: str) -> str:
    """The queue to which the plan restores. Raises `click.UsageError` when another one is given."""
    queue = plan.options.get("to", "")
    if given not in ("", queue):
        place = queue or "the queues they were found in"
        raise click.UsageError(f"{plan.id} restores to {place}: go on with it without --to-queue")
    return queue
