"""`turnout demo`: the whole path on this machine alone. Played and shown by `turnout.demo`, arranged here."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from turnout.cli.exit_codes import INTERRUPTED
from turnout.cli.rules_path import RulesPath
from turnout.cli.stray import WithoutArguments, rules_are_meant
from turnout.errors import SettingsError
from turnout.words import count

if TYPE_CHECKING:
    from turnout.demo.run import Plan, Result

__all__ = ["demo", "find_rules"]

FLUSH_SECONDS = 5.0


@click.command(cls=WithoutArguments, stray=rules_are_meant, short_help="See it work, on this machine alone.")
@click.option("--events", default=2000, show_default=True, type=click.IntRange(1, 1_000_000), help="Events to publish.")
@click.option("--seed", default=1, show_default=True, type=int, help="The same seed gives the same events.")
@click.option(
    "--rules",
    type=RulesPath(),
    help="Rules to use.  [default: $TURNOUT_RULES, else ./rules, else those that come along]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
def demo(events: int, seed: int, rules: Path | None, as_json: bool) -> None:
    """Route generated events through the real worker, on an embedded server, and check that nothing was lost.

    Needs no AWS account, no Docker and no network, and touches no queue outside this machine. An embedded queue stands
    in for each target; what rules say of `delay` and `deduplicate` is not played, so that all can be counted. Exits 0
    when every event is where it has to be, 1 when any was lost, 130 when it was stopped before all were routed.
    """
    from rich.console import Console

    from turnout.demo.report import show, summary
    from turnout.demo.run import Plan
    from turnout.rules import load_rules
    from turnout.telemetry.logs import configure_logging

    configure_logging("error", "text")
    ruleset = load_rules(rules or find_rules(), require=("detail",))
    result = _play(Plan(events, seed, ruleset))
    if as_json:
        click.echo(msgspec.json.encode(summary(result, ruleset)))
    else:
        show(result, ruleset, Console())
    if result.findings.lost:
        sys.exit(1)
    if result.published < events or result.findings.unfinished:
        left = f", {result.findings.unfinished:,} of them not routed" if result.findings.unfinished else ""
        click.echo(f"stopped early, after {result.published:,} of {count(events, 'event')}{left}", err=True)
        sys.exit(INTERRUPTED)


def find_rules() -> Path:
    """The rules to use when none are named: `TURNOUT_RULES`, else ./rules, else those installed with the package.

    Raises `SettingsError` when there are none.
    """
    installed = Path(sysconfig.get_path("data"), "share", "turnout", "rules")
    named = os.environ.get("TURNOUT_RULES")
    for path in (Path(named) if named else Path("rules"), installed):
        if named or path.exists():
            return path
    raise SettingsError([f"There are no rules in ./rules and none in {installed}: name some with --rules"])


def _play(plan: Plan) -> Result:
    """Start everything, play, and stop everything, also on Ctrl-C and SIGTERM."""
    from rich.console import Console

    from turnout.app import event_loop_factory
    from turnout.demo.report import progress_bar
    from turnout.demo.run import play
    from turnout.demo.server import client_environment, embedded_server
    from turnout.service.signals import stop_on_signals
    from turnout.telemetry.setup import TraceSettings, start_tracing

    async def run(endpoint: str) -> Result:
        stop = asyncio.Event()
        tracing = start_tracing(TraceSettings.from_environ(os.environ))
        with stop_on_signals(stop), progress_bar(Console(stderr=True)) as bar:
            task = bar.add_task("starting", total=plan.events)

            def progress(doing: str, done: int, total: int) -> None:
                bar.update(task, description=doing, completed=done, total=total)

            try:
                return await play(plan, endpoint, tracing, stop=stop, progress=progress)
            finally:
                await tracing.aclose(FLUSH_SECONDS)

    with _sigterm_unwinds(), embedded_server() as endpoint:
        environment = client_environment(endpoint, os.environ)
        os.environ.clear()
        os.environ.update(environment)
        with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
            return runner.run(run(endpoint))


@contextmanager
def _sigterm_unwinds() -> Iterator[None]:
    """While no event loop handles signals, let SIGTERM unwind the stack as Ctrl-C does: the server must be stopped."""
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
