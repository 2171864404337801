"""What is done with a letter, and why, in words that stand in the ledger and in the state of an execution."""

from __future__ import annotations

from tests.unit.serverless.acts import FakeAct
from tests.unit.serverless.test_recovering import letter

from turnout.recovery import read_letter
from turnout.recovery.deliver.api import Work
from turnout.serverless.choosing import Course, choose


def test_a_letter_that_is_delivered_where_it_is_owed_says_its_cause_and_no_more() -> None:
    choice = choose(Work.of(read_letter(letter(1))), [FakeAct(), FakeAct(aim="events")], None)
    assert (choice.course, choice.aims) == (Course.DELIVER, ("crm",))
    assert (choice.why, choice.detour) == ("transient (RATE_LIMIT_EXCEEDED)", "")


def test_a_letter_that_nothing_delivers_says_so_with_each_reason_once() -> None:
    work = Work.of(read_letter(letter(1)))
    assert choose(work, [], None).why == "nothing delivers it"
    choice = choose(work, [FakeAct(unfit="no rules"), FakeAct(unfit="no queue"), FakeAct(unfit="no rules")], None)
    assert (choice.course, choice.act, choice.why) == (Course.PARK, None, "no rules; no queue")
