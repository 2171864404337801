"""EventBridge event patterns: a pattern in, the condition it means out, with AWS's semantics and AWS's refusals.

What the condition looks like is told in emit.py. Patterns come as nodes that know their place (files/pattern_nodes.py).

Held to 1,419 recorded verdicts and 153 recorded refusals of AWS's engine, only the first of these differences shows;
the others follow from that engine's source and documentation.

| where                                  | AWS's engine                   | here                | why                  |
|----------------------------------------|--------------------------------|---------------------|----------------------|
| text after the end of a pattern        | ignored                        | refused             | it is a mistake      |
| a key that stands twice in an event    | either value may match         | the last counts     | as in any JSON tool  |
| a member named `a.b` in an event       | `{a: {b: ..}}` finds it too    | `{"a.b": ..}` does  | AWS: avoid it        |
| numbers that no double holds exactly   | compared as text, in no range  | compared exactly    | they are numbers     |
| `cidr` or an IP literal beside others  | others never see an address    | they do             | they are alternatives|
| letters with several lower cases (`ς`) | in a pattern, fit upper case   | fit only themselves | `fold` is symmetric  |
| a value and an object in one field, in | must be in one inner array     | each on its own     | no one writes that   |
| arrays of arrays                       |                                |                     |                      |
| wildcards it calls too complex         | refused                        | a warning (TR325)   | here they are cheap  |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from turnout.rules.condition.ast import Condition, walk
from turnout.rules.condition.sharing import either, every
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.emit import Emitter, Places, TooManyError
from turnout.rules.pattern.fields import Combination, Field, read_fields
from turnout.rules.pattern.nodes import PatternError, PatternNode, PatternProblem, to_json
from turnout.rules.problems import Code

__all__ = ["CompiledPattern", "compile_pattern"]


@dataclass(frozen=True, slots=True)
class CompiledPattern:
    """What a pattern means. `source` is the pattern as JSON text, which the `at` of conditions point into."""

    condition: Condition
    source: str
    warnings: tuple[PatternProblem, ...]


def compile_pattern(
    node: PatternNode, limits: Limits = DEFAULT_LIMITS, places: Places | None = None
) -> CompiledPattern:
    """The condition that a pattern means. Raises `PatternError` with everything that is wrong with it.

    `places` are shared by the patterns of a rule file, as most of them look at the same fields.
    """
    fields = read_fields(node, limits)
    if fields.problems:
        raise PatternError(sorted(fields.problems, key=lambda problem: (problem.mark.line, problem.mark.column)))
    source, spans = to_json(node)
    emitter = Emitter(spans, places or Places(), limits)
    try:
        known: dict[tuple[int, ...], Condition] = {}
        condition = either([_combination(combination, emitter, known) for combination in fields.combinations])
    except TooManyError:
        condition = None
    if condition is None or sum(1 for _ in walk(condition)) > limits.nodes:
        limit = f"this pattern makes more than {limits.nodes} conditions; $or and exists: false multiply them"
        raise PatternError([PatternProblem(Code.PATTERN_LIMIT, limit, node.mark)])
    return CompiledPattern(condition, source, tuple(fields.warnings))


# ---------------------------------------------------------------------------------------- exists: false beside values


def _combination(combination: Combination, emitter: Emitter, known: dict[tuple[int, ...], Condition]) -> Condition:
    """The condition that all fields hold. `known` holds those of other combinations by the identity of their fields."""
    groups: dict[str, list[Field]] = {}
    for field in combination.values():
        groups.setdefault(field.name.split(".", 1)[0], []).append(field)
    found: list[Condition] = []
    for group in groups.values():
        identity = tuple(map(id, group))
        if identity not in known:
            known[identity] = _split(group, emitter)
        found.append(known[identity])
    return every(found)


def _split(fields: list[Field], emitter: Emitter) -> Condition:
    """The condition that all fields hold, which share a member of the event.

    A field that may have a value or be absent is each in turn, where that makes a difference to other fields.
    """
    index = _undecided(fields)
    if index is None:
        return emitter.all(fields)
    emitter.charge(len(fields))
    leaf = fields[index].leaf
    leaves = (replace(leaf, absent=False), replace(leaf, choices=(), present=False))
    return either(
        [
            _split([*fields[:index], replace(fields[index], leaf=choice), *fields[index + 1 :]], emitter)
            for choice in leaves
        ]
    )


def _undecided(fields: Sequence[Field]) -> int | None:
    """The first field whose absence is looked for elsewhere than its value: no field before it shares its object."""
    if not any(field.leaf.absent and field.leaf.positive for field in fields):
        return None
    bound: set[tuple[str, ...]] = {()}
    for index in sorted(range(len(fields)), key=lambda index: fields[index].name):
        field = fields[index]
        names = tuple(field.name.split("."))
        if not field.leaf.positive:
            continue
        if field.leaf.absent and (names[:-1] not in bound or any("." in step for step in field.steps)):
            return index
        bound.update(names[:length] for length in range(1, len(names) + 1))
    return None
