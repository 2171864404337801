"""The composition root of the processor: from settings to running rounds. What `turnout dlq work` does.

As the worker it stops by signals, answers probes, tells metrics and logs; nothing of that is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import msgspec

from turnout.dlq.acts import archiving
from turnout.dlq.conversations import GenesysConversations
from turnout.dlq.delivering import deliveries
from turnout.dlq.replaying import ReplayRequests
from turnout.dlq.reporting import gone_from, known_of
from turnout.dlq.services import Services, open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place, open_source
from turnout.dlq.work_settings import WorkSettings
from turnout.errors import TurnoutError
from turnout.recovery.ledger.records import Record
from turnout.recovery.processor.counts import Result
from turnout.recovery.processor.effects import Conversations, Deliver
from turnout.recovery.processor.handling import Tools
from turnout.recovery.processor.policy import Policy
from turnout.recovery.processor.rounds import Processor, RoundsConfig
from turnout.recovery.report.document import health_document
from turnout.recovery.report.health import health
from turnout.recovery.report.model import Health
from turnout.recovery.selection import Selection
from turnout.recovery.sources.api import Source
from turnout.service.processor import ProcessorProbes
from turnout.service.signals import stop_on_signals
from turnout.service.watchdog import Watchdog
from turnout.telemetry.logs import configure_logging
from turnout.telemetry.setup import MetricSettings, TraceSettings, start_metrics, start_spans
from turnout.variables import misspelt_settings

__all__ = ["Job", "process", "worker_name"]

log = logging.getLogger(__name__)

_WATCHDOG_SECONDS = 1.0

Gone = Callable[[Record], bool]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What the processor is to do. `once`: until nothing is left to do. `report`: where health reports are written."""

    place: Place
    selection: Selection
    once: bool = False
    correlate: bool = False
    report: Path | None = None


class Finished(msgspec.Struct, frozen=True):
    """What came of it."""

    source: str
    results: Mapping[Result, int]
    """Letters by how their last turn ended."""
    left: int
    """Letters that are to have another turn, where nobody has stopped it."""
    health: Health | None
    """What the ledger knows of all letters of the place; None when it could not be asked."""
    seconds: float
    unseen: int = 0
    """About how many letters could not be seen, because somebody else held them."""


def process(settings: DlqSettings, work: WorkSettings, job: Job) -> Finished:
    """Process until SIGTERM or SIGINT, or with `once` until nothing is left to do. Raises `TurnoutError`."""
    configure_logging(work.log_level, work.log_format)
    for sentence in misspelt_settings():
        log.warning("%s", sentence)
    return asyncio.run(_process(settings, work, job))


def worker_name() -> str:
    """Who acts, for the ledger: of no two processes the same, or a new one would take the claims of a dead one."""
    return f"work@{socket.gethostname()}:{os.getpid()}-{secrets.token_hex(3)}"


async def _process(settings: DlqSettings, work: WorkSettings, job: Job) -> Finished:
    stop = asyncio.Event()
    began = time.monotonic()
    with stop_on_signals(stop):
        # One attempt a call: between attempts the processor waits, counts and stops.
        single = msgspec.structs.replace(settings, attempts=1)
        async with (
            open_services(single) as services,
            _processor(services, settings.attempts, work, job) as (processor, name, gone),
        ):
            async with _observed(work, processor, name), _reporting(services, work, job, processor, name, gone, began):
                log.info("processing the letters of %s", name)
                await processor.run(stop, once=job.once)
            try:
                known = health(await known_of(await services.ledger(), (), name), gone)
            except TurnoutError as error:  # what was done is done, and is to be told
                log.warning("what the ledger knows cannot be told: %s", error)
                known = None
            ended, left = processor.ended, 0 if stop.is_set() else processor.ended.left
            seconds = time.monotonic() - began
            return Finished(name, ended.results, left, known, seconds, ended.unseen or 0)


@contextlib.asynccontextmanager
async def _processor(
    services: Services, attempts: int, work: WorkSettings, job: Job
) -> AsyncIterator[tuple[Processor, str, Gone]]:
    """The processor, what its place is called, and which letters can be there no more."""
    settings, by = services.settings, worker_name()
    async with contextlib.AsyncExitStack() as stack:
        archive = await archiving(services, by) if settings.archive_bucket else None
        policy = Policy(
            attempts=attempts,
            base_seconds=settings.backoff_base_seconds,
            cap_seconds=settings.backoff_cap_seconds,
            archives=archive is not None,
        )
        tools = Tools(
            ledger=await services.ledger(),
            deliver=await _deliver(services, job.place, stack),
            archive=archive,
            conversations=await _conversations(services, job),
            by=by,
        )
        # Of a process that is killed, messages come back when claims end, and not before somebody may have them.
        visibility = math.ceil(work.lease_seconds)
        async with open_source(services, job.place, visibility_seconds=visibility) as looked_at:
            name, notes, undeliverable = looked_at.name, looked_at.notes, looked_at.undeliverable
            gone = gone_from(name, looked_at.retention_seconds)
        if undeliverable:
            raise _Undeliverable(undeliverable)
        for note in notes:
            log.warning("%s", note)

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Source]:
            # Before a round, when nothing is under way that begins by the old rules and would end by others.
            await services.renew_rules()
            async with open_source(services, job.place, visibility_seconds=visibility) as source:
                yield source

        config = RoundsConfig(
            interval_seconds=work.interval_seconds,
            # Replays go a hundred to a call: as many must be under way.
            concurrency=max(work.concurrency, 100) if job.place.failed_events else work.concurrency,
            most=work.round_letters,
            lease_seconds=work.lease_seconds,
            rate=settings.rate,
            drain_seconds=work.drain_seconds,
        )
        spans = start_spans(TraceSettings.from_environ(services.environ))
        stack.push_async_callback(spans.aclose, work.telemetry_seconds)
        yield Processor(opened, tools, policy, config, selection=job.selection, spans=spans), name, gone


class _Undeliverable(TurnoutError):
    """The letters of this place are not what was sent."""

    exit_code = 2


async def _deliver(services: Services, place: Place, stack: contextlib.AsyncExitStack) -> Deliver:
    if place.failed_events:
        genesys, subscription = await services.genesys(failed_events=True), place.failed_events
        requests = ReplayRequests(lambda ids: genesys.replay(subscription, ids), f"replay API {subscription}")
        stack.push_async_callback(requests.aclose)
        return requests
    return await deliveries(services, place)


async def _conversations(services: Services, job: Job) -> Conversations | None:
    if not job.correlate and not services.writes_back:
        return None
    return GenesysConversations(await services.genesys(), correlates=job.correlate)


# ------------------------------------------------------------------------------------------------- reports and probes


@contextlib.asynccontextmanager
async def _reporting(
    services: Services, work: WorkSettings, job: Job, processor: Processor, name: str, gone: Gone, began: float
) -> AsyncIterator[None]:
    """Report on the health of the letters at intervals, and at the end."""

    async def report() -> None:
        try:
            records = await known_of(await services.ledger(), (), name)
        except TurnoutError as error:
            log.warning("there is no health report: %s", error)
            return
        document = _document(name, processor, health(records, gone), time.monotonic() - began)
        log.info("health report", extra=document)
        if job.report is not None:
            try:
                await asyncio.to_thread(
                    _write, job.report, msgspec.json.format(msgspec.json.encode(document), indent=2)
                )
            except OSError as error:
                log.warning("%s cannot be written: %s", job.report, error.strerror or error)

    async def at_intervals() -> None:
        while True:
            await asyncio.sleep(work.report_seconds)
            await report()

    reporting = asyncio.create_task(at_intervals(), name="health-reports")
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.wait({reporting})
        await report()


def _document(name: str, processor: Processor, found: Health, seconds: float) -> Mapping[str, object]:
    counts = processor.counts
    return {
        "source": name,
        "seconds": round(seconds, 1),
        "rounds": counts.rounds,
        "results": dict(counts.results),
        "attempts": counts.attempts,
        "attempts_failed": counts.attempts_failed,
        "resting": list(processor.resting),
        "health": health_document(found),
    }


def _write(path: Path, document: bytes) -> None:
    """Whole or not at all: whoever reads it meanwhile reads the one before. A device stays one, and so does what
    /dev/stdout is, to which is added.
    """
    if path.is_char_device() or path.parent == Path("/dev"):
        with path.open("ab") as stream:
            stream.write(document + b"\n")
        return
    path = Path(os.path.realpath(path))  # what a link leads to: the link stays
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with beside.open("xb") as file:  # of our own making: in a folder of everybody's a link may lie there
        file.write(document + b"\n")
    beside.replace(path)


@contextlib.asynccontextmanager
async def _observed(work: WorkSettings, processor: Processor, name: str) -> AsyncIterator[None]:
    """Watch the event loop; tell metrics over OTLP; serve probes and metrics where there is a port."""
    watchdog = Watchdog(_WATCHDOG_SECONDS)
    probes = ProcessorProbes(processor, watchdog, name)
    async with contextlib.AsyncExitStack() as stack:
        watchdog.start()
        stack.callback(watchdog.stop)
        export = start_metrics(MetricSettings.from_environ(os.environ), probes.reading)
        if export is not None:
            stack.push_async_callback(lambda: export.aclose(probes.reading(), work.telemetry_seconds))
        if work.http_port is not None:
            from turnout.service.http import HttpConfig, serving_probes

            config = HttpConfig(work.http_port, work.http_host, work.http_token)
            await stack.enter_async_context(serving_probes(config, probes))
        yield
