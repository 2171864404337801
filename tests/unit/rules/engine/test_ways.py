"""A ruleset says the same of an event whichever way it goes, and has an answer to everything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.rules.language import write

from turnout import Match, Ruleset, load_rules
from turnout.failures import Reason

RULES = """
targets: {a: {queue: a}, b: {queue: b}, c: {queue: c}, rest: {queue: rest}}
unmatched: rest
rules:
  - {id: voice, when: detail.media == 'VOICE', send: [a], group: detail.conversationId, attributes: {who: '@queue'}}
  - {id: long, pattern: {detail: {duration: [{numeric: [">", 100]}], media: [VOICE, CHAT]}}, send: [b, a]}
  - {id: quiet, when: exists(detail.media), send: [c], mode: shadow}
  - {id: vip, when: "'vip' in detail.tags", send: [c], stop: true}
  - {id: agent, pattern: {detail: {items: {kind: [agent], id: [1]}}}, send: [b]}
  - {id: deep, when: $..needle == 'x', send: [c]}
  - {id: notes, when: "contains(detail.notes, 'abc')", send: [c], deduplicate: id}
"""

DETAIL: dict[str, object] = {
    "media": "VOICE",
    "duration": 150,
    "conversationId": "c1",
    "tags": ["vip"],
    "items": {"kind": "agent", "id": 1},
}
EVENT: dict[str, object] = {"id": "e1", "detail-type": "T", "time": "2025-12-12T15:15:07Z", "detail": DETAIL}
CHANGES: tuple[dict[str, object], ...] = ({}, {"id": 5}, {"detail": {"media": ["CHAT"]}}, {"detail": {"media": {}}})
DETAILS: tuple[object, ...] = ([], [DETAIL], None, "text", 5, {})

LARGE = "y" * (1 << 20)

BODIES = (
    *(json.dumps({**EVENT, **changed}) for changed in CHANGES),
    *(json.dumps({**EVENT, "detail": detail}) for detail in DETAILS),
    '{"detail":{"items":[{"kind":"agent","id":2},{"kind":"x","id":1}]}}',
    '{"detail":{"items":[{"kind":"agent","id":1}],"tags":"vip"}}',
    '{"detail":{"media":"CHAT","media":"VOICE"},"x":1,"x":2}',
    '{"detail":{"media":"CHAT"},"detail":{"duration":150}}',
    '{"detail":[],"detail":{"media":"VOICE"}}',
    '{"detail":{"duration":1e999,"media":"VOICE"},"odd":-1e999}',
    '{"detail":{"duration":' + "9" * 5_000 + ',"media":"VOICE"}}',
    '{"odd":' + "9" * 5_000 + ',"detail":{"media":"VOICE"}}',
    '{"odd":"\\ud800","detail":{"media":"VOICE"}}',
    '{"detail":{"media":"\\udc00"},"id":"\\ud800"}',
    '{"odd":' + "[" * 400 + "]" * 400 + ',"detail":{"media":"VOICE"}}',
    '{"detail":{"a":{"b":[[{"needle":"x"}]]}}}',
    '{"detail":{"notes":"' + LARGE + 'abc"}}',
    '{"odd":"' + LARGE + '","detail":{"media":"VOICE"}}',
    '{"odd":[' + "1," * 300_000 + '1],"detail":{"media":"VOICE"}}',
    '{"id":"","detail-type":null,"time":"soon","detail":{"media":"\u00e9\U0001f600"}}',
    "{}",
)

REFUSED = (
    ("", Reason.INVALID_JSON),
    ("{", Reason.INVALID_JSON),
    ('{"detail":{"media":"VOICE"}} x', Reason.INVALID_JSON),
    ('{"odd":NaN,"detail":{"media":"VOICE"}}', Reason.INVALID_JSON),
    ('{"odd":"\x00","detail":{"media":"VOICE"}}', Reason.INVALID_JSON),
    ('\ufeff{"detail":{"media":"VOICE"}}', Reason.INVALID_JSON),
    (b'{"odd":"\xff","detail":{"media":"VOICE"}}', Reason.INVALID_JSON),
    (b'{"\xc0\x80":1,"detail":{"media":"VOICE"}}', Reason.INVALID_JSON),
    ('["detail"]', Reason.NOT_AN_OBJECT),
    ("5", Reason.NOT_AN_OBJECT),
    ('{"odd":' + "[" * 100_000 + "]" * 100_000 + ',"detail":{"media":"VOICE"}}', Reason.TOO_DEEP),
    ('{"odd":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}", Reason.TOO_DEEP),
)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    return load_rules(write(tmp_path_factory.mktemp("rules"), RULES))


def told(match: Match) -> object:
    sends = [match.send(target) for target in ("a", "b", "c", "rest", "unknown")]
    about = (match.event_id, match.event_type, match.event_time_ns, match.conversation_id)
    return match.rules, match.targets, match.shadow, match.rejected, about, sends


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body[:60])
def test_both_ways_tell_the_same(rules: Ruleset, body: str) -> None:
    metadata = {"queue": "orders"}
    match = rules.match(body, metadata)
    assert match.rejected is None
    assert told(match) == told(rules._match_slowly(body, metadata))
    if "\\ud" not in body:
        assert told(rules.match(body.encode(), metadata)) == told(match)


@pytest.mark.parametrize(("body", "reason"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_no_event_is_rejected_wherever_the_fault_is(rules: Ruleset, body: str | bytes, reason: Reason) -> None:
    match = rules.match(body)
    assert match.rejected is not None
    assert match.rejected.reason is reason
    assert told(match) == told(rules._match_slowly(body, None))
    assert (match.rules, match.targets, match.shadow) == ((), (), ())


def test_text_that_has_no_utf8_form_is_matched_all_the_same(rules: Ruleset) -> None:
    assert rules.match('{"odd":"\ud800","detail":{"media":"VOICE"}}').rules == ("voice",)


def test_a_match_does_not_show_the_event(rules: Ruleset) -> None:
    assert "VOICE" not in repr(rules.match(json.dumps(EVENT)))


def test_the_event_is_decoded_in_full_only_when_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "targets: {a: {queue: a}}\nunmatched: drop\nrules: [{id: r, when: x == 1, send: [a]}]\n")
    match = load_rules(path).match('{"id":"e1","x":1,"detail":{"conversationId":"c1"}}')
    assert (match.event_id, match._event) == ("e1", None)
    assert match.send("a").group is None
    assert match._event is None
    assert match.conversation_id == "c1"
    assert match._event is not None
