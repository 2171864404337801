"""The load of a chaos run: rules, events of every kind, and where each of them belongs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

__all__ = ["BROKEN", "DEAD", "FIFO_SOURCE", "RULES", "SOURCE", "TARGETS", "Event", "Fate", "events"]

SOURCE, FIFO_SOURCE, DEAD = "events", "ordered.fifo", "events-dead"

TARGETS = {"crm": "crm", "archive": "archive", "audit": "audit", "ledger": "ledger.fifo", "broken": "broken"}
"""Target name to queue name."""

BROKEN = "broken"
"""The target that never takes anything."""

RULES = """
targets:
  crm: {queue: crm, priority: 0}
  archive: {queue: archive, priority: 5}
  audit: {queue: audit, priority: 9}
  ledger: {queue: ledger.fifo, priority: 1}
  broken: {queue: broken, priority: 2}
unmatched: UNMATCHED
rules:
  - {id: to-crm, when: "detail.to[*] == 'crm'", send: [crm]}
  - {id: to-archive, when: "detail.to[*] == 'archive'", send: [archive]}
  - {id: to-audit, pattern: {detail: {to: [audit]}}, send: [audit]}
  - {id: to-ledger, when: "detail.to[*] == 'ledger'", send: [ledger], group: detail.group}
  - {id: to-broken, when: "detail.to[*] == 'broken'", send: [broken]}
"""

_PATHS = (
    (("crm",), 30),
    (("crm", "archive", "audit"), 25),
    (("ledger",), 10),
    (("crm", "ledger"), 5),
    (("broken",), 3),
    (("crm", "broken", "archive"), 7),
)
# Bytes that a careless round trip through a parser would change: spacing, escapes, number forms, repeated keys.
_ODDITIES = ('"n": 1.0e0', '"u": "\\u00e9é"', '"n": 12345678901234567890123', '"k": 1, "k": 2', '"s":"  "')
_POISON_SHARE, _UNMATCHED_SHARE, _LETTER_SHARE = 0.04, 0.06, 0.03


class Fate(NamedTuple):
    """Where an event belongs: to these targets; or, as a whole, into a letter with this reason; or nowhere."""

    targets: tuple[str, ...] = ()
    reason: str = ""


class Event(NamedTuple):
    """A message to publish. Bodies are unique, so they tell events apart."""

    body: str
    fate: Fate
    source: str = SOURCE
    attributes: Mapping[str, str] = {}
    group: str = ""
    number: int = 0


def events(seed: int, count: int, *, unmatched: str = "drop", ordered: int = 0) -> list[Event]:
    """`count` events for the standard source and `ordered` for the FIFO one, drawn from `seed`.

    `unmatched` is the policy in the rules: "drop" or "dead-letter".
    """
    random = Random(f"load {seed}")
    load = [_event(random, number, unmatched) for number in range(count)]
    load += [_ordered(random, number) for number in range(count, count + ordered)]
    return load


def _event(random: Random, number: int, unmatched: str) -> Event:
    draw = random.random()
    if draw < _POISON_SHARE:
        body, reason = random.choice(
            [
                (f"not json {number}", "INVALID_JSON"),
                (f"[{number}]", "NOT_AN_OBJECT"),
                (f'{{"id": "e{number}"}}', "MISSING_FIELD"),
                (f'{{"id": "e{number}", "detail": {{', "INVALID_JSON"),
            ]
        )
        return Event(body, Fate(reason=reason), number=number)
    draw -= _POISON_SHARE
    if draw < _UNMATCHED_SHARE:
        reason = "UNMATCHED" if unmatched == "dead-letter" else ""
        return Event(_body(random, number, ("nobody",)), Fate(reason=reason), number=number)
    paths, weights = zip(*_PATHS, strict=True)
    targets = random.choices(paths, weights)[0]
    attributes = {"tenant": f"tenant-{number % 7}"} if random.random() < 0.3 else {}
    body = _body(random, number, targets)
    if draw - _UNMATCHED_SHARE < _LETTER_SHARE:
        # A letter that was put back: the targets it names as done must not get the event again.
        done = targets[:1]
        letter = {"version": 1, "reason": "RETRIES_EXHAUSTED", "owed": targets[1:], "done": done}
        attributes = {"Turnout.Letter": json.dumps(letter), "ERROR_CODE": "RETRIES_EXHAUSTED"}
        return Event(body, Fate(targets[1:]), attributes=attributes, number=number)
    return Event(body, Fate(targets), attributes=attributes, number=number)


def _ordered(random: Random, number: int) -> Event:
    group = f"group-{random.randrange(5)}"
    body = _body(random, number, ("ledger",), group)
    return Event(body, Fate(("ledger",)), FIFO_SOURCE, group=group, number=number)


def _body(random: Random, number: int, targets: tuple[str, ...], group: str = "") -> str:
    oddity = random.choice(_ODDITIES)
    pad = "x" * random.choice([0, 10, 1000, 1000, 1000, 20_000])
    to = ", ".join(f'"{target}"' for target in targets)
    group = group or f"group-{random.randrange(5)}"
    return f'{{"id": "e{number}",  "detail": {{"to": [{to}], "group": "{group}", {oddity}, "pad": "{pad}"}}}}'
