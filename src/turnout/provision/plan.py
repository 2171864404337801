"""Which queues the rules need, with which settings, and which environment variables then name them. Pure planning."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping

import msgspec

from turnout.errors import SettingsError
from turnout.items import split_items
from turnout.queues import queue_name
from turnout.rules.model import Kind, Target
from turnout.settings import all_variables, first_given, variable
from turnout.urls import without_password

__all__ = ["SOURCE_VARIABLE", "QueuePlan", "plan_queues"]

SOURCE_VARIABLE = variable("source_queue_url")
"""The one variable that may hold several URLs, separated by commas."""
DEAD_LETTER_VARIABLE = variable("dead_letter_queue_url")

MAX_RECEIVES = 5

_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}(\.fifo)?")

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

    `variables` says which environment variables each target's address consists of. Queues that the environment names
    already keep their names; others are called `prefix` and what they are for. The targets in `fifo` get FIFO queues.
    Raises `SettingsError` when the environment names what cannot be made for a worker.
    """
    sources = _named(environ, "source_queue_url") or [f"{prefix}-events"]
    letters, *_ = _named(environ, "dead_letter_queue_url") or [f"{prefix}-dead-letters"]
    if letters in sources:
        raise SettingsError([f"{DEAD_LETTER_VARIABLE}: is also a source queue: letters would be routed again for ever"])
    plans = [QueuePlan(letters, _fifo(letters) | _DEAD_LETTERS, variables=(DEAD_LETTER_VARIABLE,))]
    for source in sources:
        # SQS redrives to a queue of the same kind only.
        redrive_to = letters if letters.endswith(".fifo") == source.endswith(".fifo") else ""
        plans.append(QueuePlan(source, _fifo(source) | _SOURCE, redrive_to, (SOURCE_VARIABLE,)))
    for target in targets.values():
        if target.kind is Kind.QUEUE:
            plans += _target(target, variables.get(target.name, ()), prefix, target.name in fifo)
    found: dict[str, QueuePlan] = {}
    for plan in plans:
        # A queue for two things, such as a source that is a target, is made for the first of them, the graver one.
        first = found.setdefault(plan.name, plan)
        both = tuple(dict.fromkeys((*first.variables, *plan.variables)))
        found[plan.name] = msgspec.structs.replace(first, variables=both)
    return list(found.values())


def _named(environ: Mapping[str, str], setting: str) -> list[str]:
    """The names of the queues that a setting names, if it is set."""
    name, text = first_given(environ, all_variables(setting))
    urls = split_items(text)
    for url in urls:
        if not _NAME.fullmatch(queue_name(url)):
            raise SettingsError([f"{name}: {without_password(url)!r} names no queue that can be made"])
    return list(dict.fromkeys(map(queue_name, urls)))


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
