"""One course of one plan: draft, show, ask, write the plan down, carry it out, say what is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time

import click
import msgspec

from turnout.cli.dlq.acting_options import settings_given
from turnout.cli.dlq.asking import confirmed
from turnout.cli.dlq.job import Job, who
from turnout.cli.dlq.plan_view import print_draft, print_tally, progress
from turnout.cli.exit_codes import INTERRUPTED
from turnout.dlq.reporting import ledger_place
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import ACTING_SECONDS, Place
from turnout.errors import TurnoutError
from turnout.recovery.deliver.api import Act
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import ItemState, Plan, PlanState
from turnout.recovery.running.planning import Draft, draft, draft_again
from turnout.recovery.running.runner import LEASE_SECONDS, RunConfig, Runner
from turnout.recovery.running.tally import Tally
from turnout.recovery.sources.api import Source
from turnout.words import count

__all__ = ["Course"]

_LET_GO_SECONDS = max(ACTING_SECONDS, LEASE_SECONDS)
"""After so long a run that was killed holds no letter any more, neither in its queue nor in the ledger."""


class Course:
    """One course of one plan, from draft to end."""

    def __init__(
        self,
        job: Job,
        settings: DlqSettings,
        ledger: Ledger,
        plan: Plan,
        act: Act,
        source: Source,
        stop: asyncio.Event,
    ) -> None:
        self._job = job
        self._care = job.care
        self._settings = settings
        self._ledger = ledger
        self._plan = msgspec.structs.replace(plan, queue=source.name)
        self._act = act
        self._source = source
        self._stop = stop
        self._waited = False
        self._again = self._plan.options.get("again") == "true"

    async def run(self) -> int:
        """Take it. The exit code, as of `acting.carry_out`. Raises `TurnoutError`."""
        made = await self._draft()
        settings = self._settings
        print_draft(
            made,
            self._source,
            self._plan.options["what"],
            rate=settings.rate,
            max_failures=settings.max_failures,
            missing=self._act.missing,
            misnamed=self._job.selects.misnamed(),
        )
        if self._source.keeps and not self._care.resume:
            made.finishing.clear()  # as was said: nothing is taken out, and nothing is left to do with them
        if made.absent and not (made.limited or self._source.keeps):
            self._say_absent(made)
        if self._stop.is_set():  # while it was reading: of what there is, it may have seen nothing
            click.echo("Nothing was changed.")
            return INTERRUPTED
        if not (made.works or made.finishing or made.gone):
            return await self._nothing_to_do(made)
        if self._care.dry_run:
            click.echo("Nothing was changed: this was a dry run.")
            return 0
        if not self._care.yes and not await confirmed("Go on?", self._stop):
            click.echo("Nothing was changed.")
            return INTERRUPTED if self._stop.is_set() else 1
        if self._care.resume:
            await self._ledger.end_plan(self._plan.id, PlanState.OPEN)
        else:
            await self._ledger.save_plan(self._plan, made.items)
            # Now, since a run that is killed says nothing at its end.
            click.echo(f"Plan {self._plan.id}, in the ledger {ledger_place(settings)}.")
        return await self._act_on(made)

    async def _nothing_to_do(self, made: Draft) -> int:
        """Say so, and end a plan of which nothing is left. The exit code: 1 where somebody has to see to something."""
        if self._care.resume and not made.absent and not self._care.dry_run:
            await self._finish(made)
        if made.unselected and self._job.unselected:
            click.echo(f"not asked for: {made.unselected:,}: {self._job.unselected}")
        click.echo("Nothing to do now." if made.absent else "Nothing to do.")
        # An archive holds what was put into it: where nothing is, another prefix was meant.
        if not made.read and Place.of(self._plan.options["place"]).archive and not self._care.resume:
            return 1
        # Who goes on with it until nothing is left is told once what was lost.
        lost = made.expired and self._plan.state is not PlanState.FINISHED
        left = made.unfit or lost or self._source.unseen
        return 1 if made.absent or (left and not self._care.dry_run) else 0

    async def _finish(self, made: Draft) -> None:
        """Note that nothing of the plan is left. What is gone is not called resolved: nobody dealt with it."""
        note = f"{count(len(made.expired), 'letter')} gone before their turn" if made.expired else ""
        await self._ledger.end_plan(self._plan.id, PlanState.FINISHED, note=note)
        if made.expired:
            click.echo(f"Plan {self._plan.id} is finished. Letters of it that are gone: {len(made.expired):,}.")

    @property
    def _go_on(self) -> str:
        """The command that goes on with this plan."""
        # An endpoint's URL may hold keys, so that no plan keeps it.
        url = " --to-url URL, the same as now" if self._plan.options.get("to", "").startswith("url:") else ""
        return f"turnout dlq {self._job.command} --resume {self._plan.id}{settings_given()}{url}"

    async def _say_stopping(self, runner: Runner) -> None:
        await self._stop.wait()
        if not runner.gave_up:
            click.echo("Stopping when the letters under way are done; Ctrl-C once more exits at once.", err=True)

    async def _draft(self) -> Draft:
        if self._care.resume:
            items = await self._ledger.items(self._plan.id)
            return await draft_again(
                self._source,
                self._ledger,
                items,
                self._act,
                self._care.limit,
                self._stop,
                again=self._again,
                made_ms=self._plan.created_ms,
                wait=self._wait if self._care.wait and not self._source.keeps else None,
            )
        return await draft(
            self._source,
            self._ledger,
            self._job.selects,
            self._act,
            self._care.limit,
            self._stop,
            again=self._again,
        )

    async def _wait(self, absent: int) -> bool:
        """Wait until a run that was killed has let go of its letters; False when Ctrl-C was quicker."""
        click.echo(f"Waiting until {_let_go()} for {count(absent, 'letter')} of the plan; Ctrl-C ends that.")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LET_GO_SECONDS):
                await self._stop.wait()
        self._waited = not self._stop.is_set()
        return self._waited

    def _say_absent(self, made: Draft) -> None:
        if self._waited:
            click.echo(
                "No run that was killed holds them any more: somebody else does, or has taken them out, or their time "
                "in the queue was over."
            )
            self._say_until(made)
            return
        click.echo(
            f"If a run was killed, they are there again at {_let_go()} at the latest. To wait for them: "
            f"{self._go_on}{'' if self._care.wait else ' --wait'}"
        )
        self._say_until(made)

    def _say_until(self, made: Draft) -> None:
        if made.absent_until_ms is not None:
            until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(made.absent_until_ms / 1000 + 60))
            click.echo(f"What is not there at {until} either is gone for sure: --resume ends the plan then.")

    async def _act_on(self, made: Draft) -> int:
        settings = self._settings
        with progress(len(made.works) + len(made.finishing)) as told:
            runner = Runner(
                source=self._source,
                ledger=self._ledger,
                act=self._act,
                plan=self._plan.id,
                by=_run_name(),
                config=RunConfig(settings.rate, settings.max_failures, again=self._again),
                told=told,
            )
            saying = asyncio.create_task(self._say_stopping(runner), name="say-stopping")
            try:
                tally = await runner.run(made, self._stop)
            except TurnoutError:
                print_tally(runner.tally, left="not done")
                click.echo(f"Stopped. To go on, once what follows is repaired: {self._go_on}")
                raise
            finally:
                saying.cancel()
        if tally.total:
            print_tally(tally)
        left = [
            item
            for item in await self._ledger.items(self._plan.id)
            if item.state not in (ItemState.FAILED, ItemState.RESOLVED) and item.letter not in made.expired
        ]
        if tally.too_many_failures(settings.max_failures):
            why = f"more than {settings.max_failures:g} % failed"
            click.echo(f"Stopped: {why}.")
            await self._ledger.end_plan(self._plan.id, PlanState.STOPPED, note=why)
        elif not left:
            await self._finish(made)
            if not tally.total:
                click.echo("Nothing was left of this plan: it is finished.")
        if left:
            self._say_left(len(left), tally)
        elif tally.done and self._source.url.endswith(".fifo"):
            click.echo(
                "Behind these there may be more of their message groups, which could not be seen: "
                "run the same command again, until there is nothing to do."
            )
        if left and self._stop.is_set() and not runner.gave_up:
            return INTERRUPTED
        return 1 if left or tally.failed or made.unfit or made.expired else 0

    def _say_left(self, left: int, tally: Tally) -> None:
        click.echo(f"{count(left, 'letter')} of this plan left. To go on: {self._go_on}")
        if tally.behind:
            click.echo(
                "That leaves out what has failed. To keep the order within message groups, begin anew, with the "
                "command that made this plan."
            )
        if tally.skipped:
            click.echo(
                "Another process lets go of its letters when it ends. When it was killed: wait "
                f"{LEASE_SECONDS / 60:.0f} minutes, then go on. That is at {_let_go()}."
            )


def _let_go() -> str:
    """When nothing is held any more by a run that was killed before now."""
    return time.strftime("%H:%M:%S UTC", time.gmtime(time.time() + _LET_GO_SECONDS))


def _run_name() -> str:
    """Who acts, for the ledger: of no two runs the same, or two of one plan would take each other's letters."""
    return f"{who()}:{os.getpid()}-{secrets.token_hex(3)}"
