"""The Lambda functions of the state machine in deploy/stepfunctions: one handler a state. See `lettersteps`."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from turnout.serverless.container import Container
from turnout.serverless.events import Context, seconds_left
from turnout.serverless.lettersteps import InvalidStep, LetterSteps, Step
from turnout.serverless.log import naming_request
from turnout.serverless.opening import open_recovery

__all__ = ["archive", "classify", "correlate", "deliver", "notify", "open_steps", "park"]

# Kept of the time for noting the outcome and for the answer.
_RESERVE_SECONDS = 1.0


@asynccontextmanager
async def open_steps() -> AsyncIterator[LetterSteps]:
    """The steps as the environment says; raises `SettingsError`, `RulesError`, `LedgerUnavailable`."""
    async with open_recovery() as opened:
        yield LetterSteps(opened.recovery, opened.sqs, os.environ.get("TURNOUT_PARKED_QUEUE_URL", ""))


def classify(event: Any, context: Context) -> Step:
    """What the letter is and what is to be done with it."""
    return _run(LetterSteps.classify, event, context)


def correlate(event: Any, context: Context) -> Step:
    """The conversation it is about."""
    return _run(LetterSteps.correlate, event, context)


def deliver(event: Any, context: Context) -> Step:
    """One attempt at its delivery."""
    return _run(LetterSteps.deliver, event, context)


def archive(event: Any, context: Context) -> Step:
    """Into the archive."""
    return _run(LetterSteps.archive, event, context)


def notify(event: Any, context: Context) -> Step:
    """Its conversation is told."""
    return _run(LetterSteps.notify, event, context)


def park(event: Any, context: Context) -> Step:
    """Into the queue for operators."""
    return _run(LetterSteps.park, event, context)


def _run(step: Callable[[LetterSteps, Step, float], Awaitable[Step]], event: Any, context: Context) -> Step:
    if not isinstance(event, dict):
        raise InvalidStep("a step takes an object")

    async def work(steps: LetterSteps) -> Step:
        return await step(steps, event, max(0.0, seconds_left(context) - _RESERVE_SECONDS))

    with naming_request(context):
        return _container.run(work)


_container = Container(open_steps)
_container.open_early()
