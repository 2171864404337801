"""What `bench_rules` feeds the rule engine: events of some 1.7 KB and rule files of several shapes, made from a seed.

The span of the values grows with the number of rules, so that an event matches about as many rules among 10,000 as
among 100: one for the shapes on one field, some 50 thresholds, two of those spread over 16 fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random

__all__ = ["SHAPES", "events", "rule_file"]

_OF_ELEMENTS = frozenset({"elements", "any", "array pattern", "array pair"})
"""Shapes about the participants of an event, which only their events have."""
PURPOSES = ("customer", "acd", "agent")

DURATION_MS = 1_000_000
MEDIA = ("VOICE", "CHAT", "EMAIL", "CALLBACK", "MESSAGE")
DIRECTIONS = ("INBOUND", "OUTBOUND")
DISCONNECTS = ("CLIENT", "PEER", "ERROR", "TRANSFER")
SPREAD_FIELDS = 16
SPREAD_RULES = 4
"""Rules to one value of a field: half of the rules ask for one field alone, so about two match."""


def _id(rng: Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _participant(rng: Random, purpose: str, rules: int) -> dict[str, object]:
    return {
        "participantId": _id(rng),
        "purpose": purpose,
        "userId": f"user-{rng.randrange(rules):05d}",
        "connectedDurationMs": rng.randrange(DURATION_MS),
        "flagged": False,
    }


def _event(rng: Random, rules: int, *, participants: bool) -> str:
    conversation = _id(rng)
    values = max(4, rules // SPREAD_RULES)
    body = {
        "eventTime": 1_765_551_600_000 + rng.randrange(10**8),
        "conversationId": conversation,
        "participantId": _id(rng),
        "sessionId": _id(rng),
        "mediaType": rng.choice(MEDIA),
        "provider": "Edge",
        "direction": rng.choice(DIRECTIONS),
        "ani": f"sip:{rng.randrange(rules)}@edge{rng.randrange(50)}.example.com",
        "dnis": f"tel:+1317555{rng.randrange(10_000):04d}",
        "messageType": "UNKNOWN",
        "divisionId": _id(rng),
        "conversationExternalContactIds": [_id(rng)],
        "userId": _id(rng),
        "queueId": f"queue-{rng.randrange(rules):05d}",
        "disconnectType": rng.choice(DISCONNECTS),
        "interactingDurationMs": rng.randrange(DURATION_MS),
        "heldDurationMs": rng.randrange(100_000),
        "alertingDurationMs": rng.randrange(20_000),
        "wrapUpNotes": "Called about an invoice of last month; will be called back on Monday with the answer",
        **{f"attribute{number:02d}": f"value-{rng.randrange(values):04d}" for number in range(SPREAD_FIELDS)},
    }
    if participants:
        body["participants"] = [_participant(rng, purpose, rules) for purpose in PURPOSES]
    event = {
        "version": "0",
        "id": _id(rng),
        "detail-type": "v2.detail.events.conversation.{id}.user.end",
        "source": f"aws.partner/genesys.com/cloud/{_id(rng)}/acme",
        "account": "123456789012",
        "time": "2025-12-12T15:15:07Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {
            "topicName": f"v2.detail.events.conversation.{conversation}.user.end",
            "version": "2",
            "eventBody": body,
            "metadata": {"CorrelationId": _id(rng)},
            "timestamp": "2025-12-12T15:15:07.919Z",
        },
    }
    return json.dumps(event, separators=(",", ":"))


def events(seed: int, rules: int, shape: str) -> Iterator[str]:
    """Bodies for so many rules of a shape, without end."""
    rng = Random(seed)
    while True:
        yield _event(rng, rules, participants=shape in _OF_ELEMENTS)


# ---------------------------------------------------------------------------------------------------------------- rules

_BODY = "detail.eventBody."


def _equality(rng: Random, number: int, rules: int) -> str:
    return f"{_BODY}queueId == 'queue-{number:05d}'"


def _prefix(rng: Random, number: int, rules: int) -> str:
    return f"starts_with({_BODY}ani, 'sip:{number}@')"


def _range(rng: Random, number: int, rules: int) -> str:
    width = DURATION_MS / rules
    return f"{number * width:.0f} <= {_BODY}interactingDurationMs < {(number + 1) * width:.0f}"


def _threshold(rng: Random, number: int, rules: int) -> str:
    """Uniform over as much more than an event's duration as keeps 50 of them below it."""
    return f"{_BODY}interactingDurationMs > {rng.randrange(max(1, DURATION_MS * rules // 100))}"


def _four(rng: Random, number: int, rules: int) -> str:
    return (
        f"{_BODY}mediaType == '{rng.choice(MEDIA)}' and {_BODY}direction == '{rng.choice(DIRECTIONS)}'"
        f" and {_BODY}queueId == 'queue-{number:05d}' and {_BODY}interactingDurationMs > {rng.randrange(DURATION_MS)}"
    )


def _four_as_pattern(rng: Random, number: int, rules: int) -> dict[str, object]:
    members = {
        "mediaType": [rng.choice(MEDIA)],
        "direction": [rng.choice(DIRECTIONS)],
        "queueId": [f"queue-{number:05d}"],
        "interactingDurationMs": [{"numeric": [">", rng.randrange(DURATION_MS)]}],
    }
    return {"detail": {"eventBody": members}}


def _spread(rng: Random, number: int, rules: int) -> str:
    values = max(4, rules // SPREAD_RULES)

    def test(field: int) -> str:
        return f"{_BODY}attribute{field:02d} == 'value-{rng.randrange(values):04d}'"

    first = number // 2 % SPREAD_FIELDS
    second = (first + rng.randrange(1, SPREAD_FIELDS)) % SPREAD_FIELDS
    return f"{test(first)} and {test(second)}" if number % 2 else test(first)


def _wildcard(rng: Random, number: int, rules: int) -> str:
    return f"wildcard({_BODY}ani, 'sip:{number}@*.example.com')"


def _alarm(rng: Random, number: int, rules: int) -> str:
    """Alternatives, each of them loose but for one term."""
    low, held = rng.randrange(DURATION_MS), rng.randrange(100_000)
    return (
        f"({_BODY}mediaType == '{rng.choice(MEDIA)}' and {low} <= {_BODY}interactingDurationMs < {low + 10_000})"
        f" or ({_BODY}disconnectType == 'ERROR' and {held} <= {_BODY}heldDurationMs < {held + 1_000})"
    )


def _elements(rng: Random, number: int, rules: int) -> str:
    return f"{_BODY}participants[*].userId == 'user-{number:05d}'"


def _any(rng: Random, number: int, rules: int) -> str:
    """Of what is asked of one element, nearly every event has the first."""
    return f"any({_BODY}participants, @.purpose == 'agent' and @.userId == 'user-{number:05d}')"


def _array_pattern(rng: Random, number: int, rules: int) -> dict[str, object]:
    """A pattern names what is in an array as if it were one object."""
    return {"detail": {"eventBody": {"participants": {"userId": [f"user-{number:05d}"]}}}}


def _array_pair(rng: Random, number: int, rules: int) -> dict[str, object]:
    """Two fields, which one element must have."""
    members = {"purpose": ["agent"], "userId": [f"user-{number:05d}"]}
    return {"detail": {"eventBody": {"participants": members}}}


SHAPES: dict[str, Callable[[Random, int, int], str | dict[str, object]]] = {
    "equality": _equality,
    "prefix": _prefix,
    "ranges": _range,
    "thresholds": _threshold,
    "4-way and": _four,
    "4-way pattern": _four_as_pattern,
    "16 fields": _spread,
    "wildcard": _wildcard,
    "alternatives": _alarm,
    "elements": _elements,
    "any": _any,
    "array pattern": _array_pattern,
    "array pair": _array_pair,
}


def rule_file(shape: str, rules: int, seed: int) -> str:
    """A rule file's text."""
    rng = Random(seed)
    lines = ["targets:", *(f"  t{number}: {{queue: t{number}}}" for number in range(20)), "unmatched: drop", "rules:"]
    for number in range(rules):
        made = SHAPES[shape](rng, number, rules)
        kind = "when" if isinstance(made, str) else "pattern"
        lines += [f"  - id: rule-{number}", f"    {kind}: {json.dumps(made)}", f"    send: [t{number % 20}]"]
    return "\n".join(lines) + "\n"
