"""The stream of events that the demonstration publishes: realistic, seeded, with poison and repeats in it.

The same seed gives the same messages, byte for byte. What single events look like is in `shapes` and `conversation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from random import Random

import msgspec

from turnout.demo.conversation import Conversation
from turnout.demo.shapes import Json, Organisation, tutorial_event
from turnout.failures import Reason
from turnout.message import Attribute

__all__ = ["MAX_BODY_BYTES", "POISON_EVERY", "REPEAT_EVERY", "DemoMessage", "generate"]

START_MS = 1_765_551_600_000
"""2025-12-12T15:00:00Z, when the generated day begins."""

OPEN_CONVERSATIONS = 25
"""Conversations that run at the same time, so that their events interleave."""

POISON_EVERY = 40
REPEAT_EVERY = 50
"""One message in so many is poison, and one repeats an earlier one under a new SQS message id."""

MAX_BODY_BYTES = 262_144
"""The embedded server's own limit for a body (SQS itself has taken 1 MiB since August 2025)."""

NESTING = 100_000
"""Levels of the deeply nested poison: far beyond what any JSON decoder follows."""


class DemoMessage(msgspec.Struct, frozen=True):
    """One message to publish.

    `poison` is the reason its letter must carry, None for an event that the rules decide on.
    """

    body: str
    attributes: Mapping[str, Attribute] = {}
    poison: Reason | None = None


def generate(seed: int, count: int) -> Iterator[DemoMessage]:
    """`count` messages, the same ones for the same seed; a longer run starts with the messages of a shorter one."""
    return islice(_stream(Random(seed)), count)  # noqa: S311 - reproducible, not secret


def _stream(rng: Random) -> Iterator[DemoMessage]:
    events = _events(rng)
    recent: list[DemoMessage] = []
    number = poisoned = 0
    while True:
        number += 1
        if number % POISON_EVERY == POISON_EVERY // 2:
            yield _POISON[poisoned % len(_POISON)](rng)
            poisoned += 1
        elif number % REPEAT_EVERY == 0 and recent:
            yield rng.choice(recent)
        else:
            message = next(events)
            recent = [*recent[-19:], message]
            yield message


def _events(rng: Random) -> Iterator[DemoMessage]:
    org = Organisation(rng)
    open_stories: list[list[Json]] = []
    now_ms = START_MS
    while True:
        now_ms += rng.randint(5, 400)
        draw = rng.random()
        if draw < 0.25:
            event = tutorial_event(rng, now_ms)
        elif draw < 0.28:
            event = org.agent_state(rng, now_ms)
        elif draw < 0.29:
            event = org.operations_event(rng, now_ms)
        elif draw < 0.295:
            event = org.jobs_availability(rng, now_ms)
        else:
            while len(open_stories) < OPEN_CONVERSATIONS:
                open_stories.append(Conversation(rng, org, now_ms).events()[::-1])
            story = rng.choice(open_stories)
            event = story.pop()
            if not story:
                open_stories.remove(story)
        yield DemoMessage(_encode(event))


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


# Poison: one function per kind. Each message differs from every other, so that the books can tell them apart.


def _not_json(rng: Random) -> DemoMessage:
    body = f"event {rng.getrandbits(64):016x} lost its braces: detail=voice"
    return DemoMessage(body, poison=Reason.INVALID_JSON)


def _truncated(rng: Random) -> DemoMessage:
    whole = _encode(tutorial_event(rng, START_MS))
    return DemoMessage(whole[: len(whole) * 2 // 3], poison=Reason.INVALID_JSON)


def _not_an_object(rng: Random) -> DemoMessage:
    return DemoMessage(_encode(["event", rng.getrandbits(53)]), poison=Reason.NOT_AN_OBJECT)


def _missing_detail(rng: Random) -> DemoMessage:
    event = tutorial_event(rng, START_MS)
    del event["detail"]
    return DemoMessage(_encode(event), poison=Reason.MISSING_FIELD)


def _too_deep(rng: Random) -> DemoMessage:
    body = f'{{"id":"{rng.getrandbits(64):016x}","detail":' + "[" * NESTING + "]" * NESTING + "}"
    return DemoMessage(body, poison=Reason.TOO_DEEP)


def _full_to_the_brim(rng: Random) -> DemoMessage:
    """As large as a queue takes, all ten attributes in use: its letter fits only when something else is cut."""
    attributes = {
        f"tenant.{name}": Attribute("String", f"{rng.getrandbits(512):0128x}")
        for name in ("id", "region", "site", "team", "cost", "owner", "stage", "batch", "shard", "note")
    }
    room = MAX_BODY_BYTES - sum(attribute.size(name) for name, attribute in attributes.items())
    event = tutorial_event(rng, START_MS)
    del event["detail"]
    event["transcript"] = ""
    event["transcript"] = "hold the line please " * ((room - len(_encode(event))) // 21)
    return DemoMessage(_encode(event).ljust(room), attributes, Reason.MISSING_FIELD)


_POISON: tuple[Callable[[Random], DemoMessage], ...] = (
    _not_json,
    _missing_detail,
    _not_an_object,
    _full_to_the_brim,
    _truncated,
    _too_deep,
)
