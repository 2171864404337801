"""Puts the engine together: conditions in; for an event, the numbers of those that hold, or of those that may.

The fast way decodes just what is needed and runs generated code. It raises when an event differs from what it assumes,
whatever the reason; the caller then decodes the event in full and verifies each of the `candidates`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from turnout.rules.condition import ast
from turnout.rules.condition.ast import Except, Kind, Literal, OneOf, Path
from turnout.rules.decode import decode
from turnout.rules.engine.checks import Checks
from turnout.rules.engine.found import Groups
from turnout.rules.engine.prepared import Prepared
from turnout.rules.engine.preparing import Preparer
from turnout.rules.engine.probe import ProbeBuilder
from turnout.rules.engine.projection import Projection
from turnout.rules.engine.source import Code, Foundry
from turnout.rules.engine.support import Unfit
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Json, Rejection

__all__ = ["Engine"]

_NULL = Literal(Kind.NULL, None)


class Engine:
    """Conditions, compiled together. They are known by their position in the sequence."""

    decode: Callable[[str | bytes], Any]
    """Decodes a body as far as `look` needs it. Raises for whatever does not fit."""
    look: Code
    """Called with what `decode` returned, the body, the metadata, None, and a list, it adds to the list what was found,
    for `numbers` to make sense of. Raises for whatever does not fit.
    """
    numbers: Callable[[Sequence[int]], list[int]]
    """The numbers of the conditions that were found, each once, in order."""
    texts: tuple[str, ...]
    """The generated code: for tests, and for the curious."""

    def __init__(
        self,
        conditions: Sequence[ast.Condition],
        *,
        required: Sequence[Path] = (),
        members: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
    ) -> None:
        """An event that lacks one of the `required` paths is not for the fast way. `members` are members of the event
        that the caller wants to read from what was decoded.
        """
        preparer = Preparer()
        shared: dict[Prepared, list[int]] = {}
        for number, condition in enumerate(conditions):
            shared.setdefault(preparer.prepare(condition), []).append(number)
        # Null at a required path is as good as nothing.
        demands = [preparer.prepare(ast.Test(path, Except(OneOf((_NULL,))))) for path in required]
        projection = Projection()
        for prepared in (*shared, *demands):
            projection.add(prepared)
        for name in members:
            projection.add_member(name)
        self.decode = projection.build()
        self._readers = {name: _reader(projection, name) for name in members}
        foundry = Foundry()
        groups = Groups()
        checks = Checks(foundry, groups, projection, _Whole(), conditions, limits)
        builder = ProbeBuilder([(tuple(numbers), key) for key, numbers in shared.items()], checks)
        self._probe = builder.build(demands)
        self.look = self._probe.code
        self.numbers = groups.numbers
        self.texts = foundry.texts

    def member(self, event: Any, name: str) -> object:
        """One of the `members` of what `decode` returned; None when it is missing."""
        return self._readers[name](event)

    def candidates(self, event: dict[str, Json], metadata: object) -> list[int]:
        """The numbers of all conditions that may hold for an event decoded in full, in order."""
        return sorted(set(self._probe.candidates(event, metadata)))


def _reader(projection: Projection, name: str) -> Callable[[Any], object]:
    access = projection.access((name,))
    if access.names:
        return lambda event: event.get(name)
    return attrgetter(*access.fields)


class _Whole:
    """Decodes a body in full for conditions that look at the whole event; several of them share the work."""

    def __init__(self) -> None:
        self._last: tuple[str | bytes, dict[str, Json]] = ("", {})

    def __call__(self, body: str | bytes) -> dict[str, Json]:
        known, event = self._last
        if known is not body:
            decoded = decode(body)
            if isinstance(decoded, Rejection):
                raise Unfit
            event = decoded
            self._last = body, event
        return event
