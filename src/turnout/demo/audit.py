"""The audit: what had to arrive, by an evaluation of its own, against what the queues really hold afterwards.

Messages are recognised by their bodies, because the worker promises to pass those on byte for byte. Counting is with
multiplicity: an event published twice has to arrive twice, but on FIFO queues once. Reading the queues is done in
`queues`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from hashlib import blake2b

import msgspec

from turnout.demo.events import DemoMessage
from turnout.letter import read_letter_attribute
from turnout.message import Message

__all__ = ["DEAD_LETTERS", "Audit", "Findings"]

DEAD_LETTERS = "dead-letter"
"""The place, beside the targets, where a message may have to be."""

MOVED_BY_SQS = "MOVED_BY_SQS"
"""Counted as the reason of a dead letter that no worker wrote: SQS moved it after too many receives."""

Fingerprint = bytes


class Findings(msgspec.Struct, frozen=True):
    """What the queues held. `lost` and `duplicates` count deliveries: one message owed to two targets counts twice."""

    delivered: Mapping[str, int]
    dead_lettered: Mapping[str, int]
    """Dead letters by reason."""
    why: Mapping[str, str]
    """For each reason, what one of its letters says."""
    unfinished: int
    """Messages still in the source queue: neither lost nor done."""
    lost: int
    """Deliveries that had to be there, and are not, and are not owed by any letter."""
    duplicates: int
    """Copies beyond what had to be there, wherever they are."""


class Audit:
    """Collects expectations while publishing and findings while draining; `findings` settles the account."""

    def __init__(self, fifo: Collection[str] = ()) -> None:
        self._fifo = fifo
        """Targets that take a repeated event only once, because SQS deduplicates it."""
        self._published: dict[Fingerprint, tuple[str, ...]] = {}
        self._expected: Counter[tuple[str, Fingerprint]] = Counter()
        self._found: Counter[tuple[str, Fingerprint]] = Counter()
        self._owed: Counter[tuple[str, Fingerprint]] = Counter()
        self._delivered: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._why: dict[str, str] = {}
        self._unfinished = 0

    @property
    def expected(self) -> int:
        """How many messages have to be found in all."""
        return (+self._expected).total()

    def published(self, message: DemoMessage, places: tuple[str, ...]) -> None:
        """Expect `message` at each of `places` (targets, or `DEAD_LETTERS`), once more than so far."""
        body = _fingerprint(message.body)
        self._published[body] = places
        for place in places:
            if place not in self._fifo or not self._expected[place, body]:
                self._expected[place, body] += 1

    def found_in_target(self, target: str, message: Message) -> None:
        """Count a message that was read from a target's queue."""
        self._delivered[target] += 1
        self._found[target, _fingerprint(message.body)] += 1

    def found_dead(self, message: Message) -> None:
        """Count a message that was read from the dead-letter queue, and the targets its letter still owes."""
        body = _fingerprint(message.body)
        letter = read_letter_attribute(message.attributes)
        if letter is None:
            self._reasons[MOVED_BY_SQS] += 1
            self._why.setdefault(MOVED_BY_SQS, "received too often; SQS moved it here by itself")
            self._expect_no_longer(body)
            return
        self._reasons[letter.reason] += 1
        self._why.setdefault(letter.reason, letter.message)
        if letter.owed:
            self._owed.update((target, body) for target in letter.owed)
        else:
            self._found[DEAD_LETTERS, body] += 1

    def found_in_source(self, message: Message) -> None:
        """Count a message that is still where it was published; nothing is expected of it yet."""
        self._unfinished += 1
        self._expect_no_longer(_fingerprint(message.body))

    def _expect_no_longer(self, body: Fingerprint) -> None:
        self._expected.subtract((place, body) for place in self._published.get(body, ()))

    def findings(self) -> Findings:
        """What the queues say, once all of them are drained."""
        expected = +self._expected
        return Findings(
            delivered=dict(self._delivered),
            dead_lettered=dict(self._reasons),
            why=dict(self._why),
            unfinished=self._unfinished,
            lost=(expected - self._found - self._owed).total(),
            duplicates=(self._found - expected).total(),
        )


def _fingerprint(body: str) -> Fingerprint:
    return blake2b(body.encode(), digest_size=16).digest()
