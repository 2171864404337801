"""Walks an event pattern: which fields it names, what each asks for, and the combinations that `$or` multiplies out to.

As in EventBridge, a combination is a map from a field's full name (`detail.channel`, keys joined by dots) to its leaf,
and what is written later replaces what was written before: a field inside `$or` replaces the same field outside it,
and the last of two equal keys counts. What combinations mean for an event is pattern.py's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.leaf import Leaf, read_leaf
from turnout.rules.pattern.nodes import ArrayNode, Mark, ObjectNode, PatternNode, PatternProblem, quoted
from turnout.rules.problems import Code

__all__ = ["RESERVED", "Combination", "Field", "read_fields"]

# What no field inside `$or` may be called: the operators, and words that AWS keeps for operators to come.
RESERVED = frozenset(
    {
        *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr"),
        *("=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case"),
        *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
        *("ip-address-in-range", "ip-address-not-in-range"),
    }
)
_WARNINGS = frozenset(
    {
        Code.PATTERN_OVERRIDES,
        Code.PATTERN_DUPLICATE,
        Code.PATTERN_DOTTED,
        Code.PATTERN_ANYTHING_BUT,
        Code.PATTERN_COMPLEX,
    }
)


class Field(msgspec.Struct, frozen=True, gc=False):
    """A field of a pattern. `steps` are the keys as written, of which `name` is the dotted whole."""

    name: str
    steps: tuple[str, ...]
    leaf: Leaf
    scope: int = 0
    """Which alternative of which `$or` it was written in; 0 outside any."""

    def below(self, steps: tuple[str, ...]) -> Field:
        """The field as seen from an object on the way to it; `steps` are those that are left."""
        return Field(self.name, steps, self.leaf, self.scope)


Combination: TypeAlias = dict[str, Field]
"""One way to satisfy the pattern: every one of these fields."""


@dataclass(slots=True)
class Fields:
    """What reading a pattern yields. With `problems` the combinations are incomplete."""

    combinations: list[Combination]
    problems: list[PatternProblem]
    warnings: list[PatternProblem]


def read_fields(node: PatternNode, limits: Limits = DEFAULT_LIMITS) -> Fields:
    """The fields of a pattern, in every combination."""
    reader = _Reader(limits)
    combinations: list[Combination] = [{}]
    if isinstance(node, ObjectNode):
        combinations = reader.read_object(node, (), combinations, 0)
    else:
        reader.report(Code.PATTERN_SHAPE, "Filter is not an object", node.mark)
    return Fields(combinations, reader.problems, reader.warnings)


class _Reader:
    def __init__(self, limits: Limits) -> None:
        self.problems: list[PatternProblem] = []
        self.warnings: list[PatternProblem] = []
        self._limits = limits
        self._scopes = 0
        self._leaves = 0

    def report(self, code: Code, message: str, mark: Mark) -> None:
        """Keep a problem or a warning, each once."""
        kept = self.warnings if code in _WARNINGS else self.problems
        problem = PatternProblem(code, message, mark)
        if problem not in kept[-8:]:
            kept.append(problem)

    def read_object(
        self, node: ObjectNode, steps: tuple[str, ...], combinations: list[Combination], scope: int
    ) -> list[Combination]:
        """The combinations with the fields of an object added; `steps` lead to it."""
        if not node.members:
            self.report(Code.PATTERN_SHAPE, "Empty objects are not allowed", node.mark)
        if len(steps) >= self._limits.depth:
            self.report(Code.PATTERN_LIMIT, f"nested more than {self._limits.depth} levels deep", node.mark)
            return combinations
        seen: set[str] = set()
        for name, mark, value in node.members:
            if name == "$or":
                combinations = self._read_or(value, steps, combinations, mark)
                continue
            if scope and name in RESERVED:
                message = f"{name} is Ruler reserved fieldName which cannot be used inside $or."
                self.report(Code.PATTERN_OR, message, mark)
                continue
            self._check_key(name, mark, seen)
            match value:
                case ObjectNode():
                    combinations = self.read_object(value, (*steps, name), combinations, scope)
                case ArrayNode():
                    self._read_leaf(value, (*steps, name), combinations, scope, mark)
                case _:
                    self.report(Code.PATTERN_SHAPE, f"{quoted(name)} must be an object or an array", value.mark)
        return combinations

    def _check_key(self, name: str, mark: Mark, seen: set[str]) -> None:
        if name in seen:
            message = f"{quoted(name)} stands twice in this object; of two arrays the last one counts"
            self.report(Code.PATTERN_DUPLICATE, message, mark)
        seen.add(name)
        if "." in name:
            message = f"{quoted(name)} also means the nested fields; AWS advises against dots in the keys of a pattern"
            self.report(Code.PATTERN_DOTTED, message, mark)

    def _read_leaf(
        self, node: ArrayNode, steps: tuple[str, ...], combinations: list[Combination], scope: int, mark: Mark
    ) -> None:
        self._leaves += 1
        if self._leaves > self._limits.nodes:
            if self._leaves == self._limits.nodes + 1:
                self.report(Code.PATTERN_LIMIT, f"more than {self._limits.nodes} fields in one pattern", mark)
            return
        name = ".".join(steps)
        if name.count(".") >= self._limits.depth:
            self.report(Code.PATTERN_LIMIT, f"nested more than {self._limits.depth} levels deep", mark)
            return
        field = Field(name, steps, read_leaf(node, self.report, self._limits), scope)
        for combination in combinations:
            before = combination.get(field.name)
            if before is not None and before.scope != scope:
                message = f"{quoted(field.name)} inside $or and outside it: the later one replaces the earlier one"
                self.report(Code.PATTERN_OVERRIDES, message, mark)
            elif before is not None and before.steps != steps:
                message = f"{quoted(field.name)} was written before with other dots; the last one counts"
                self.report(Code.PATTERN_DUPLICATE, message, mark)
            combination[field.name] = field

    def _read_or(
        self, node: PatternNode, steps: tuple[str, ...], combinations: list[Combination], mark: Mark
    ) -> list[Combination]:
        if not isinstance(node, ArrayNode):
            self.report(Code.PATTERN_OR, "It must be an Array followed with $or.", node.mark)
            return combinations
        if len(node.items) < 2:
            self.report(Code.PATTERN_OR, "There must have at least 2 Objects in $or relationship.", node.mark)
        grown: list[Combination] = []
        for item in node.items:
            if not isinstance(item, ObjectNode):
                self.report(Code.PATTERN_OR, "Only JSON object is allowed in array of $or relationship.", item.mark)
                continue
            self._scopes += 1
            copies = [dict(combination) for combination in combinations]
            grown.extend(self.read_object(item, steps, copies, self._scopes))
            if len(grown) > self._limits.pattern_combinations:
                limit = f"$or makes more than {self._limits.pattern_combinations} combinations of this pattern"
                self.report(Code.PATTERN_LIMIT, limit, mark)
                return combinations
        return grown or combinations
