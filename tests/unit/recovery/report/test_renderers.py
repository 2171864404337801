from __future__ import annotations

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.unit.recovery import letters
from tests.unit.recovery.report.stories import QUEUE, event, found, report

from turnout.errors import GenesysUnavailable
from turnout.recovery import Letter, read_letter
from turnout.recovery.report.correlation import correlated
from turnout.recovery.report.document import render_json
from turnout.recovery.report.markdown import render_markdown
from turnout.recovery.report.model import Interaction, Report
from turnout.recovery.report.page import render_html
from turnout.recovery.report.table import print_report

HOSTILE = "<script>alert(1)</script> | `x` **b** [l](http://evil)"
SAMPLES = Path(__file__).parents[5] / "shared" / "samples" / "dlq"


def printed(made: Report, width: int = 120) -> str:
    out = io.StringIO()
    print_report(made, Console(file=out, width=width, color_system=None))
    return out.getvalue()


def records(*some: Letter, show_pii: bool = False) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(render_json(report(some, show_pii=show_pii)))["records"]
    return listed


def test_the_json_has_the_tutorials_fields_exactly_and_more() -> None:
    document = json.loads(render_json(report()))
    assert document["generatedAt"] == "2026-11-28T09:15:02.000Z"
    assert document["totalFailures"] == 412 == len(document["records"])
    for record in document["records"]:
        assert list(record)[:7] == [
            "timestamp",
            "interactionId",
            "eventType",
            "failureCategory",
            "replayPayload",
            "interactionInfo",
            "replayEndpoint",
        ]
        assert record["failureCategory"] in {
            "RATE_LIMIT_EXCEEDED",
            "AUTHENTICATION_REJECTED",
            "ENDPOINT_UNREACHABLE",
            "PAYLOAD_MALFORMED",
            "UNKNOWN",
        }


def test_the_replay_payload_is_the_original_event_to_the_last_digit() -> None:
    body = letters.BODY
    (shown,) = json.loads(render_json(report([read_letter(letters.rule("TIMEOUT", body=body))], show_pii=True)))[
        "records"
    ]
    assert shown["replayPayload"] == json.loads(body)
    assert shown["replayPayloadRedacted"] is False
    assert shown["replayEndpoint"] == letters.TARGET
    (hidden,) = records(read_letter(letters.rule("TIMEOUT", body=body)))
    assert hidden["replayPayloadRedacted"] is True
    assert hidden["replayPayload"]["detail"]["eventBody"]["ani"] == "***"


def test_json_within_a_string_of_the_payload_stays_as_it_was() -> None:
    body = json.dumps({"id": "1", "detail-type": "t", "source": "s", "detail": {"inner": '{"a":1,  "b":2}'}})
    (record,) = json.loads(render_json(report([read_letter(letters.rule("TIMEOUT", body=body))], show_pii=True)))[
        "records"
    ]
    assert record["replayPayload"]["detail"]["inner"] == '{"a":1,  "b":2}'
    assert record["replayPayloadRedacted"] is False


def test_a_body_that_is_no_event_is_text_and_one_that_is_absent_is_null() -> None:
    broken = read_letter(letters.own("not JSON", reason="INVALID_JSON", fault="data"))
    gone = read_letter(letters.bus_v2("THROTTLING", ["e-1"]))
    first, second = records(broken, gone, show_pii=True)
    assert first["replayPayload"] == "not JSON"
    assert second["replayPayload"] is None


def test_no_document_paints_the_terminal_it_is_printed_on() -> None:
    body = '{"id": "1", "detail-type": "t", "source": "s", "detail": {"x": "\x9b2J\u202e\\u001b[2J"}}'
    made = report([read_letter(letters.rule("TIMEOUT", body=body))])
    document = render_json(made)
    (record,) = json.loads(document)["records"]
    assert record["replayPayload"]["detail"]["x"] == "\x9b2J\u202e\x1b[2J"
    assert all(line.isprintable() for text in (document, render_markdown(made)) for line in text.split("\n"))


@pytest.mark.parametrize("odd", ["NaN", "1e999", '"\\ud800"', "[" * 300 + "]" * 300])
def test_whatever_stands_in_an_event_the_document_is_json(odd: str) -> None:
    body = '{"id": "1", "detail-type": "t", "source": "s", "detail": {"x": %s}}' % odd  # noqa: UP031
    for show_pii in (True, False):
        made = report([read_letter(letters.rule("TIMEOUT", body=body))], show_pii=show_pii)
        assert json.loads(render_json(made))["totalFailures"] == 1
        assert render_html(made)
        assert render_markdown(made)
        assert printed(made)


def test_what_stands_in_letters_cannot_become_markup() -> None:
    body = json.dumps(event(1) | {"detail-type": HOSTILE, "id": HOSTILE})
    made = report(
        [read_letter(letters.rule("TIMEOUT", HOSTILE, body, TARGET_ARN=HOSTILE), queue=QUEUE)], source=HOSTILE
    )
    page = render_html(made)
    assert "<script" not in page
    assert 'href="http' not in page
    text = render_markdown(made)
    outside = "\n".join(part for n, part in enumerate(text.split("```")) if n % 2 == 0)
    assert not re.search(r"(?<!\\)[<\[`*|]script|(?<!\\)<script|(?<!\\)\[l", outside)
    assert "[red]" not in printed(made)


def test_markup_of_the_terminal_in_a_letter_is_text() -> None:
    made = report([read_letter(letters.rule("TIMEOUT", "[red]boo[/red]", TARGET_ARN="[bold]x[/bold]"))])
    assert "[red]boo" in printed(made, 200)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    page = render_html(report())
    assert "<link" not in page
    assert "src=" not in page
    assert "url(" not in page
    assert "@import" not in page


def test_commands_on_a_terminal_are_whole_lines_that_can_be_copied() -> None:
    lines = printed(report(), 60).splitlines()
    commands = [line for line in lines if line.lstrip().startswith("$ ")]
    assert len(commands) >= 10
    assert all(line.rstrip() == line for line in commands)
    assert any(line.endswith("--target arn:aws:sqs:eu-west-1:111122223333:crm --dry-run") for line in commands)


def test_every_form_says_at_a_glance_how_many_letters_each_step_can_help() -> None:
    throttled = {"error": "ThrottlingException: Rate exceeded"}
    nowhere = json.dumps({"original_message": letters.BODY, **throttled})
    some = [
        *(letters.own(message=throttled["error"]) for _ in range(4)),
        *(letters.message(nowhere) for _ in range(3)),
        *(letters.bus_v2("THROTTLING", ["e-1"]) for _ in range(2)),
        letters.message(nowhere, None, DeadLetterQueueSourceArn="arn:aws:sqs:eu-west-1:111122223333:orders"),
    ]
    made = report([read_letter(one, queue=QUEUE) for one in some])
    assert {each.name: each.count for each in made.outlook} == {
        "retry": 4,
        "replay": 1,
        "target": 3,
        "without-event": 2,
    }
    said = "4 can be retried, 1 can be replayed to where it came from, 3 need a target, 2 without the event"
    assert said in printed(made)
    assert said in render_markdown(made).replace("**", "")
    assert f'aria-label="{said}"' in render_html(made)
    assert json.loads(render_json(made))["outlook"] == {"retry": 4, "replay": 1, "target": 3, "without-event": 2}
    assert sorted(step.count for step in made.steps) == [1, 2, 3, 4]


def test_an_empty_queue_is_told_in_every_format() -> None:
    made = report([], known=None)
    assert json.loads(render_json(made))["totalFailures"] == 0
    assert "Nothing lies here" in render_html(made)
    assert render_markdown(made).startswith("# 0 letters in events-dlq")
    assert printed(made).startswith("0 letters in events-dlq")


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not beside this repository")
def test_letters_of_every_origin_are_reported() -> None:
    messages = [json.loads(path.read_text()).get("message") for path in sorted(SAMPLES.glob("*.json"))]
    some = [read_letter(message) for message in messages if message]
    made = report(some)
    assert json.loads(render_json(made))["totalFailures"] == len(some) >= 16
    assert "+1555" not in render_html(made)
    assert "+1555" not in render_json(made)


def test_one_conversation_that_cannot_be_asked_for_does_not_stop_the_others() -> None:
    some = found(30)

    async def correlate(conversations: Mapping[str, Sequence[datetime | None]]) -> AsyncIterator[Interaction]:
        for number, id_ in enumerate(conversations):
            if number == 3:
                raise GenesysUnavailable("no answer", code="HTTP 503")
            yield Interaction(id=id_, presence="failed" if number == 1 else "found", error="HTTP 500" * (number == 1))

    known = asyncio.run(correlated(some, correlate))
    presences = [one.presence for one in known.values()]
    assert presences[:3] == ["found", "failed", "found"]
    assert set(presences[3:]) == {"failed"}
    assert len(known) == len({letter.conversation_id for letter in some} - {""})


def test_a_table_shows_the_name_of_a_target_as_it_is() -> None:
    hostile = {"Turnout.Letter": '{"version": 1, "reason": "QUEUE_MISSING", "owed": ["[/red]"]}'}
    message = letters.message('{"detail": {}}', letters.strings(**hostile))
    assert "[/red]" in printed(report([read_letter(message)]))


def test_a_table_counts_what_it_has_no_rows_for() -> None:
    kinds = [
        read_letter(letters.message(json.dumps(event(number) | {"detail-type": f"kind {number}"})))
        for number in range(11)
    ]
    assert "3 more " in printed(report(kinds))
    assert " more " not in printed(report(kinds[:8]))


def test_each_part_of_the_bar_has_a_colour_of_its_own() -> None:
    some = found()
    page = render_html(report(some, settled=frozenset(letter.id for letter in some[::9])))
    shown = re.findall(r'<span class="d-(\S+)" style="flex-grow', page)
    assert len(shown) == len(set(shown)) == 6
    assert all(f"\n.d-{name} {{ --hue: " in page for name in shown)


def test_what_was_said_gets_the_room_that_short_names_of_places_leave() -> None:
    nowhere = {"Turnout.Letter": '{"version": 1, "reason": "MISSING_FIELD", "message": "the event has no \'detail\'"}'}
    shown = printed(report([read_letter(letters.message('{"x": 1}', letters.strings(**nowhere)))]), width=80)
    assert "the event has no 'detail'" in shown
    assert max(map(len, shown.splitlines()[:6])) <= 80


@pytest.mark.parametrize("width", [40, 60, 76, 79, 80, 120])
def test_a_table_has_all_that_is_known_of_a_cause_on_a_terminal_of_any_width(width: int) -> None:
    own = letters.own(reason="ACCESS_DENIED", owed=("crm",), message="may not send")
    shown = printed(report([read_letter(own)]), width=width)
    causes = "\n".join(shown.splitlines()[: shown.splitlines().index("When they failed")])
    for word in ("AUTHENTICATION_REJECTED", "needs-fix", "1", "crm", "may"):
        assert word in causes
