from __future__ import annotations

import asyncio
import json

from tests.servers.genesys import Stub, serving
from tests.unit.genesys.setting import CONVERSATION, PARTICIPANT, config
from tests.unit.recovery import letters

from turnout.dlq.conversations import GenesysConversations
from turnout.genesys.session import open_genesys
from turnout.recovery import Letter, read_letter
from turnout.recovery.processor.effects import Told


def letter(**body: object) -> Letter:
    event = letters.EVENT | {"detail": {"eventBody": {"conversationId": CONVERSATION, "participantId": PARTICIPANT}}}
    return read_letter(letters.rule("THROTTLING", body=json.dumps(event | body)))


def tell(stub: Stub, told: Told, about: Letter) -> None:
    async def main() -> None:
        async with serving(stub), open_genesys(config(stub.url, write_back="participant-attributes")) as genesys:
            await GenesysConversations(genesys, correlates=False).tell(about, told, 2)

    asyncio.run(main())


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
