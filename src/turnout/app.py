"""The composition root: from settings to a running worker. The only module that knows every part.

`serve` is what `turnout run` does; `open_worker` is for whoever brings their own event loop (the demo, tests).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
from collections.abc import AsyncIterator, Callable

from msgspec import Raw, json

from turnout.errors import RulesError
from turnout.idempotency.api import IdempotencyStore
from turnout.idempotency.keys import event_key, genesys_key
from turnout.idempotency.memory import MemoryStore
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.worker import Worker, WorkerConfig
from turnout.roles import double_roles
from turnout.rules import Ruleset
from turnout.rules.files.signature import Signature, signature
from turnout.rules.model import Kind
from turnout.rules.reload import load_ready_rules
from turnout.service.observer import Observer
from turnout.service.pulse import PULSE_FD, Pulse, beat
from turnout.service.reloader import Reloader
from turnout.service.signals import call_on_hangup, stop_on_signals
from turnout.service.tap import Tap
from turnout.service.view import View, WorkerView
from turnout.service.watchdog import Watchdog
from turnout.settings import Settings
from turnout.sqs.clients import open_sqs
from turnout.sqs.place import endpoint_problems
from turnout.sqs.session import AwsConfig
from turnout.targets.certificates import problems_with_certificates
from turnout.targets.destinations import open_destinations
from turnout.targets.ways import problems_on_the_way
from turnout.telemetry.logs import configure_logging
from turnout.telemetry.metric import Reading
from turnout.telemetry.metrics import reading_of
from turnout.telemetry.records import TracingCounts
from turnout.telemetry.redaction import redactor
from turnout.telemetry.setup import MetricSettings, TraceSettings, start_metrics, start_tracing
from turnout.telemetry.tracing import Tracing
from turnout.variables import idle_settings, misspelt_settings, settings_without_port

__all__ = [
    "begin_log",
    "event_loop_factory",
    "load_ruleset",
    "open_port",
    "open_store",
    "open_worker",
    "serve",
    "worker_config",
]

log = logging.getLogger(__name__)

# For heartbeats and for targets that a reload adds.
_SPARE_CONNECTIONS = 16

# Half of them look names up: more than there are calls by default. A thread that waits costs next to nothing.
_LOOKUP_THREADS = "32"


def load_ruleset(settings: Settings) -> Ruleset:
    """The rules that the settings name, ready to send: every target's queue is known, every example holds.

    Raises `RulesError` with every problem at once.
    """
    ruleset = load_ready_rules(settings.rules, require=settings.require)
    endpoints = [target for target in ruleset.targets.values() if target.kind is Kind.URL]
    problems = problems_on_the_way([target.address for target in endpoints], os.environ)
    if problems := [*problems, *problems_with_certificates(endpoints, os.environ)]:
        raise RulesError(problems)
    if PULSE_FD not in os.environ:  # of several workers their supervisor tells
        for sentence in double_roles(settings, ruleset.targets.values()):
            log.warning("%s", sentence)
    return ruleset


def worker_config(settings: Settings) -> WorkerConfig:
    """The worker's share of the settings."""
    return WorkerConfig(
        sources=settings.source_queue_url,
        dead_letter_queue=settings.dead_letter_queue_url,
        pollers=settings.pollers,
        wait_seconds=settings.wait_seconds,
        visibility_seconds=settings.visibility_seconds,
        max_in_flight=settings.max_in_flight,
        max_in_flight_bytes=settings.max_in_flight_mib * 1024 * 1024,
        send_calls=settings.send_calls,
        send_calls_total=settings.send_calls_total,
        hold_seconds=settings.hold_seconds,
        drain_seconds=settings.drain_seconds,
        backoff=Backoff(settings.backoff_base_seconds, settings.backoff_cap_seconds, settings.send_attempts),
        idempotency_key=genesys_key if settings.idempotency_key == "genesys" else event_key,
        idempotency_waits=settings.idempotency_on_error == "wait",
        breaker=BreakerConfig(settings.breaker_failures, probe_cap_seconds=settings.breaker_probe_seconds),
    )


@contextlib.asynccontextmanager
async def open_worker(settings: Settings, ruleset: Ruleset, tracing: Tracing) -> AsyncIterator[Worker]:
    """A worker with its connections to SQS, which are closed on leaving."""
    polls = settings.pollers * len(settings.source_queue_url)
    calls = settings.send_calls * (len(ruleset.targets) + 1 + len(settings.source_queue_url))
    config = AwsConfig(max_connections=max(polls, calls) + _SPARE_CONNECTIONS)
    async with (
        open_sqs(settings.sqs_client, config) as sqs,
        open_store(settings) as store,
        open_destinations(sqs, beside=settings.source_queue_url[0]) as destinations,
    ):
        yield Worker(worker_config(settings), ruleset, sqs, tracing, store, destinations)


@contextlib.asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[IdempotencyStore | None]:
    """The idempotency store that the settings ask for, closed on leaving; None when they ask for none."""
    if settings.idempotency == "memory":
        yield MemoryStore(settings.idempotency_events)
    elif settings.idempotency == "dynamodb":
        # Imported on demand: most workers need no DynamoDB client.
        from turnout.idempotency.dynamodb import open_dynamo_store

        async with open_dynamo_store(settings.idempotency_table, ttl_days=settings.idempotency_days) as store:
            yield store
    else:
        yield None


@contextlib.asynccontextmanager
async def open_port(settings: Settings, view: View, tap: Tap | None = None) -> AsyncIterator[None]:
    """The HTTP port with its pages, where the settings ask for one. Raises `SettingsError` when it cannot be had."""
    if settings.http_port is None:
        yield
        return
    # Only here, because most of what it imports is needed by nothing else.
    from turnout.service.feeds import Feeds
    from turnout.service.http import HttpConfig, serving
    from turnout.service.page.pages import StatusPages

    token = settings.http_token.get_secret_value() if settings.http_token else ""
    config = HttpConfig(settings.http_port, settings.http_host, token)
    redact = redactor(os.environ)
    async with serving(config, view, StatusPages(view, redact), Feeds(view, redact, tap)):
        yield


def begin_log(settings: Settings) -> None:
    """Log as the settings say; first what is set to no effect, which of several workers their supervisor tells."""
    if PULSE_FD in os.environ:
        configure_logging(settings.log_level, settings.log_format, process=os.getpid())
        return
    configure_logging(settings.log_level, settings.log_format)
    idle = (*idle_settings(settings), *settings_without_port(settings))
    for sentence in (*misspelt_settings(), *endpoint_problems(os.environ), *idle):
        log.warning("%s", sentence)


def serve(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT; the exit code of `turnout run`.

    Raises `RulesError` when it cannot start.
    """
    begin_log(settings)
    seen = signature(settings.rules)
    ruleset = load_ruleset(settings)
    with asyncio.Runner(loop_factory=event_loop_factory()) as runner:
        runner.run(_serve(settings, ruleset, seen))
    return 0


def event_loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's event loop where there is one, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    # Read by libuv when it first looks a name up. Of its four threads it lends two to lookups, and a nameserver that
    # does not answer keeps each for ten seconds and more: two endpoints' would be in the way of every other connection.
    os.environ.setdefault("UV_THREADPOOL_SIZE", _LOOKUP_THREADS)
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


async def _serve(settings: Settings, ruleset: Ruleset, seen: Signature) -> None:
    stop = asyncio.Event()
    counts = TracingCounts()
    tracing = start_tracing(
        TraceSettings.from_environ(os.environ), slow_seconds=settings.trace_slow_seconds, counts=counts
    )
    reloader: Reloader | None = None

    def hung_up() -> None:
        if reloader is not None:  # else the rules have just been read
            reloader.ask()

    # To the very end: who asks for a reload while the last spans leave must not end the process by that.
    with stop_on_signals(stop), call_on_hangup(hung_up):
        try:
            tap = Tap(tracing, redactor(os.environ), bodies_allowed=settings.http_bodies)
            async with open_worker(settings, ruleset, tracing if settings.http_port is None else tap) as worker:
                reloader = Reloader(
                    settings.rules,
                    load=lambda: load_ruleset(settings),
                    use=worker.use,
                    active=ruleset.fingerprint,
                    seen=seen,
                )
                async with _observed(settings, worker, reloader, counts, stop, tap), asyncio.TaskGroup() as tasks:
                    # What start-up made stays for good: the collector need not look at it again.
                    gc.freeze()
                    reloading = tasks.create_task(reloader.run(), name="reloader")
                    await worker.run(stop)
                    reloading.cancel()
        finally:
            await tracing.aclose(settings.telemetry_seconds)


@contextlib.asynccontextmanager
async def _observed(
    settings: Settings, worker: Worker, reloader: Reloader, counts: TracingCounts, stop: asyncio.Event, tap: Tap
) -> AsyncIterator[None]:
    """Watch the worker: watchdog, metrics over OTLP, the HTTP port if there is one, the supervisor if there is one."""
    watchdog = Watchdog(settings.watchdog_seconds)
    observer = Observer(worker, reloads=reloader, blocks=watchdog, tracing=counts)

    def read() -> Reading:
        return reading_of(observer.request().result(timeout=settings.watchdog_seconds))

    async with contextlib.AsyncExitStack() as stack:
        watchdog.start()
        stack.callback(watchdog.stop)
        export = start_metrics(MetricSettings.from_environ(os.environ), read)
        if export is not None:
            stack.push_async_callback(lambda: export.aclose(reading_of(observer.take()), settings.telemetry_seconds))
        await stack.enter_async_context(open_port(settings, WorkerView(observer, watchdog), tap))
        if descriptor := os.environ.get(PULSE_FD):
            pulse = beat(int(descriptor), lambda: Pulse(reloader.attempts, Raw(json.encode(observer.take()))), stop)
            beating = asyncio.create_task(pulse, name="pulse")
            stack.callback(beating.cancel)
        yield
