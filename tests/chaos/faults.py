"""The kinds of faults, and the seeded plan that says which call suffers which. How each is done is in `proxy`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from random import Random
from typing import NamedTuple

__all__ = ["APPLICABLE", "EFFECT_WITHOUT_ANSWER", "Fault", "Kind", "Plan"]


class Kind(StrEnum):
    """What can go wrong with one call. The values are what reports print."""

    # The call has no effect.
    INTERNAL_ERROR = "500"
    UNAVAILABLE = "503"
    THROTTLED = "throttled"
    THROTTLED_403 = "throttled as HTTP 403"
    RESET_BEFORE = "reset before the effect"
    CLOCK_SKEW = "clock skew"
    EXPIRED_TOKEN = "expired token"

    # The call has its effect, and its caller does not learn so.
    ERROR_AFTER = "500 after the effect"
    RESET_AFTER = "reset after the effect"
    STALLED = "no answer in time"
    TRUNCATED = "answer cut off"
    CUT_JSON = "half of the JSON"
    NOT_JSON = "not JSON"
    EMPTY = "empty answer"

    # The call has its effect, and its caller learns so late.
    SLOW = "slow answer"

    # Some entries of a batch suffer, the others do not.
    PARTIAL = "entries failed"
    PARTIAL_SENDER = "entries failed, SenderFault"
    UNMENTIONED = "entries done, not mentioned"
    EXPIRED_HANDLE = "expired handle"

    # A receive succeeds, and brings trouble for later.
    DUPLICATE = "duplicate while in flight"
    GHOST = "duplicate after the delete"


EFFECT_WITHOUT_ANSWER = frozenset(
    {
        Kind.ERROR_AFTER,
        Kind.RESET_AFTER,
        Kind.STALLED,
        Kind.TRUNCATED,
        Kind.CUT_JSON,
        Kind.NOT_JSON,
        Kind.EMPTY,
    }
)

_ANY_CALL = frozenset(
    {
        Kind.INTERNAL_ERROR,
        Kind.UNAVAILABLE,
        Kind.THROTTLED,
        Kind.THROTTLED_403,
        Kind.RESET_BEFORE,
        Kind.CLOCK_SKEW,
        Kind.EXPIRED_TOKEN,
        Kind.SLOW,
        *(EFFECT_WITHOUT_ANSWER - {Kind.STALLED}),
    }
)

APPLICABLE: dict[str, frozenset[Kind]] = {
    "ReceiveMessage": _ANY_CALL | {Kind.DUPLICATE, Kind.GHOST},
    "SendMessageBatch": _ANY_CALL | {Kind.STALLED, Kind.PARTIAL, Kind.PARTIAL_SENDER, Kind.UNMENTIONED},
    "DeleteMessageBatch": _ANY_CALL | {Kind.STALLED, Kind.PARTIAL, Kind.UNMENTIONED, Kind.EXPIRED_HANDLE},
    "ChangeMessageVisibilityBatch": _ANY_CALL | {Kind.PARTIAL, Kind.UNMENTIONED, Kind.EXPIRED_HANDLE},
}
"""The kinds that make sense for each operation."""


class Fault(NamedTuple):
    """One fault to inject. `random` settles its details: which entries, how long."""

    kind: Kind
    random: Random


class Plan:
    """Which call suffers what, drawn from `seed`: the n-th call of an operation on a queue always the same.

    Unless `kinds` or `rate` say otherwise, the seed also draws which kinds occur at all and how often: a run with few
    kinds at a high rate finds other bugs than one with all kinds at a low one. Kinds that take long, and so must be
    asked for, are only in `kinds`.
    """

    def __init__(self, seed: int, *, kinds: Iterable[Kind] | None = None, rate: float | None = None) -> None:
        self.seed = seed
        random = Random(f"plan {seed}")
        usual = [kind for kind in Kind if kind is not Kind.STALLED]
        drawn = random.sample(usual, random.randint(3, len(usual)))
        self.kinds = frozenset(drawn if kinds is None else kinds)
        self.rate = random.choice([0.05, 0.1, 0.2, 0.3]) if rate is None else rate
        self._random: dict[tuple[str, str], Random] = {}
        self._calm = False

    def calm(self) -> None:
        """Inject nothing from now on."""
        self._calm = True

    def draw(self, operation: str, queue: str) -> Fault | None:
        """The fault that the next call of `operation` on `queue` (a name) suffers."""
        random = self._random.setdefault((operation, queue), Random(f"{self.seed} {operation} {queue}"))
        # Two numbers are drawn for every call, so that no draw depends on an earlier one's outcome.
        hit, details = random.random(), random.random()
        kinds = sorted(self.kinds & APPLICABLE.get(operation, frozenset()))
        if self._calm or not kinds or hit >= self.rate:
            return None
        own = Random(details)
        return Fault(own.choice(kinds), own)
