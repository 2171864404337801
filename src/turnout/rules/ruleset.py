"""A loaded set of rules: immutable, compiled once, and asked once per event.

`Ruleset.match` decodes the body, holds it against the rules and returns a `Match`. It never raises. Building one from
files is load.py's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from turnout.rules.model import Rejection, Rule, Send, Target
from turnout.rules.problems import Problem

__all__ = ["Match", "Ruleset"]


class Match:
    """What the rules say about one event.

    `rules` and `targets` are names; a target appears once, in the order of the first rule that sends to it. When no
    rule matched and `unmatched` names a target, `targets` holds that target and `rules` is empty; when it says `drop`
    or `dead-letter`, both are empty. `shadow` holds the ids of matching rules in shadow mode. When `rejected` is set,
    the event cannot be routed and everything else is empty.
    """

    __slots__ = ("rejected", "rules", "shadow", "targets")

    def __init__(self, rules: tuple[str, ...], targets: tuple[str, ...]) -> None:
        self.rules = rules
        self.targets = targets
        self.shadow: tuple[str, ...] = ()
        self.rejected: Rejection | None = None

    @property
    def event_id(self) -> str | None:
        """The event's top-level `id`, when it is a non-empty string."""
        raise NotImplementedError

    @property
    def event_type(self) -> str | None:
        """The event's `detail-type`, when it is a non-empty string."""
        raise NotImplementedError

    @property
    def conversation_id(self) -> str | None:
        """The conversation that the event is about, looked for when asked."""
        raise NotImplementedError

    def send(self, target: str) -> Send:
        """What the first matching rule that sends to `target` adds to the message."""
        raise NotImplementedError


class Ruleset:
    """All rules, compiled. Immutable: a reload makes a new one."""

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that change when the rule files, or the variables they use, change."""
        raise NotImplementedError

    @property
    def rules(self) -> Sequence[Rule]:
        """Every rule, disabled ones included, in the order they are tried."""
        raise NotImplementedError

    @property
    def targets(self) -> Mapping[str, Target]:
        """Every target by name."""
        raise NotImplementedError

    @property
    def unmatched(self) -> str:
        """What happens to an event that no rule matches: `drop`, `dead-letter`, or a target's name."""
        raise NotImplementedError

    @property
    def needs_metadata(self) -> bool:
        """Whether any rule looks at the message's metadata (`@` paths)."""
        raise NotImplementedError

    def match(self, body: str | bytes, metadata: Mapping[str, object] | None = None) -> Match:
        """Hold one event against the rules. Total: it never raises."""
        raise NotImplementedError

    def unresolved(self) -> tuple[Problem, ...]:
        """One problem per environment variable that a target's queue needs and that is not set."""
        raise NotImplementedError
