"""`turnout dlq work`: the processor. It runs until told to stop, or with `--once` until nothing is left to do."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from turnout.cli.dlq.acting_options import SETTINGS, archive_options, causes_option, rules_option
from turnout.cli.dlq.foreseeing import print_foreseen
from turnout.cli.dlq.options import letters_are_meant, place_options, selection_options
from turnout.cli.environment import note_misspelt
from turnout.cli.stray import WithoutArguments
from turnout.dlq.settings import load_dlq_settings
from turnout.dlq.sources import Place
from turnout.dlq.work_settings import load_work_settings
from turnout.recovery.processor.counts import Result
from turnout.recovery.report.model import Health
from turnout.recovery.report.words import unsettled
from turnout.recovery.selection import Selection
from turnout.words import count

__all__ = ["work"]

_WORDS = {Result.PUT_OFF: "put off", Result.ELSEWHERE: "left to another process"}
_KEPT = {Result.REMOVED: "done with before"}
"""Where nothing is taken out: of a file, of an API."""
_RECOVERY = SETTINGS | {"attempts": "attempts"}
_WORK = {
    "interval": "interval_seconds",
    "concurrency": "concurrency",
    "report_every": "report_seconds",
    "http_port": "http_port",
    "http_host": "http_host",
    "log_format": "log_format",
}


@click.command(
    cls=WithoutArguments, stray=letters_are_meant, short_help="Process letters continuously: deliver, archive, park."
)
@functools.partial(place_options, hide_archived=True)
@selection_options
@click.option("--dry-run", is_flag=True, help="Show what the next round would do, and do nothing.")
@click.option("--once", is_flag=True, help="End when nothing is left to do, and say what was done.")
@click.option("--correlate", is_flag=True, help="Look conversations up first; archive letters whose own is not there.")
@archive_options
@rules_option
@click.option(
    "--ledger",
    metavar="FILE",
    help="A file, or dynamodb:TABLE for several processors.  [TURNOUT_DLQ_LEDGER]  [default: turnout-ledger.sqlite]",
)
@causes_option
@click.option("--attempts", metavar="NUMBER", help="Attempts at a delivery.  [TURNOUT_DLQ_ATTEMPTS]  [default: 4]")
@click.option("--rate", metavar="NUMBER", help="Actions a second, at most.  [TURNOUT_DLQ_RATE]  [default: 20]")
@click.option(
    "--interval",
    metavar="SECONDS",
    help="From the end of a round to the next.  [TURNOUT_DLQ_INTERVAL_SECONDS]  [default: 60]",
)
@click.option("--concurrency", metavar="NUMBER", help="Letters at a time.  [TURNOUT_DLQ_CONCURRENCY]  [default: 16]")
@click.option("--report", "report_file", metavar="FILE", help="Write each health report there, as JSON.")
@click.option(
    "--report-every",
    metavar="SECONDS",
    help="Between two health reports in the log.  [TURNOUT_DLQ_REPORT_SECONDS]  [default: 900]",
)
@click.option("--http-port", metavar="PORT", help="Probes and metrics; 0: any free one.  [TURNOUT_HTTP_PORT]")
@click.option("--http-host", metavar="ADDRESS", help="Where it listens.  [TURNOUT_HTTP_HOST]  [default: 127.0.0.1]")
@click.option("--log-format", metavar="FORMAT", help="auto, json or text.  [TURNOUT_LOG_FORMAT]  [default: auto]")
def work(
    place: Place,
    selection: Selection,
    dry_run: bool,
    once: bool,
    correlate: bool,
    report_file: str | None,
    **given: Any,
) -> None:
    """Process letters: transient failures are delivered to what they are owed, with backoff; permanent ones are
    archived, where there is a bucket; what needs a repair or nobody understands is parked for people and stays where
    it is. Every step is in the ledger first, so that nothing is lost or done again after a crash.

    Several processors may share the letters of a queue when they share a DynamoDB ledger. SIGTERM or Ctrl-C finishes
    what is under way and exits 0; a second one exits at once. With TURNOUT_GENESYS_WRITE_BACK conversations are told
    what became of their letters.
    """
    if place.archive:
        raise click.UsageError(
            "these letters are archived already; to bring them back, use turnout dlq archive --restore"
        )
    settings = load_dlq_settings(given=_named(_RECOVERY, given))
    bounds = load_work_settings(given=_named(_WORK, given))
    if dry_run:
        note_misspelt()
        print_foreseen(settings, place, selection)
        return
    # After the settings: wrong ones should not wait for AWS's clients to be imported.
    from turnout.recovering import Job, process
    from turnout.recovery.sources.queue import unseen_note

    report = Path(report_file) if report_file else None
    job = Job(place=place, selection=selection, once=once, correlate=correlate, report=report)
    finished = process(settings, bounds, job)
    if not once:
        return
    ordered = sorted(finished.results.items(), key=lambda pair: -pair[1])
    words = _WORDS if not (place.file or place.failed_events) else _WORDS | _KEPT
    results = ", ".join(f"{number:,} {words.get(result, result)}" for result, number in ordered)
    none = "no letters to be seen" if finished.unseen else "no letters"
    click.echo(f"{finished.source}: {results or none}, in {finished.seconds:.1f} s.")
    if finished.unseen:
        click.echo(f"note: {unseen_note(finished.unseen)}")
    if finished.health is not None:
        _print_known(finished.health)
    if finished.left:
        click.echo(f"{count(finished.left, 'letter')} left: run it again later.")
    if finished.left or (finished.unseen and not results):
        sys.exit(1)


def _print_known(known: Health) -> None:
    rate = f", what was tried worked for {known.success_rate:.1%}" if known.success_rate is not None else ""
    click.echo(f"The ledger knows {count(known.total, 'letter')}, {unsettled(known.open, known.gone)}{rate}.")
    for share in known.statuses:
        click.echo(f"  {share.name:<18}{share.count:>8,}")


def _named(settings: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, object]:
    return {setting: given[option] for option, setting in settings.items() if given.get(option) is not None}
