"""A loaded set of rules: immutable, compiled once, and asked once per event.

`Ruleset.match` holds one event against the rules and returns a `Match`. It never raises. Nearly every event goes the
fast way, by the engine; one that differs from what the rules expect is decoded in full, with the same verdict. Building
a ruleset from files is files/load.py's work; here the rules are known to be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from turnout.failures import Reason
from turnout.rules.condition.ast import Path, Root
from turnout.rules.condition.compile import Compiled, Finder, compile_condition, compile_finder, needs_metadata
from turnout.rules.decode import decode
from turnout.rules.engine import Engine
from turnout.rules.garbage import without_collection
from turnout.rules.identity import conversation_id, text_at, time_ns
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import NOTHING_EXTRA, Json, Rejection, Rule, Send, Target, Unmatched
from turnout.rules.problems import Problem
from turnout.rules.shaping import Shaper, paths_of
from turnout.rules.verdicts import Verdicts

__all__ = ["Match", "Ruleset"]

_LONGEST_TIME = 40


_MEMBERS = ("id", "detail-type", "time")
"""What every match can tell without decoding the event again."""


class Match(msgspec.Struct, eq=False, gc=False):
    """What the rules say about one event.

    `rules` and `targets` are names; a target appears once, in the order of the first rule that sends to it. When no
    rule matched and `unmatched` names a target, `targets` holds that target and `rules` is empty; when it says `drop`
    or `dead-letter`, both are empty. `shadow` holds the ids of matching rules in shadow mode. When `rejected` is set,
    the event cannot be routed and everything else is empty.
    """

    rules: tuple[str, ...]
    targets: tuple[str, ...]
    shadow: tuple[str, ...]
    rejected: Rejection | None
    _body: str | bytes
    _metadata: object
    _engine: Engine
    _seen: object
    """What the engine decoded; None when the event went the slow way."""
    _event: Json = None
    """The event decoded in full, once that was needed."""
    _shapers: Mapping[str, Shaper] | None = None

    def __repr__(self) -> str:
        return f"Match(rules={self.rules}, targets={self.targets}, shadow={self.shadow}, rejected={self.rejected})"

    @property
    def event_id(self) -> str | None:
        """The event's top-level `id`, when it is a non-empty string."""
        return self._text("id")

    @property
    def event_type(self) -> str | None:
        """The event's `detail-type`, when it is a non-empty string."""
        return self._text("detail-type")

    @property
    def event_time_ns(self) -> int | None:
        """The event's top-level `time` in nanoseconds since the epoch, when it is an ISO 8601 text."""
        text = self._text("time")
        return time_ns(text) if text is not None and len(text) <= _LONGEST_TIME else None

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the event is about, looked for when asked."""
        return conversation_id(self._whole())

    def send(self, target: str) -> Send:
        """What the first matching rule that sends to `target` adds to the message."""
        shaper = self._shapers.get(target) if self._shapers else None
        return NOTHING_EXTRA if shaper is None else shaper(self._whole(), self._metadata)

    def _text(self, name: str) -> str | None:
        if self._seen is None:
            return text_at(self._event, (name,))
        value = self._engine.member(self._seen, name)
        return value if isinstance(value, str) and value else None

    def _whole(self) -> Json:
        if self._event is None and self._seen is not None:
            decoded = decode(self._body)
            self._event = None if isinstance(decoded, Rejection) else decoded
        return self._event


class Ruleset:
    """All rules, compiled. Immutable: a reload makes a new one."""

    @without_collection()
    def __init__(
        self,
        rules: Sequence[Rule],
        targets: Mapping[str, Target],
        unmatched: str,
        *,
        fingerprint: str,
        require: Sequence[Path] = (),
        unresolved: Sequence[Problem] = (),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        self._rules = tuple(rules)
        self._targets = MappingProxyType(dict(targets))
        self._unmatched = unmatched
        self._fingerprint = fingerprint
        self._unresolved = tuple(unresolved)
        self._required: tuple[tuple[str, Finder], ...] = tuple((path.text, compile_finder(path)) for path in require)
        self._limits = limits
        active = [rule for rule in self._rules if rule.enabled]
        self._active = tuple(active)
        self._compiled: dict[int, Compiled] = {}
        self._engine = Engine([rule.condition for rule in active], required=require, members=_MEMBERS, limits=limits)
        self._decode = self._engine.decode
        self._look = self._engine.look
        fallback = () if unmatched in tuple(Unmatched) else (unmatched,)
        self._verdicts = Verdicts(active, fallback, self._engine.numbers)
        self._needs_metadata = any(
            needs_metadata(rule.condition) or any(path.root is Root.METADATA for path in paths_of(rule))
            for rule in active
        )

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when the rule files, or the variables they use, change."""
        return self._fingerprint

    @property
    def rules(self) -> Sequence[Rule]:
        """Every rule, disabled ones included, in the order they are tried."""
        return self._rules

    @property
    def targets(self) -> Mapping[str, Target]:
        """Every target by name."""
        return self._targets

    @property
    def unmatched(self) -> str:
        """What happens to an event that no rule matches: `drop`, `dead-letter`, or a target's name."""
        return self._unmatched

    @property
    def needs_metadata(self) -> bool:
        """Whether any rule looks at the message's metadata (`@` paths)."""
        return self._needs_metadata

    def unresolved(self) -> tuple[Problem, ...]:
        """One problem per environment variable that a target's queue needs and that is not set."""
        return self._unresolved

    def match(self, body: str | bytes, metadata: Mapping[str, object] | None = None) -> Match:
        """Hold one event against the rules. Total: it never raises.

        `metadata` is what `@` paths see: a dict of JSON-like values with `attributes` (name to value),
        `receive_count`, `queue`, `message_id`, `sent_timestamp` (milliseconds) and `group_id`.
        """
        found: list[int] = []
        try:
            # Bytes that no rule looks at would not be checked for being UTF-8.
            seen = self._decode(body if body.__class__ is str else body.decode())  # type: ignore[union-attr]
            self._look(seen, body, metadata, None, found)
        except Exception:  # noqa: BLE001 - whatever is odd about the event, the slow way has an answer
            return self._match_slowly(body, metadata)
        key = tuple(found)
        verdict = self._verdicts.known.get(key) or self._verdicts.of(key)
        return Match(
            verdict.rules,
            verdict.targets,
            verdict.shadow,
            None,
            body,
            metadata,
            self._engine,
            seen,
            None,
            verdict.shapers,
        )

    def _match_slowly(self, body: str | bytes, metadata: Mapping[str, object] | None) -> Match:
        event = decode(body)
        if isinstance(event, Rejection):
            return self._rejected(body, None, event)
        for name, find in self._required:
            # A path that yields only null is missing: `"detail": null` carries no more than no detail at all.
            if all(value is None for value in find(event, metadata, None)):
                return self._rejected(body, event, Rejection(Reason.MISSING_FIELD, f"the event has no '{name}'"))
        candidates = self._engine.candidates(event, metadata)
        held = tuple(number for number in candidates if self._holds(number)(event, metadata, None))
        verdict = self._verdicts.known.get(held) or self._verdicts.of(held)
        return Match(
            verdict.rules,
            verdict.targets,
            verdict.shadow,
            None,
            body,
            metadata,
            self._engine,
            None,
            event,
            verdict.shapers,
        )

    def _rejected(self, body: str | bytes, event: Json, rejection: Rejection) -> Match:
        return Match((), (), (), rejection, body, None, self._engine, None, event)

    def _holds(self, number: int) -> Compiled:
        """A rule's condition for events decoded in full; few rules ever need it."""
        compiled = self._compiled.get(number)
        if compiled is None:
            compiled = self._compiled[number] = compile_condition(self._active[number].condition, self._limits)
        return compiled
