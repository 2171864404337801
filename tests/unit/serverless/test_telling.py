"""What conversations are told, and that nothing waits for it or fails by it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.unit.genesys.setting import CONVERSATION, PARTICIPANT
from tests.unit.serverless.test_recovering import letter

from turnout.errors import GenesysUnavailable
from turnout.genesys.conversation import Conversation, Participant
from turnout.genesys.conversations import Correlation, Presence
from turnout.genesys.writeback import RetryStatus, StatusUpdate, WriteOutcome
from turnout.recovery import Letter, read_letter
from turnout.serverless.telling import Teller, event_of

LETTER = read_letter(letter(1))
AGENT, EXTERNAL = Participant("p-agent", "agent"), Participant("p-external", "External")
CROWD = Conversation(id=CONVERSATION, participants=(AGENT, EXTERNAL))


class Genesys:
    """In the place of Genesys: it finds nothing, and takes every status, unless it hangs or fails."""

    def __init__(self, *, hangs: bool = False, failure: GenesysUnavailable | None = None) -> None:
        self.hangs = hangs
        self.failure = failure
        self.asked = 0
        self.times: tuple[object, ...] = ()
        self.updates: list[StatusUpdate] = []

    async def correlate(self, conversation_id: str, *at: object) -> Correlation:
        self.asked += 1
        self.times = at
        if self.hangs:
            await asyncio.Event().wait()
        presence = Presence.ABSENT if self.failure is None else Presence.FAILED
        return Correlation(conversation_id=conversation_id, presence=presence, error=self.failure)

    async def write_status(self, update: StatusUpdate) -> WriteOutcome:
        self.updates.append(update)
        if self.hangs:
            await asyncio.Event().wait()
        if self.failure is not None:
            raise self.failure
        return WriteOutcome.WRITTEN


def correlate(genesys: Any, about: Letter = LETTER, seconds: float = 0.05) -> Correlation | None:
    return asyncio.run(Teller(genesys).correlate(about, seconds))


def tell(
    genesys: Any, about: Letter = LETTER, seconds: float = 0.05, found: Conversation | None = None
) -> WriteOutcome:
    return asyncio.run(Teller(genesys).tell(about, RetryStatus.RETRYING, 2, found, seconds))


def without_conversation() -> Letter:
    return msgspec.structs.replace(LETTER, conversation_id="")


def test_what_is_about_no_conversation_or_comes_too_late_is_not_asked_or_told() -> None:
    genesys = Genesys()
    for about, seconds in ((without_conversation(), 5.0), (LETTER, 0.0)):
        assert correlate(genesys, about, seconds) is None
        assert tell(genesys, about, seconds) is WriteOutcome.OFF
    assert (genesys.asked, genesys.updates) == (0, [])
    assert correlate(None) is None
    assert tell(None) is WriteOutcome.OFF


def test_an_event_without_a_time_that_can_be_true_is_as_old_as_its_message() -> None:
    genesys = Genesys()
    correlate(genesys, seconds=5.0)
    assert genesys.times == (LETTER.event_time, LETTER.sent)


def test_a_look_up_that_takes_too_long_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert correlate(Genesys(hangs=True)) is None
    (record,) = caplog.records
    assert record.message == "no time to look the conversation up"
    assert vars(record)["conversation_id"] == CONVERSATION


def test_why_a_look_up_failed_is_said_and_that_nothing_was_found_is_not(caplog: pytest.LogCaptureFixture) -> None:
    found = correlate(Genesys(), seconds=5.0)
    assert found is not None
    assert found.presence is Presence.ABSENT
    assert caplog.messages == []
    correlate(Genesys(failure=GenesysUnavailable("not now", code="HTTP 503")), seconds=5.0)
    assert caplog.messages == ["the conversation could not be looked up: HTTP 503: not now"]


@pytest.mark.parametrize(
    ("genesys", "why"),
    [
        (Genesys(hangs=True), "no time left"),
        (Genesys(failure=GenesysUnavailable("not now", code="HTTP 503")), "HTTP 503: not now"),
    ],
)
def test_a_status_that_could_not_be_written_is_said_and_fails_nothing(
    caplog: pytest.LogCaptureFixture, genesys: Genesys, why: str
) -> None:
    assert tell(genesys) is WriteOutcome.MISSING
    assert caplog.messages == [f"the status retrying was not written: {why}"]


def test_a_status_names_the_participant_of_the_event_else_the_customer_else_anybody() -> None:
    genesys = Genesys()
    nobody = msgspec.structs.replace(LETTER, body='{"detail": {"eventBody": {"participantId": ""}}}')
    other = Participant("p-other", "acd")
    for about, found in (
        (LETTER, CROWD),
        (nobody, CROWD),
        (nobody, Conversation(id=CONVERSATION, participants=(other, AGENT))),
        (nobody, Conversation(id=CONVERSATION)),
        (nobody, None),
    ):
        assert tell(genesys, about, 5.0, found) is WriteOutcome.WRITTEN
    assert [update.participant_id for update in genesys.updates] == [PARTICIPANT, "p-external", "p-other", "", ""]
    assert {update.attempt for update in genesys.updates} == {2}
    assert {update.conversation_id for update in genesys.updates} == {CONVERSATION}
    assert genesys.updates[0].event == event_of(LETTER)


@pytest.mark.parametrize("body", ["", "not json", "[1]", "7", "[" * 100_000, '{"a": "\ud800"}'])
def test_what_is_no_event_is_an_empty_one(body: str) -> None:
    assert event_of(msgspec.structs.replace(LETTER, body=body)) == {}


@pytest.mark.parametrize("body", ['{"detail": 7}', '{"detail": {"eventBody": []}}', "{}"])
def test_an_event_of_another_shape_names_nobody(body: str) -> None:
    genesys = Genesys()
    assert tell(genesys, msgspec.structs.replace(LETTER, body=body), 5.0) is WriteOutcome.WRITTEN
    assert genesys.updates[0].participant_id == ""
