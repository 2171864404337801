"""The Lambda function that routes: `turnout.serverless.router.handler`, called for batches of the source queue.

The same rules, targets, letters and environment variables as `turnout run`. The mapping must report batch item
failures; docs/serverless.md has its other settings.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from turnout.app import load_ruleset, open_store, worker_config
from turnout.serverless.container import Container
from turnout.serverless.events import Context, Response, messages_of, partial_response, seconds_left
from turnout.serverless.log import begin_log, naming_request
from turnout.serverless.measuring import batch_lines, print_lines
from turnout.serverless.routing import BatchRouter
from turnout.settings import load_settings
from turnout.sqs.clients import open_sqs
from turnout.sqs.session import AwsConfig
from turnout.targets.destinations import open_destinations
from turnout.telemetry.logs import configure_logging
from turnout.telemetry.setup import TraceSettings, start_tracing
from turnout.telemetry.tracing import LateTracing
from turnout.variables import idle_settings

__all__ = ["handler", "open_router"]

log = logging.getLogger(__name__)

# Kept of the time for the answer itself.
_ANSWER_SECONDS = 0.3


class Opened(msgspec.Struct, frozen=True):
    """What is open."""

    router: BatchRouter
    flush_seconds: float
    """For how long a call may wait for its traces to leave."""


@asynccontextmanager
async def open_router() -> AsyncIterator[Opened]:
    """A router as the environment says; its connections are closed on leaving.

    Raises `SettingsError` and `RulesError` with every problem at once.
    """
    begin_log()
    settings = load_settings()
    configure_logging(settings.log_level, settings.log_format)
    for sentence in idle_settings(settings):
        log.warning("%s", sentence)
    # A worker of this kind starts and stops with every call, which is no news.
    logging.getLogger("turnout.pipeline.worker").setLevel(logging.WARNING)
    ruleset = load_ruleset(settings)
    tracing = start_tracing(TraceSettings.from_environ(os.environ), slow_seconds=settings.trace_slow_seconds)
    async with (
        open_sqs(settings.sqs_client, AwsConfig()) as sqs,
        open_store(settings) as store,
        open_destinations(sqs, beside=settings.source_queue_url[0]) as destinations,
    ):
        router = BatchRouter(worker_config(settings), ruleset, sqs, tracing, store, destinations)
        yield Opened(router, settings.telemetry_seconds)
        await tracing.aclose(settings.telemetry_seconds)


def handler(event: Any, context: Context) -> Response:
    """Route the messages of one call; the answer names those that are to stay in the queue.

    Raises `InvalidEvent`, and whatever keeps the router from opening: then Lambda keeps the whole batch.
    """

    async def work(opened: Opened) -> Response:
        router = opened.router
        messages = messages_of(event, router.config.sources)
        routed = await router.route(messages, seconds_left(context))
        print_lines(batch_lines(routed.books))
        if isinstance(router.tracing, LateTracing):
            await router.tracing.flush(max(0.0, min(opened.flush_seconds, seconds_left(context) - _ANSWER_SECONDS)))
        return partial_response(routed.failed)

    with naming_request(context):
        return _container.run(work)


_container = Container(open_router)
_container.open_early()
