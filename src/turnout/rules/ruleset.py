"""A loaded set of rules: immutable, compiled once, and asked once per event.

`Ruleset.match` decodes the body, holds it against the rules and returns a `Match`. It never raises. Building one from
files is load.py's work; here the rules are known to be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from turnout.message import Reason
from turnout.rules.ast import Path, Root
from turnout.rules.compile import Compiled, Finder, compile_condition, compile_finder, needs_metadata
from turnout.rules.decode import decode
from turnout.rules.identity import conversation_id, text_at, time_ns
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import NOTHING_EXTRA, Json, Mode, Rejection, Rule, Send, Target, Unmatched
from turnout.rules.problems import Problem
from turnout.rules.shaping import Shaper, compile_shaper, paths_of

__all__ = ["Match", "Ruleset"]

_LONGEST_TIME = 40


class Match:
    """What the rules say about one event.

    `rules` and `targets` are names; a target appears once, in the order of the first rule that sends to it. When no
    rule matched and `unmatched` names a target, `targets` holds that target and `rules` is empty; when it says `drop`
    or `dead-letter`, both are empty. `shadow` holds the ids of matching rules in shadow mode. When `rejected` is set,
    the event cannot be routed and everything else is empty.
    """

    __slots__ = ("_event", "_metadata", "_shapers", "rejected", "rules", "shadow", "targets")

    def __init__(
        self,
        event: Json,
        metadata: object = None,
        rules: tuple[str, ...] = (),
        targets: tuple[str, ...] = (),
        shadow: tuple[str, ...] = (),
        shapers: Mapping[str, Shaper] | None = None,
        rejected: Rejection | None = None,
    ) -> None:
        self.rules = rules
        self.targets = targets
        self.shadow = shadow
        self.rejected = rejected
        self._event = event
        self._metadata = metadata
        self._shapers = shapers

    def __repr__(self) -> str:
        return f"Match(rules={self.rules}, targets={self.targets}, shadow={self.shadow}, rejected={self.rejected})"

    @property
    def event_id(self) -> str | None:
        """The event's top-level `id`, when it is a non-empty string."""
        return text_at(self._event, ("id",))

    @property
    def event_type(self) -> str | None:
        """The event's `detail-type`, when it is a non-empty string."""
        return text_at(self._event, ("detail-type",))

    @property
    def event_time_ns(self) -> int | None:
        """The event's top-level `time` in nanoseconds since the epoch, when it is an ISO 8601 text."""
        text = text_at(self._event, ("time",))
        return time_ns(text) if text is not None and len(text) <= _LONGEST_TIME else None

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the event is about, looked for when asked."""
        return conversation_id(self._event)

    def send(self, target: str) -> Send:
        """What the first matching rule that sends to `target` adds to the message."""
        shaper = self._shapers.get(target) if self._shapers else None
        return NOTHING_EXTRA if shaper is None else shaper(self._event, self._metadata)


class _Ready(NamedTuple):
    """A rule as matching needs it."""

    holds: Compiled
    id: str
    send: tuple[str, ...]
    shadow: bool
    stop: bool
    shaper: Shaper | None


class Ruleset:
    """All rules, compiled. Immutable: a reload makes a new one."""

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
        active = [rule for rule in self._rules if rule.enabled]
        self._ready = tuple(
            _Ready(
                compile_condition(rule.condition, limits),
                rule.id,
                rule.send,
                rule.mode is Mode.SHADOW,
                rule.stop,
                compile_shaper(rule),
            )
            for rule in active
        )
        self._shapes = any(ready.shaper for ready in self._ready)
        self._fallback = () if unmatched in tuple(Unmatched) else (unmatched,)
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
        event = decode(body)
        if isinstance(event, Rejection):
            return Match(None, rejected=event)
        for name, find in self._required:
            # A path that yields only null is missing: `"detail": null` carries no more than no detail at all.
            if all(value is None for value in find(event, metadata, None)):
                return Match(event, rejected=Rejection(Reason.MISSING_FIELD, f"the event has no '{name}'"))
        matched: list[str] = []
        shadow: list[str] = []
        targets: dict[str, Shaper | None] = {}
        for rule in self._ready:
            if not rule.holds(event, metadata, None):
                continue
            if rule.shadow:
                shadow.append(rule.id)
                continue
            matched.append(rule.id)
            for target in rule.send:
                targets.setdefault(target, rule.shaper)
            if rule.stop:
                break
        shapers = {name: shaper for name, shaper in targets.items() if shaper} if self._shapes else None
        names = tuple(targets) if matched else self._fallback
        return Match(event, metadata, tuple(matched), names, tuple(shadow), shapers)
