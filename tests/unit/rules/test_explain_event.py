"""An event against a whole ruleset: which rules are explained, and in which order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.rules import Ruleset
from turnout.rules.condition import interpret
from turnout.rules.condition.ast import Condition
from turnout.rules.explain.event import EventExplanation, explain_event

RULES = """rules:
  - {id: one, when: detail.a == 1, send: [high]}
  - {id: shadow, when: detail.a == 1, send: [high], mode: shadow}
  - {id: "off", when: detail.a == 1, send: [high], enabled: false}
  - {id: last, when: detail.a == 1 and detail.b == 1, send: [standard], stop: true}
  - {id: behind, when: detail.a == 1, send: [standard]}
  - {id: three, when: detail.x == 1 and detail.y == 1 and detail.z == 1, send: [standard]}
  - {id: pattern, pattern: {detail: {x: [1], w: [{prefix: v}]}}, send: [standard]}
"""


@pytest.fixture
def ruleset(tmp_path: Path) -> Ruleset:
    return load_rules(write(tmp_path, HEAD + RULES))


def explained(ruleset: Ruleset, detail: object, **options: object) -> EventExplanation:
    return explain_event(ruleset, json.dumps({"id": "e-1", "detail": detail}), **options)  # type: ignore[arg-type]


def ids(explanation: EventExplanation) -> list[str]:
    return [rule.id for rule in explanation.explained]


def test_the_rules_that_match_are_explained_and_say_where_they_send(ruleset: Ruleset) -> None:
    explanation = explained(ruleset, {"a": 1, "b": 2})
    assert explanation.rules == ("one", "behind")
    assert explanation.shadow == ("shadow",)
    assert explanation.targets == ("high", "standard")
    assert explanation.event_id == "e-1"
    assert explanation.fingerprint == ruleset.fingerprint
    assert ids(explanation) == ["one", "shadow", "behind"]
    assert [rule.remark for rule in explanation.explained] == ["", "it is in shadow mode: counted, nothing sent", ""]
    assert explanation.explained[0].place.endswith("rules.yaml:4:10")


def test_what_stands_behind_stop_was_not_tried(ruleset: Ruleset) -> None:
    detail = {"a": 1, "b": 1}
    assert ids(explained(ruleset, detail)) == ["one", "shadow", "last"]
    (behind,) = explained(ruleset, detail, only=["behind"]).explained
    assert behind.matched is True
    assert behind.remark == "it was not tried, because 'last' matches and says stop"


def test_a_disabled_rule_is_explained_when_asked_for(ruleset: Ruleset) -> None:
    (off,) = explained(ruleset, {"a": 1}, only=["off"]).explained
    assert (off.matched, off.remark) == (True, "it is disabled")


def test_without_a_match_the_nearest_misses_are_explained_nearest_first(ruleset: Ruleset) -> None:
    explanation = explained(ruleset, {"x": 1, "y": 1, "z": 2, "w": "u", "a": 5})
    assert explanation.rules == ()
    assert ids(explanation) == ["three", "pattern", "one"]
    assert ids(explained(ruleset, {"x": 1, "y": 1}, misses=1)) == ["three"]


def test_a_value_that_is_wrong_is_nearer_than_one_that_is_missing(ruleset: Ruleset) -> None:
    assert ids(explained(ruleset, {"z": 2}, misses=1)) == ["three"]
    assert ids(explained(ruleset, {"w": "u"}, misses=1)) == ["pattern"]


SLIPS = """rules:
  - {id: far, when: detail.a == 1 or detail.b == 1, send: [high]}
  - {id: misspelt, when: detail.tags.priority == 'high', send: [high]}
  - {id: upper, when: detail.channel == 'voice', send: [high]}
"""


@pytest.mark.parametrize(
    ("detail", "nearest"),
    [({"tags": {"Priority": "high"}, "a": 2}, "misspelt"), ({"channel": "VOICE", "a": 2}, "upper"), ({"a": 2}, "far")],
)
def test_of_equally_near_misses_one_by_a_slip_comes_first(tmp_path: Path, detail: object, nearest: str) -> None:
    ruleset = load_rules(write(tmp_path, HEAD + SLIPS))
    first = explained(ruleset, detail, misses=1).explained[0]
    assert first.id == nearest
    assert first.condition.slip is (nearest != "far")


def test_a_match_in_shadow_mode_alone_is_no_match(tmp_path: Path) -> None:
    rules = "rules:\n  - {id: s, when: a == 1, send: [high], mode: shadow}\n  - {id: r, when: a == 2, send: [high]}\n"
    ruleset = load_rules(write(tmp_path, HEAD + rules))
    explanation = explain_event(ruleset, '{"a": 1}')
    assert ids(explanation) == ["s", "r"]


def test_an_event_that_is_rejected_has_nothing_to_explain(tmp_path: Path) -> None:
    ruleset = load_rules(write(tmp_path, HEAD + RULES), require=["detail"])
    for body in (b"not json", b"[1]", b"\xff", b"{}", b""):
        explanation = explain_event(ruleset, body)
        assert explanation.rejected is not None
        assert explanation.explained == ()


def test_an_id_and_a_type_are_shown_without_what_a_terminal_obeys(ruleset: Ruleset) -> None:
    explanation = explain_event(ruleset, '{"id": "\\u001b[2J", "detail-type": "\\ud800"}')
    assert explanation.event_id == "\\x1b[2J"
    assert explanation.event_type == "\\ud800"


def test_when_the_time_is_over_no_further_rule_is_looked_at_and_that_is_said(ruleset: Ruleset) -> None:
    body = json.dumps({"detail": {"nothing": 1}})
    whole = explain_event(ruleset, body, misses=100)
    cut = explain_event(ruleset, body, misses=100, seconds=0)
    assert whole.explained
    assert (whole.unexplained, cut.explained, cut.unexplained) == (0, (), len(whole.explained))


def test_of_thousands_of_elements_only_those_that_are_shown_are_interpreted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreted: list[object] = []
    plain = interpret.holds

    def counted(condition: Condition, scope: interpret.Scope) -> bool:
        interpreted.append(condition)
        return plain(condition, scope)

    monkeypatch.setattr(interpret, "holds", counted)
    text = HEAD + "rules: [{id: r, when: \"any(p, @.k == 1 and @.u == 'x')\", send: [high]}]\n"
    explanation = explain_event(load_rules(write(tmp_path, text)), json.dumps({"p": [{"k": 1}] * 5_000}))
    (explained,) = explanation.explained
    assert (explained.condition.held, explained.condition.asked) == (1, 2)
    assert len(explained.condition.parts) + explained.condition.more == 5_000
    assert len(interpreted) < 100
