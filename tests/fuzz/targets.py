"""What is fuzzed: functions that take any bytes and fail when something holds that must not.

Nothing here needs atheris: tests call them with seeds and with what was found before, `one.py` with what atheris makes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable

from tests.property.rules.agreement import METADATA, check
from tests.unit.rules.pattern_text import pattern_or_refusal

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.condition.render import render
from turnout.rules.environment import Environment
from turnout.rules.explain.event import explain_event
from turnout.rules.expression.parser import parse
from turnout.rules.expression.paths import PathReader
from turnout.rules.files.load import Reading, read_rules
from turnout.rules.lint import lint
from turnout.rules.problems import ExpressionError
from turnout.rules.trials.examples import run_examples

__all__ = ["TARGETS", "Fuzzed"]

Fuzzed = Callable[[bytes], None]

# An event in which the names of the seeds are found, so that conditions are asked for more than what is missing.
EVENT: dict[str, object] = {
    "id": "e",
    "detail-type": "a",
    "detail": {"x": 1, "name": "ab", "tags": {"kind": "a"}, "items": [{"id": 1, "name": "a"}, 2], "list": ["a", None]},
    "a": {"b": [1, {"c": "x"}], "d": ""},
    "b": ["x", "y"],
}


def fuzz_expression(data: bytes) -> None:
    """Any text is an expression, or is refused at a place inside it; what it means does not depend on how it is run."""
    text = _text(data)
    condition = _expression(text)
    if condition is None:
        return
    written = render(condition)
    again = _expression(written)
    assert again == condition, f"read again it is another condition: {written!r}"
    _verdict(condition)


def fuzz_pattern(data: bytes) -> None:
    """Any text is a pattern, or is refused with a reason and a place."""
    condition = pattern_or_refusal(_text(data))
    if condition is not None:
        _verdict(condition)


def fuzz_engine(data: bytes) -> None:
    """Rules, one a line; an empty line; bodies, one a line: the engine says of each what the interpreter says."""
    head, _, tail = _text(data).partition("\n\n")
    found = (pattern_or_refusal(line) if line.startswith("{") else _expression(line) for line in head.split("\n")[:12])
    rules = [condition for condition in found if condition is not None]
    if rules:
        check(rules, [*tail.split("\n")[:6], json.dumps(EVENT)], METADATA)


def fuzz_rule_file(data: bytes) -> None:
    """Any file is rules, or is refused with problems; and no body makes matching by sound rules or explaining raise."""
    reading = _read_file(data)
    for problem in (*reading.problems, *reading.warnings):
        assert problem.message
        assert str(problem)
    if reading.problems:
        return
    lint(reading)
    ruleset = reading.ruleset()
    run_examples(reading.rules)
    for body in (json.dumps(EVENT).encode(), data):
        match = ruleset.match(body, METADATA)
        for target in match.targets:
            match.send(target)
        explain_event(ruleset, body, METADATA)


TARGETS: dict[str, Fuzzed] = {
    "expression": fuzz_expression,
    "pattern": fuzz_pattern,
    "engine": fuzz_engine,
    "rule-file": fuzz_rule_file,
}


# ----------------------------------------------------------------------------------------------------------- reading


def _text(data: bytes) -> str:
    """Bytes that are not UTF-8 become lone surrogates, which JSON and YAML can bring as well."""
    return data.decode("utf-8", "surrogateescape")


def _expression(text: str) -> Condition | None:
    try:
        return parse(text, reader=PathReader(), environment=Environment({"A": "a"}))
    except ExpressionError as error:
        refusal = error
    assert refusal.message
    assert 0 <= refusal.at.start <= refusal.at.end
    assert refusal.at.start <= len(text)
    return None


def _verdict(condition: Condition) -> None:
    verdict = holds(condition, Scope(EVENT, METADATA))
    assert verdict in (True, False)
    assert compile_condition(condition)(EVENT, METADATA, None) is verdict, "the closures and the interpreter disagree"


def _read_file(data: bytes) -> Reading:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        file.write(data)
        file.flush()
        return read_rules(file.name, environ={"A": "a"}, keep_patterns=True)
