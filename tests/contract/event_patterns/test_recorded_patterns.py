"""Event patterns against what AWS's engine was recorded to do: the same verdicts and refusals, or why not."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from tests.contract.event_patterns.recorded import (
    ANOTHER_PROBLEM_FIRST,
    KNOWN_DIFFERENCES,
    MISLEADING_WORDS,
    OWN_JSON_WORDS,
    TEXT_AFTER_THE_END,
    Verdict,
    read_refusals,
    read_verdicts,
)
from tests.unit.rules.pattern_text import parse_pattern_text

from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.decode import decode
from turnout.rules.model import Place, Rule, Target
from turnout.rules.pattern.nodes import PatternError
from turnout.rules.pattern.pattern import compile_pattern
from turnout.rules.ruleset import Ruleset


def compiled(text: str) -> Condition:
    return compile_pattern(parse_pattern_text(text)).condition


def condition_of(verdict: Verdict, differences: Counter[str]) -> Condition:
    """The condition of a recorded pattern; text after its end is counted and cut off."""
    text = verdict.pattern_source
    _, end = json.JSONDecoder().raw_decode(text)
    if text[end:].strip():
        with pytest.raises(PatternError, match=r"there is more text after the end of the pattern$"):
            parse_pattern_text(text)
        differences[TEXT_AFTER_THE_END] += 1
        text = text[:end]
    return compiled(text)


def test_every_recorded_verdict_agrees() -> None:
    differences: Counter[str] = Counter()
    wrong = []
    verdicts = read_verdicts()
    for verdict in verdicts:
        condition = condition_of(verdict, differences)
        event = decode(verdict.event_source)
        plain = holds(condition, Scope(event))
        if plain is not verdict.matches or compile_condition(condition)(event, None, None) is not plain:
            wrong.append(verdict.name)
    assert wrong == []
    assert differences == {TEXT_AFTER_THE_END: KNOWN_DIFFERENCES[TEXT_AFTER_THE_END]}
    assert len(verdicts) == 1_419


def test_every_recorded_verdict_agrees_in_one_large_ruleset() -> None:
    verdicts = read_verdicts()
    conditions = {verdict.pattern_source: condition_of(verdict, Counter()) for verdict in verdicts}
    ids = {source: f"rule-{number}" for number, source in enumerate(conditions)}
    rules = [
        Rule(id=ids[source], condition=condition, send=("target",), place=Place("recorded", 1, 1))
        for source, condition in conditions.items()
    ]
    ruleset = Ruleset(rules, {"target": Target("target", "queue")}, "drop", fingerprint="recorded")
    wrong = [
        verdict.name
        for verdict in verdicts
        if (ids[verdict.pattern_source] in ruleset.match(verdict.event_source).rules) is not verdict.matches
    ]
    assert wrong == []


def test_every_recorded_refusal_is_refused_in_the_same_words() -> None:
    differences: Counter[str] = Counter()
    accepted, unexplained = [], []
    refusals = read_refusals()
    for refusal in refusals:
        try:
            compiled(refusal.pattern_text)
        except PatternError as error:
            messages = [problem.message for problem in error.problems]
        else:
            accepted.append(refusal.name)
            continue
        if messages[0].startswith(refusal.words):
            continue
        if error_is_about_json(refusal.pattern_text):
            differences[OWN_JSON_WORDS] += 1
        elif refusal.words == "Too many elements in numeric expression" and "anything-but" in refusal.pattern_text:
            differences[MISLEADING_WORDS] += 1
        elif refusal.words in messages:
            differences[ANOTHER_PROBLEM_FIRST] += 1
        else:
            unexplained.append((refusal.name, messages))
    assert accepted == []
    assert unexplained == []
    assert differences == {reason: n for reason, n in KNOWN_DIFFERENCES.items() if reason != TEXT_AFTER_THE_END}
    assert len(refusals) == 153


def error_is_about_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return True
    return False
