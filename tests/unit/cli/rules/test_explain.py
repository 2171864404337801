"""`turnout rules explain`, as an operator sees it."""

from __future__ import annotations

import json
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from tests.unit.rules.language import HEAD, write

from turnout import load_rules
from turnout.cli.rules import rules
from turnout.cli.rules.tree import print_explanation
from turnout.rules.explain.event import explain_event

RULES = """rules:
  - id: long-call
    when: detail.channel == 'voice' and detail.ms > 5000
    send: [high]
  - {id: tenant, when: "@attributes.tenant == 'acme'", send: [standard]}
"""


def run(tmp_path: Path, event: bytes, *arguments: str) -> Result:
    path = write(tmp_path, HEAD + RULES)
    return CliRunner().invoke(rules, ["explain", "--rules", str(path), "--event", "-", *arguments], input=event)


def test_a_miss_shows_the_tree_the_values_and_what_fails_first(tmp_path: Path) -> None:
    result = run(tmp_path, b'{"detail": {"channel": "voice", "ms": 4000}}')
    assert result.exit_code == 0, result.output
    assert "rules: none matches" in result.stdout
    assert "goes to: drop (unmatched)" in result.stdout
    assert "long-call: does not match, 1 of 2 terms hold -> high" in result.stdout
    assert "✓ detail.channel == 'voice'   found \"voice\"" in result.stdout
    assert "✗ detail.ms > 5000   found 4000   <-- fails first" in result.stdout
    assert "\x1b" not in result.stdout


def test_an_event_over_several_lines_is_one_event(tmp_path: Path) -> None:
    result = run(tmp_path, b'{\n  "detail": {"channel": "voice",\n "ms": 6000}\n}\n')
    assert "long-call: matches -> high" in result.stdout


def test_json_holds_the_whole_explanation(tmp_path: Path) -> None:
    result = run(tmp_path, b'{"detail": {"channel": "voice", "ms": "x"}}', "--json", "--rule", "long-call")
    explanation = json.loads(result.stdout)
    assert explanation["rules"] == []
    (rule,) = explanation["explained"]
    assert rule["matched"] is False
    assert rule["condition"]["parts"][1] == {
        "kind": "term",
        "text": "detail.ms > 5000",
        "verdict": False,
        "held": 0,
        "asked": 1,
        "found": [{"at": "detail.ms", "kind": "text", "shown": '"x"'}],
        "note": "text, not a number",
        "slip": True,
        "first_failure": True,
    }


def test_metadata_can_be_given(tmp_path: Path) -> None:
    metadata = tmp_path / "metadata.json"
    metadata.write_text('{"attributes": {"tenant": "acme"}}')
    result = run(tmp_path, b"{}", "--metadata", str(metadata))
    assert "tenant: matches -> standard" in result.stdout
    metadata.write_text("[1]")
    assert run(tmp_path, b"{}", "--metadata", str(metadata)).exit_code == 2


def test_a_rule_that_does_not_exist_is_pointed_out(tmp_path: Path) -> None:
    result = run(tmp_path, b"{}", "--rule", "long-cal")
    assert result.exit_code == 2
    assert "there is no rule 'long-cal'; did you mean 'long-call'?" in result.stderr


def test_an_event_that_is_not_json_is_rejected_with_the_reason(tmp_path: Path) -> None:
    result = run(tmp_path, b"{", "--require", "detail")
    assert result.exit_code == 2
    assert "rejected: INVALID_JSON" in result.stdout
    assert "rejected: MISSING_FIELD, the event has no 'detail'" in run(tmp_path, b"{}", "--require", "detail").stdout


@pytest.mark.parametrize("body", [b"", b"nope", b"[1]", b"5", b'{"a": 1}\n{"a": 2}\n', b'{"a":' * 20_000])
@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_what_is_no_event_is_wrong_usage(tmp_path: Path, body: bytes, arguments: list[str]) -> None:
    result = run(tmp_path, body, *arguments)
    assert result.exit_code == 2
    assert "rejected" in result.stdout


def test_an_event_without_a_required_field_is_explained_and_no_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path, b"{}", "--require", "detail").exit_code == 0


def test_markup_in_an_event_is_text(tmp_path: Path) -> None:
    result = run(tmp_path, b'{"detail": {"channel": "[red]x[/red]", "ms": 1}}')
    assert '"[red]x[/red]"' in result.stdout


def test_a_terminal_gets_colours(tmp_path: Path) -> None:
    ruleset = load_rules(write(tmp_path, HEAD + RULES))
    text = StringIO()
    console = Console(file=text, force_terminal=True, color_system="standard", width=200)
    print_explanation(console, explain_event(ruleset, '{"detail": {"channel": "voice", "ms": 4000}}'))
    assert "\x1b[32m" in text.getvalue()  # green: holds
    assert "\x1b[31m" in text.getvalue()  # red: does not


def test_an_encoding_without_ticks_gets_plain_signs(tmp_path: Path) -> None:
    ruleset = load_rules(write(tmp_path, HEAD + RULES))
    written = BytesIO()
    console = Console(file=TextIOWrapper(written, encoding="ascii", write_through=True), width=200)
    print_explanation(console, explain_event(ruleset, '{"detail": {"channel": "voice", "ms": 4000}}'))
    assert b"    + detail.channel == 'voice'" in written.getvalue()
    assert b"    - detail.ms > 5000" in written.getvalue()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"detail": {"ms": 1}}\n{"detail": {"ms": 2}}\n', "these are several events, one in each line"),
        ('{"Messages": [{"Body": "{}", "ReceiptHandle": "h"}]}', "which jq -r '.Messages[0].Body' writes"),
        ('{"Records": [{"body": "{}", "eventSource": "aws:sqs"}]}', "which jq -r '.Records[0].body' writes"),
        ('{"Type": "Notification", "TopicArn": "arn", "Message": "{}"}', "with raw message delivery sends it"),
    ],
)
def test_what_was_given_in_place_of_an_event_is_told(tmp_path: Path, given: str, told: str) -> None:
    result = run(tmp_path, given.encode())
    assert result.stderr.startswith("note: th")
    assert told in result.stderr


@pytest.mark.parametrize("given", ['{"detail": {"ms": 1}}', '{\n"detail": {}\n}', '{"Records": []}', "nonsense\n1", ""])
def test_an_event_or_what_nobody_knows_is_left_alone(tmp_path: Path, given: str) -> None:
    assert "note:" not in run(tmp_path, given.encode()).stderr
