"""`turnout dlq list`: what is shown of letters, on terminals of any width."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from tests.unit.recovery import letters

from turnout.cli.dlq.list import print_letters
from turnout.recovery import Letter, read_letter
from turnout.recovery.redaction import Redaction

ID = "2a509c08-4a44-4275-8a3c-1a33727a2d58"


def throttled() -> Letter:
    message = letters.rule("THROTTLING", "Rate exceeded", '{"detail-type": "Interaction Completed", "detail": {}}')
    return read_letter({**message, "MessageId": ID}, queue="https://sqs/1/dead")


@pytest.mark.parametrize("width", [40, 80, 100, 141, 142, 160])
def test_a_letter_has_all_that_is_known_of_it_on_a_terminal_of_any_width(width: int) -> None:
    written = StringIO()
    print_letters((throttled(),), Redaction({}), Console(file=written, width=width, highlight=False))
    said = written.getvalue()
    assert ID in said
    for word in ("RATE_LIMIT_EXCEEDED", "transient", "THROTTLING", "Interaction", "Completed", "crm"):
        assert word in said


@pytest.mark.parametrize(("times", "said"), [("1", "seen 1 time\n"), ("2", "seen 2 times\n")])
def test_how_often_a_letter_was_seen_is_said_in_words_where_there_is_no_table(times: str, said: str) -> None:
    message = letters.rule("THROTTLING", "Rate exceeded", "{}")
    attributes = {"ApproximateReceiveCount": times}
    letter = read_letter({**message, "MessageId": ID, "Attributes": attributes}, queue="https://sqs/1/dead")
    written = StringIO()
    print_letters((letter,), Redaction({}), Console(file=written, width=80, highlight=False))
    assert written.getvalue().endswith(said)
