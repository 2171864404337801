"""Where fuzzing begins: inputs that our own grammars make, the same ones every time, and the words of the languages."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.property.rules import test_engine, test_pattern_semantics, test_properties
from tests.property.rules.strategies import conditions, events
from tests.property.rules.test_pattern_totality import OPERATORS, patterns

from turnout.rules.condition.render import render
from turnout.rules.files import schema

__all__ = ["WORDS", "seeds"]

texts = conditions().map(render) | st.sampled_from(test_engine.TESTS)
objects = st.one_of(
    test_pattern_semantics.pattern_objects(2, dots=True), patterns, st.sampled_from(test_engine.PATTERNS)
).map(lambda pattern: json.dumps(pattern).replace("Infinity", "1e999"))
bodies = st.one_of(events, test_engine.shaped_events, test_pattern_semantics.event_objects()).map(test_engine.text)


def _crowd(rules: list[str], some: list[str]) -> str:
    return "\n".join(rule.replace("\n", " ") for rule in rules) + "\n\n" + "\n".join(some)


def _rule_file(rules: list[str], some: list[str]) -> str:
    """Rules in every shape that a rule file knows; JSON is YAML, so what is quoted comes from its encoder."""
    lines = ["targets: {high: {queue: high, priority: 0}, low: {queue: '${A:-low}'}}", "unmatched: drop", "rules:"]
    for number, rule in enumerate(rules):
        lines.append(f"  - id: rule-{number}")
        lines.append(f"    pattern: {rule}" if rule.startswith("{") else f"    when: {json.dumps(rule)}")
        lines.append(f"    send: [{'high' if number % 2 else 'low'}]")
        lines += _FURTHER[number % len(_FURTHER)]
        lines += [f"      - {{match: {str(bool(k % 2)).lower()}, event: {body}}}" for k, body in enumerate(some)]
    return "\n".join(lines) + "\n"


_FURTHER = (
    ["    examples:"],
    ["    mode: shadow", "    owner: somebody", "    tags: [a, b]", "    examples:"],
    ["    stop: true", "    group: detail.name", "    deduplicate: id", "    delay: 5", "    examples:"],
    ["    enabled: false", "    attributes: {kind: detail.tags.kind, fixed: {value: x}}", "    examples:"],
)

rules = st.lists(texts | objects, min_size=1, max_size=4)
some_bodies = st.lists(bodies, min_size=1, max_size=3)

GRAMMARS: dict[str, st.SearchStrategy[str]] = {
    "expression": texts,
    "pattern": objects,
    "engine": st.builds(_crowd, rules, some_bodies),
    "rule-file": st.builds(_rule_file, rules, some_bodies),
}

WORDS = tuple(
    dict.fromkeys(
        (
            *test_properties.FRAGMENTS,
            *(json.dumps(operator) for operator in OPERATORS),
            *(f"{name}: " for fields in (schema.FILE, schema.TARGET, schema.RULE) for name in fields),
        )
    )
)


def seeds(target: str, count: int) -> list[bytes]:
    """The first `count` inputs that the target's grammar makes from a fixed seed."""
    found: dict[bytes, None] = {}

    @seed(20)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(GRAMMARS[target])
    def collect(text: str) -> None:
        found[text.encode("utf-8", "replace")] = None

    collect()
    return list(found)
