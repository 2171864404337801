"""Which queues the rules need, with which settings, and which environment variables then name them. Pure planning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from turnout.queues import queue_name
from turnout.rules.model import Kind, Target

__all__ = ["DEAD_LETTER_VARIABLE", "SOURCE_VARIABLE", "QueuePlan", "plan_queues"]

SOURCE_VARIABLE = "TURNOUT_SOURCE_QUEUE_URL"
DEAD_LETTER_VARIABLE = "TURNOUT_DEAD_LETTER_QUEUE_URL"

MAX_RECEIVES = 5

# Of the 80 characters of a queue's name.
_LONGEST_STEM = 70
_DAY = 86_400
_SOURCE = {"VisibilityTimeout": "300", "MessageRetentionPeriod": str(4 * _DAY)}
# A redriven message keeps its age, so a dead-letter queue keeps messages for longer than the queue before it.
_DEAD_LETTERS = {"MessageRetentionPeriod": str(14 * _DAY)}


class QueuePlan(msgspec.Struct, frozen=True):
    """One queue to make. `redrive_to` names the queue that SQS moves to what is received too often."""

    name: str
    attributes: Mapping[str, str] = {}
    redrive_to: str = ""
    variables: tuple[str, ...] = ()
    """Environment variables that are to hold its URL."""


def plan_queues(
    targets: Mapping[str, Target],
    variables: Mapping[str, tuple[str, ...]],
    *,
    environ: Mapping[str, str],
    prefix: str,
    fifo: Collection[str] = (),
) -> list[QueuePlan]:
    """The queues, each after the one it redrives to.

    `variables` says which environment variables each target's address consists of. A queue that the environment names
    already keeps that name; others are called `prefix` and what they are for. The targets in `fifo` get FIFO queues.
    """
    source = queue_name(environ.get(SOURCE_VARIABLE, "").split(",")[0]) or f"{prefix}-events"
    letters = queue_name(environ.get(DEAD_LETTER_VARIABLE, "")) or f"{prefix}-dead-letters"
    plans = [
        QueuePlan(letters, _fifo(letters) | _DEAD_LETTERS, variables=(DEAD_LETTER_VARIABLE,)),
        # SQS redrives to a queue of the same kind only.
        QueuePlan(
            source,
            _fifo(source) | _SOURCE,
            redrive_to=letters if letters.endswith(".fifo") == source.endswith(".fifo") else "",
            variables=(SOURCE_VARIABLE,),
        ),
    ]
    for target in targets.values():
        if target.kind is Kind.QUEUE:
            plans += _target(target, variables.get(target.name, ()), prefix, target.name in fifo)
    return list({plan.name: plan for plan in plans}.values())


def _target(target: Target, variables: tuple[str, ...], prefix: str, fifo: bool) -> Iterator[QueuePlan]:
    given = "" if target.unresolved else queue_name(target.address)
    stem = _fitting(f"{prefix}-{target.name}")
    name = given or f"{stem}{'.fifo' if fifo or target.address.endswith('.fifo') else ''}"
    fifo_end = ".fifo" if name.endswith(".fifo") else ""
    consumers = f"{_fitting(name.removesuffix('.fifo'))}-dlq{fifo_end}"
    yield QueuePlan(consumers, _fifo(consumers) | _DEAD_LETTERS)
    # A variable alone holds a URL; one of several is a part of something that only its owner knows.
    yield QueuePlan(name, _fifo(name), redrive_to=consumers, variables=variables if len(variables) == 1 else ())


def _fitting(stem: str) -> str:
    """What a queue can be called, with `-dlq.fifo` behind it. What had to be changed for that ends with a hash: two
    targets must not share a queue because their names are alike."""
    changed = re.sub(r"[^A-Za-z0-9_-]", "-", stem)[:_LONGEST_STEM]
    return stem if changed == stem else f"{changed[:60]}-{hashlib.sha256(stem.encode()).hexdigest()[:8]}"


def _fifo(name: str) -> dict[str, str]:
    return {"FifoQueue": "true"} if name.endswith(".fifo") else {}
