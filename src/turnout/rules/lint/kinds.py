"""Finds comparisons with a value of another type than the events have: `'true'`, `'5'`, or 5 where the text is.

Types are strict, so that these are never equal. `'true'`, `'false'` and `'null'` are hardly ever meant as texts. With
numbers nobody can tell: account numbers and extensions are texts. There the rules have to show it themselves, by their
examples that match and by ranges of numbers. An example with such a value shows that it is meant.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple, TypeAlias

from turnout.rules.condition.ast import (
    Children,
    Condition,
    Every,
    Except,
    Item,
    Items,
    Key,
    Kind,
    Literal,
    OneOf,
    Path,
    Range,
    Root,
    Scalars,
    Slice,
    Some,
    Spread,
    Test,
    children,
    literal,
)
from turnout.rules.condition.render import render_literal, render_path
from turnout.rules.lint.placing import Findings
from turnout.rules.lint.showing import shown_by
from turnout.rules.model import Json, Rule
from turnout.rules.problems import Code

__all__ = ["Kinds", "warn_of_kinds"]

_Names: TypeAlias = tuple[str, ...]
"""The members that a path leads through. Arrays have no names: they stand for their elements."""

_CONSTANTS = {"true": literal(True), "false": literal(False), "null": literal(None)}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?")
_PASSED = Spread | Scalars | Children | Item | Items | Slice
_WORDS = {Kind.BOOL: "true or false", Kind.NUMBER: "a number", Kind.STRING: "a text"}


class Kinds:
    """Which types of values the rules show at a path."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    @cached_property
    def in_examples(self) -> dict[_Names, set[Kind]]:
        """By path, the types that stand there in events of examples that match."""
        found: dict[_Names, set[Kind]] = defaultdict(set)
        for rule in self._rules:
            stack: list[tuple[_Names, Json]] = [((), each.event) for each in rule.examples if each.match]
            while stack:
                names, value = stack.pop()
                if isinstance(value, dict):
                    stack += (((*names, name), member) for name, member in value.items())
                elif isinstance(value, list):
                    stack += ((names, element) for element in value)
                elif value is not None:
                    found[names].add(literal(value).kind)
        return found

    @cached_property
    def in_ranges(self) -> set[_Names]:
        """The paths whose values are held against bounds that are numbers."""
        return {
            names
            for rule in self._rules
            for names, test in _tests(rule.condition)
            if names is not None and isinstance(test.predicate, Range) and _is_of_numbers(test.predicate)
        }


class _Compared(NamedTuple):
    test: Test
    path: Path
    names: _Names | None
    item: Literal


def warn_of_kinds(rule: Rule, kinds: Kinds, findings: Findings) -> None:
    """A warning per path at the first value of another type than the path's."""
    shown = shown_by(rule)
    if shown is None:
        return
    compared = list(_compared(rule.condition))
    # Who compares it with values of both types, or with other texts, has thought of it.
    named = {(each.path, _type(each.item)) for each in compared}
    told: set[Path] = set()
    for each in compared:
        meant = _meant(each, kinds, shown.texts)
        if meant is None or each.path in told or not named.isdisjoint(_thought_of(each, meant)):
            continue
        told.add(each.path)
        if findings.reads_environment(rule, each.test):
            continue
        findings.condition(Code.OTHER_TYPE, _message(each, meant), rule, each.test)


def _type(item: Literal) -> Kind | str:
    """Of the three texts that are hardly ever meant, a type of their own."""
    return "constant" if item.kind is Kind.STRING and item.value in _CONSTANTS else item.kind


def _thought_of(each: _Compared, meant: Literal) -> set[tuple[Path, Kind | str]]:
    kinds: set[Kind | str] = {meant.kind}
    if _type(each.item) == "constant":
        kinds.add(Kind.STRING)
    return {(each.path, kind) for kind in kinds}


def _meant(each: _Compared, kinds: Kinds, texts: frozenset[str]) -> Literal | None:
    """What was probably to be written in place of the value; None when it is probably right."""
    value = each.item.value
    if isinstance(value, str):
        if value in texts:
            return None
        if value in _CONSTANTS:
            return None if Kind.STRING in _known(each, kinds) else _CONSTANTS[value]
        if not _NUMBER.fullmatch(value):
            return None
        known = _known(each, kinds) | ({Kind.NUMBER} if each.names in kinds.in_ranges else set())
        return literal(float(value) if "." in value else int(value)) if known == {Kind.NUMBER} else None
    if value is None or render_literal(each.item) in texts:
        return None
    known = _known(each, kinds)
    if known == {Kind.STRING}:
        return literal(render_literal(each.item))
    return literal(bool(value)) if known == {Kind.BOOL} and value in (0, 1) and each.item.kind is Kind.NUMBER else None


def _known(each: _Compared, kinds: Kinds) -> set[Kind]:
    return kinds.in_examples.get(each.names, set()) if each.names is not None else set()


def _message(each: _Compared, meant: Literal) -> str:
    written, instead = render_literal(each.item), render_literal(meant)
    if str(each.item.value) in _CONSTANTS and each.item.kind is Kind.STRING:
        return f"{written} in quotes is a text, and no text equals the constant; write {instead} without them"
    shown = f"by the examples and ranges of the rules, {render_path(each.path)} is {_WORDS[meant.kind]}"
    return f"{written} is {_WORDS[each.item.kind]}; {shown}; write {instead}"


def _compared(condition: Condition) -> Iterator[_Compared]:
    """What values of the event are compared with for being equal."""
    for names, test in _tests(condition):
        predicate = test.predicate.predicate if isinstance(test.predicate, Except) else test.predicate
        if isinstance(test.term, Path) and test.term.root is not Root.METADATA and isinstance(predicate, OneOf):
            for item in predicate.items:
                yield _Compared(test, test.term, names, item)


def _tests(condition: Condition) -> Iterator[tuple[_Names | None, Test]]:
    """Every test, with the names that lead to what it looks at."""
    stack: list[tuple[Condition, _Names | None]] = [(condition, ())]
    while stack:
        node, around = stack.pop()  # `around` leads to the element that the node is inside
        if isinstance(node, Test):
            yield (_names(node.term, around) if isinstance(node.term, Path) else None), node
            continue
        inside = _names(node.path, around) if isinstance(node, Some | Every) else around
        stack += [(part, inside) for part in reversed(children(node))]


def _names(path: Path, around: _Names | None) -> _Names | None:
    """None when the path has steps that lead to members without naming them, or is no path of the event."""
    if path.root is Root.METADATA:
        return None
    start = around if path.root is Root.ELEMENT else ()
    if start is None or not all(isinstance(step, Key | _PASSED) for step in path.segments):
        return None
    return (*start, *(step.name for step in path.segments if isinstance(step, Key)))


def _is_of_numbers(each: Range) -> bool:
    bound = each.low or each.high
    return bound is not None and not isinstance(bound.value, str)
