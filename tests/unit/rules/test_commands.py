"""`turnout check` and `turnout rules match`, as an operator sees them."""

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len
from rich.console import Console
from tests.unit.rules.language import HEAD, write

from turnout.cli.check import check
from turnout.cli.rules import rules
from turnout.cli.rules.match import _table, match

GOOD = HEAD.replace("{queue: high}", '{queue: "${HIGH_QUEUE_URL}"}') + (
    "rules:\n  - id: r\n    when: detail.x == 1\n    send: [high]\n"
    "    examples: [{event: {detail: {x: 1}}, match: true}]\n"
)
SETTINGS = {
    "TURNOUT_SOURCE_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
    "TURNOUT_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/dead",
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SETTINGS, "GENESYS_SOURCE_QUEUE_URL", "GENESYS_DLQ_URL", "HIGH_QUEUE_URL", "TURNOUT_RULES"):
        monkeypatch.delenv(name, raising=False)


def run_check(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(check, arguments, env=environ)


def test_check_of_given_rules_only_notes_what_is_not_set(tmp_path: Path) -> None:
    result = run_check("--rules", str(write(tmp_path, GOOD)))
    assert result.exit_code == 0, result.output
    assert "ok, 1 rule, 2 targets, 1 example, fingerprint " in result.stdout
    assert "note: " in result.stderr
    assert "HIGH_QUEUE_URL is not set" in result.stderr
    assert "TURNOUT_SOURCE_QUEUE_URL" in result.stderr


def test_check_of_a_deployment_wants_everything_set(tmp_path: Path) -> None:
    path = str(write(tmp_path, GOOD))
    result = run_check(TURNOUT_RULES=path)
    assert result.exit_code == 1
    assert "HIGH_QUEUE_URL is not set" in result.stdout
    assert "TURNOUT_SOURCE_QUEUE_URL" in result.stdout
    assert "3 problems" in result.stdout
    assert run_check(TURNOUT_RULES=path, HIGH_QUEUE_URL="high", **SETTINGS).exit_code == 0


def test_check_shows_wrong_settings_and_wrong_rules_together(tmp_path: Path) -> None:
    path = str(write(tmp_path, GOOD.replace("detail.x == 1", "lenght(detail.x) == 1")))
    result = run_check("--rules", path, TURNOUT_POLLERS="many")
    assert result.exit_code == 1
    assert "TURNOUT_POLLERS" in result.stdout
    assert f"{path}:5:11: r: TR202" in result.stdout
    assert "^^^^^^" in result.stdout


def test_check_runs_the_examples_of_sound_rules_even_when_others_are_not(tmp_path: Path) -> None:
    text = GOOD.replace("match: true", "match: false") + "  - {id: s, when: detail.x =, send: [high]}\n"
    result = run_check("--rules", str(write(tmp_path, text)))
    assert result.exit_code == 1
    assert "TR401" in result.stdout
    assert "TR201" in result.stdout
    assert "2 problems" in result.stdout


def test_check_of_rules_that_do_not_exist_says_so(tmp_path: Path) -> None:
    result = run_check("--rules", str(tmp_path / "none"))
    assert result.exit_code == 1
    assert "cannot be read" in result.stdout


def run_match(tmp_path: Path, events: bytes, *arguments: str) -> Result:
    path = write(tmp_path, GOOD)
    return CliRunner().invoke(rules, ["match", "--rules", str(path), "--events", "-", *arguments], input=events)


EVENTS = b'{"detail": {"x": 1}}\n\n  \n{"detail": {"x": 2}}\r\nnot json\n[1]\n\xff\n{"detail": {"x": 1.0}}'


def test_match_prints_one_line_per_event(tmp_path: Path) -> None:
    result = run_match(tmp_path, EVENTS, "--json")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert lines[0] == {"rules": ["r"], "targets": ["high"]}
    assert lines[1] == {"rules": [], "targets": []}
    assert [line["rejected"]["reason"] for line in lines[2:5]] == ["INVALID_JSON", "NOT_AN_OBJECT", "INVALID_JSON"]
    assert all(line["rules"] == line["targets"] == [] for line in lines[2:5])
    assert lines[5] == {"rules": ["r"], "targets": ["high"]}
    assert len(lines) == 6


def test_match_names_rules_in_shadow_mode_where_there_are_any(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("send: [high]", "send: [high], mode: shadow".replace(", ", "\n    ")))
    result = CliRunner().invoke(
        rules,
        ["match", "--rules", str(path), "--events", "-", "--json"],
        input='{"detail": {"x": 1}}\n{"detail": {}}\n',
    )
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"rules": [], "targets": [], "shadow": ["r"]},
        {"rules": [], "targets": []},
    ]


def test_match_prints_a_table_for_people(tmp_path: Path) -> None:
    result = run_match(tmp_path, EVENTS)
    assert result.exit_code == 0, result.output
    assert "high" in result.stdout
    assert "INVALID_JSON" in result.stdout


@pytest.mark.parametrize("width", [40, 98, 99, 100, 120])
def test_a_table_of_events_keeps_what_belongs_together_in_one_row_wherever_it_is_folded(width: int) -> None:
    rows = [("1", "", "-", "-"), ("2", "", "rejected: INVALID_JSON", "x" * 58), ("3", "日本", "-", "[b]-[/b]")]
    out = io.StringIO()
    Console(width=width, file=out).print(_table(rows, width))
    lines = out.getvalue().splitlines()
    assert all(cell_len(line) == cell_len(lines[0]) <= width for line in lines)
    third = [line for line in lines if "日本" in line]
    assert len(third) == 1
    assert third[0].split() == ["│", "3", "│", "日本", "│", "-", "│", "[b]-[/b]", "│"]


def test_match_prints_what_it_knows_before_it_has_read_thousands_of_events(tmp_path: Path) -> None:
    printed: list[int] = []

    class Events(io.RawIOBase):
        """Five thousand events; notes how much was printed when the next one is asked for."""

        def __iter__(self) -> Iterator[bytes]:
            for _ in range(5_000):
                printed.append(len(out.getvalue()))
                yield b'{"detail": {"x": 1}}'

    path = write(tmp_path, GOOD)
    out = io.StringIO()
    with redirect_stdout(out), Events() as events:
        assert match.callback is not None
        match.callback(path, events, False, ())
    assert printed[999] == 0 < printed[1_001] < printed[-1]
    assert "5000" in out.getvalue()


def test_match_reads_a_file(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_bytes(EVENTS)
    path = str(write(tmp_path, GOOD))
    result = CliRunner().invoke(rules, ["match", "--rules", path, "--events", str(events), "--json"])
    assert len(result.stdout.splitlines()) == 6


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"Messages": [{"MessageId": "m", "Body": "{}"}]}, "an answer of SQS; the event is the text in it, which jq"),
        ({"Messages": [{"MessageId": "m", "Body": "{}"}]}, "'.Messages[].Body' writes"),
        ({"Records": [{"messageId": "m", "body": "{}"}]}, "jq -r '.Records[].body' writes"),
        ({"Type": "Notification", "TopicArn": "t", "Message": "{}"}, "this is SNS's envelope"),
    ],
)
def test_match_and_diff_say_when_they_are_given_envelopes_in_place_of_events(
    tmp_path: Path, given: object, said: str
) -> None:
    path, events = str(write(tmp_path, GOOD)), json.dumps(given) + "\n"
    for arguments in (["match", "--rules", path], ["diff", path, path]):
        result = CliRunner().invoke(rules, [*arguments, "--events", "-"], input="\n" + events * 2)
        assert result.stderr.startswith("note: line 2: ")
        assert said in result.stderr
        assert result.stderr.count("note:") == 1


def test_match_can_require_paths(tmp_path: Path) -> None:
    result = run_match(tmp_path, b'{"x": 1}\n', "--json", "--require", "detail")
    assert json.loads(result.stdout)["rejected"]["reason"] == "MISSING_FIELD"


def test_match_can_require_a_path_with_a_comma_in_it(tmp_path: Path) -> None:
    events = b'{"x": [1]}\n{"x": {"a,b": 1}}\n{"y": 1}\n'
    result = run_match(tmp_path, events, "--json", "--require", "x[0,2], $")
    assert ["rejected" in json.loads(line) for line in result.stdout.splitlines()] == [False, True, True]
    result = run_match(tmp_path, events, "--json", "--require", "x['a,b']")
    assert ["rejected" in json.loads(line) for line in result.stdout.splitlines()] == [True, False, True]


@pytest.mark.parametrize("arguments", [[], ["--json"]])
@pytest.mark.parametrize("events", [b"", b"\n  \n"])
def test_match_of_no_event_says_so(tmp_path: Path, events: bytes, arguments: list[str]) -> None:
    result = run_match(tmp_path, events, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == "there is no event here; give one event per line, as JSON\n"


def test_match_of_an_event_over_several_lines_says_that_an_event_is_one_line(tmp_path: Path) -> None:
    result = run_match(tmp_path, b'{\n  "detail": {\n    "x": 1\n  }\n}\n{\n}\n', "--json")
    assert result.exit_code == 2
    assert result.stderr == (
        "line 1 is only the beginning of an event: each stands in one line, as 'jq -c .' writes it\n"
        "nothing here is an event; give one event per line, as JSON\n"
    )
    assert run_match(tmp_path, b'{"detail": {"x": 1}}\n').stderr == ""


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_match_of_what_is_no_event_shows_why_and_exits_as_without_any(tmp_path: Path, arguments: list[str]) -> None:
    result = run_match(tmp_path, b"not json\n[1]\n", *arguments)
    assert result.exit_code == 2
    assert "NOT_AN_OBJECT" in result.stdout
    assert result.stderr == "nothing here is an event; give one event per line, as JSON\n"


def test_match_of_an_event_that_lacks_a_required_field_is_an_answer(tmp_path: Path) -> None:
    assert run_match(tmp_path, b'{"x": 1}\n', "--require", "detail").exit_code == 0


def test_match_shows_what_an_event_says_as_it_is_and_without_effect_on_a_terminal(tmp_path: Path) -> None:
    result = run_match(tmp_path, b'{"detail-type": "[/red] \\u001b[31m", "detail": {}}\n')
    assert result.exit_code == 0, result.output
    assert "[/red] \\x1b[31m" in result.stdout


def test_match_and_list_show_long_names_whole_where_no_terminal_is(tmp_path: Path) -> None:
    name = "a-rule-with-a-name-" + "that-goes-on-" * 4 + "to-the-end"
    path = str(write(tmp_path, GOOD.replace("id: r", f"id: {name}")))
    for arguments in (["match", "--rules", path, "--events", "-"], ["list", "--rules", path]):
        result = CliRunner().invoke(rules, arguments, input=b'{"detail": {"x": 1}}\n')
        assert name in result.stdout, arguments
