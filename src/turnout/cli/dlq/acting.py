"""How retry, archive and replay begin: with a new plan, or with one that the ledger has."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
import time
from pathlib import Path

import click
import msgspec

from turnout.cli.dlq.course import Course
from turnout.cli.dlq.job import Job, who
from turnout.dlq.acts import To
from turnout.dlq.reporting import ledger_is_there, ledger_place
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place, open_source
from turnout.recovery.ledger.api import Ledger, UnknownPlan
from turnout.recovery.ledger.records import Plan, PlanState
from turnout.service.signals import stop_on_signals

__all__ = ["carry_out", "remembered"]

_OTHER_LEDGER = "give the ledger of the run that made it, with --ledger or TURNOUT_DLQ_LEDGER"


def carry_out(job: Job, settings: DlqSettings) -> int:
    """Do it. The exit code: 0 when nothing is left, 1 when something failed or is left, 130 when it was interrupted
    before all was done. Raises `TurnoutError`.
    """
    if job.care.resume and not ledger_is_there(settings):
        raise UnknownPlan(f"there is no ledger {ledger_place(settings)}, and so no plan: {_OTHER_LEDGER}")
    if job.care.dry_run and not ledger_is_there(settings):
        # To show a plan leaves no trace, not even an empty ledger.
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(_carry_out(job, msgspec.structs.replace(settings, ledger=str(Path(folder, "ledger")))))
    return asyncio.run(_carry_out(job, settings))


def remembered(plan: Plan, given: To) -> To:
    """Where the plan's letters go. Raises `click.UsageError` when that is an endpoint, which no plan keeps, or when
    another place is given: nothing is to go where somebody does not expect it.
    """
    if given.anywhere.text == plan.options["to"]:
        return given
    to = To.of(plan.options["to"])
    if to.kind == "url":
        raise click.UsageError(f"{plan.id} sends to {to.value}, and keeps no more of it: give the same --to-url again")
    if given != To():
        raise click.UsageError(f"{plan.id} sends to {to}: go on with it without --to-..., or begin anew")
    return to


async def _carry_out(job: Job, settings: DlqSettings) -> int:
    stop = asyncio.Event()
    with stop_on_signals(stop):
        async with open_services(settings) as services:
            ledger = await services.ledger()
            plan = await _old_plan(ledger, job, settings) if job.care.resume else _new_plan(job, settings)
            act = await job.make(services, plan)
            async with open_source(services, Place.of(plan.options["place"])) as source:
                if source.undeliverable:
                    raise click.UsageError(source.undeliverable)
                return await Course(job, settings, ledger, plan, act, source, stop).run()


def _new_plan(job: Job, settings: DlqSettings) -> Plan:
    now = time.time()
    name = f"{job.kind}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
    options = {
        **job.options,
        "place": (job.place if job.place.text else Place(settings.queue or "")).anywhere.text,
        "what": job.what,
    }
    if job.care.again:
        options["again"] = "true"
    return Plan(name, job.action, "", who(), int(now * 1000), options)


async def _old_plan(ledger: Ledger, job: Job, settings: DlqSettings) -> Plan:
    plan = await ledger.plan(job.care.resume or "")
    if plan is None:
        known = [each.id for each in await ledger.plans() if each.state is not PlanState.FINISHED]
        there = f"to be resumed there: {', '.join(known[:5])}" if known else _OTHER_LEDGER
        raise UnknownPlan(f"the ledger {ledger_place(settings)} has no plan {job.care.resume}; {there}")
    if plan.action is not job.action or not plan.id.startswith(job.kind):
        kind = plan.id.partition("-")[0]
        command = f"turnout dlq {'archive' if kind == 'restore' else kind} --resume {plan.id}"
        raise click.UsageError(f"{plan.id} is no plan of turnout dlq {job.command}; {command} goes on with it")
    return plan
