from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from tests.servers.genesys import Stub, answering, serving
from tests.unit.genesys.setting import CONVERSATION, PARTICIPANT, config
from tests.unit.recovery import letters

from turnout.dlq.conversations import GenesysConversations
from turnout.dlq.correlation import GenesysCorrelate
from turnout.genesys.session import open_genesys
from turnout.recovery import Letter, read_letter
from turnout.recovery.processor.effects import Told
from turnout.recovery.report.correlation import correlated


def letter(**body: object) -> Letter:
    event = letters.EVENT | {"detail": {"eventBody": {"conversationId": CONVERSATION, "participantId": PARTICIPANT}}}
    return read_letter(letters.rule("THROTTLING", body=json.dumps(event | body)))


def tell(stub: Stub, told: Told, about: Letter) -> None:
    async def main() -> None:
        async with serving(stub), open_genesys(config(stub.url, write_back="participant-attributes")) as genesys:
            await GenesysConversations(genesys, correlates=False).tell(about, told, 2)

    asyncio.run(main())


def correlate(stub: Stub, about: Sequence[Letter]) -> list[str]:
    """What is known of the conversations of letters that begin together."""

    async def main() -> list[str]:
        async with serving(stub), open_genesys(config(stub.url)) as genesys:
            conversations = GenesysConversations(genesys, correlates=True)
            await conversations.look_ahead(about)
            return [(await conversations.correlate(one)).presence for one in about]

    return asyncio.run(main())


def of(number: int, time: str = "2020-01-01T00:00:00Z") -> Letter:
    detail = {"eventBody": {"conversationId": f"00000000-0000-4000-8000-{number:012}"}}
    return letter(detail=detail, time=time)


def test_letters_that_begin_together_have_their_conversations_looked_up_by_one_request() -> None:
    stub = Stub()
    stub.conversations = {one.conversation_id: {"conversationId": one.conversation_id} for one in (of(1), of(2))}
    assert correlate(stub, [of(1), of(2), of(1)]) == ["found"] * 3
    assert stub.paths() == ["GET /api/v2/analytics/conversations/details"]


def test_what_is_not_found_together_with_others_is_asked_for_by_itself_and_each_time() -> None:
    stub = Stub()
    stub.conversations = {of(1).conversation_id: {"conversationId": of(1).conversation_id}}
    assert correlate(stub, [of(1), of(2), of(2)]) == ["found", "absent", "absent"]
    one = f"GET /api/v2/analytics/conversations/{of(2).conversation_id}/details"
    query = "POST /api/v2/analytics/conversations/details/query"
    assert stub.paths() == ["GET /api/v2/analytics/conversations/details", *[one, query] * 2]


@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "yesterday", ""])
def test_an_event_whose_time_cannot_be_true_is_as_old_as_its_message_and_not_put_off_for_ever(time: str) -> None:
    assert correlate(Stub(), [of(1, time)]) == ["absent"]


@pytest.mark.parametrize("time", ["2999-01-01T00:00:00Z", "1970-01-01T00:00:00Z"])
def test_a_report_too_takes_an_event_whose_time_cannot_be_true_to_be_as_old_as_its_message(time: str) -> None:
    async def main() -> list[str]:
        async with serving(Stub()) as stub, open_genesys(config(stub.url)) as genesys:
            known = await correlated([of(1, time), of(2)], GenesysCorrelate(genesys))
            return [one.presence for one in known.values()]

    assert asyncio.run(main()) == ["absent", "absent"]


def test_while_genesys_cannot_be_asked_it_is_asked_once_for_letters_that_begin_together() -> None:
    stub = Stub()
    stub.faults += [answering(400, "{}") for _ in range(3)]
    assert correlate(stub, [of(1), of(2)]) == ["failed", "failed"]
    assert len(stub.seen) == 3, "together, and each apart since one id may spoil it for all"


def test_a_participant_hears_what_became_of_the_letter() -> None:
    stub = Stub()
    stub.live[CONVERSATION] = {"id": CONVERSATION}
    tell(stub, Told.EXHAUSTED_RETRIES, letter())
    assert stub.attributes == {
        (CONVERSATION, PARTICIPANT): {"turnout_retryAttempt": "2", "turnout_retryStatus": "exhausted_retries"}
    }


def test_nothing_is_written_because_of_what_our_own_writing_caused() -> None:
    stub = Stub()
    stub.live[CONVERSATION] = {"id": CONVERSATION}
    echo = {
        "detail-type": "v2.detail.events.conversation.{id}.attributes",
        "detail": {
            "eventBody": {
                "conversationId": CONVERSATION,
                "participantId": PARTICIPANT,
                "attributes": {"turnout_retryStatus": "retrying"},
            }
        },
    }
    tell(stub, Told.RETRYING, letter(**echo))
    assert stub.attributes == {}


def test_a_body_that_is_no_event_names_nobody() -> None:
    stub = Stub()
    tell(stub, Told.RETRYING, read_letter(letters.own("not JSON", reason="INVALID_JSON", fault="data")))
    assert stub.attributes == {}
