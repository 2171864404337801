"""What the tests of event patterns share: compiling JSON text, asking both evaluators, reading refusals."""

from __future__ import annotations

import json

from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.pattern.nodes import PatternError, PatternProblem
from turnout.rules.pattern.pattern import CompiledPattern, compile_pattern


def compiled(pattern: object, limits: Limits = DEFAULT_LIMITS) -> CompiledPattern:
    """A pattern, as JSON text or as data."""
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    return compile_pattern(parse_pattern_text(text, limits), limits)


def condition(pattern: object) -> Condition:
    return compiled(pattern).condition


def verdict(pattern: object, event: object) -> bool:
    """Whether the pattern matches; the interpreter and the compiled form must agree."""
    tree = condition(pattern)
    plain = holds(tree, Scope(event))
    assert compile_condition(tree)(event, None, None) is plain
    return plain


def problems(pattern: object, limits: Limits = DEFAULT_LIMITS) -> tuple[PatternProblem, ...]:
    """What is wrong with a pattern; nothing when it is accepted."""
    try:
        compiled(pattern, limits)
    except PatternError as error:
        return error.problems
    return ()
