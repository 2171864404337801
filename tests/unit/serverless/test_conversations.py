"""The function that follows conversations."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from tests.servers.genesys import Stub, answering, serving
from tests.unit.genesys.setting import CONVERSATION, config
from tests.unit.serverless.mapping import sqs_event

from turnout.genesys.session import open_genesys
from turnout.message import Message
from turnout.serverless import conversations
from turnout.serverless.conversations import STARTED, UPDATED, Follower, kind_of

TOPIC = "v2.detail.events.conversation.{id}"


def message(number: int, kind: str, conversation: str = CONVERSATION, *, time: str = "2020-01-01T00:00:00Z") -> Message:
    event = {"id": f"e{number}", "detail-type": kind, "source": "x", "time": time}
    event["detail"] = {"conversation": {"id": conversation}} if conversation else {}  # type: ignore[assignment]
    return Message(f"m{number}", f"h{number}", json.dumps(event), "q")


def follow(stub: Stub, *messages: Message, **changes: Any) -> tuple[list[str], Counter[str]]:
    async def whole() -> tuple[list[str], Counter[str]]:
        async with asyncio.timeout(20), serving(stub), open_genesys(config(stub.url, **changes)) as genesys:
            return await Follower(genesys).follow(sqs_event(*messages), lambda: 5.0)

    return asyncio.run(whole())


@pytest.mark.parametrize(
    ("event_type", "kind"),
    [
        ("conversation.started", STARTED),
        ("conversation.updated", UPDATED),
        (f"{TOPIC}.customer.start", STARTED),
        (f"{TOPIC}.user.end", UPDATED),
        (f"v2.detail.events.conversation.{CONVERSATION}.acw", UPDATED),
        ("v2.audits.entitytype.{id}.entityid.{id}", ""),
        ("Interaction Completed", ""),
        ("", ""),
    ],
)
def test_the_kind_of_an_event_is_known_by_the_end_of_its_type(event_type: str, kind: str) -> None:
    assert kind_of(event_type) == kind


def test_known_kinds_are_looked_up_and_others_succeed_and_are_counted() -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION, "channels": [{"type": "voice"}]}
    failed, kinds = follow(
        stub, message(1, STARTED), message(2, UPDATED), message(3, "something.else"), profile="tutorial"
    )
    assert failed == []
    assert kinds == {STARTED: 1, UPDATED: 1, "unknown": 1}
    assert len(stub.seen) == 2


def test_what_was_looked_up_is_one_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stub = Stub()
    stub.conversations[CONVERSATION] = {
        "conversationId": CONVERSATION,
        "conversationStart": "2020-01-01T00:00:00.000Z",
        "participants": [
            {"participantId": "p1", "purpose": "customer", "sessions": [{"mediaType": "voice"}]},
            {"participantId": "p2", "purpose": "agent", "sessions": [{"mediaType": "voice"}]},
        ],
    }
    caplog.set_level(logging.INFO, "turnout.serverless")
    gone = "00000000-0000-4000-8000-000000000009"
    assert follow(stub, message(1, STARTED), message(2, UPDATED, gone))[0] == []
    said = [(each.message, vars(each)) for each in caplog.records if each.name == "turnout.serverless.conversations"]
    assert [sentence for sentence, _ in said] == ["conversation.started: found", "conversation.updated: absent"]
    known = ("event_id", "conversation_id", "media_types", "participants")
    assert [[fields[name] for name in known] for _, fields in said] == [
        ["e1", CONVERSATION, ["voice"], 2],
        ["e2", gone, [], 0],
    ]


def test_a_conversation_that_may_still_appear_keeps_its_message() -> None:
    fresh = message(1, STARTED, time=datetime.now(UTC).isoformat())
    failed, _ = follow(Stub(), fresh, message(2, STARTED), profile="tutorial")
    assert failed == ["m1"]


def test_a_look_up_that_genesys_refuses_for_the_events_sake_is_done_with() -> None:
    stub = Stub()
    stub.faults.append(answering(400))
    failed, _ = follow(stub, message(1, STARTED), profile="tutorial")
    assert failed == []
    assert len(stub.seen) == 1


def test_a_look_up_that_may_succeed_later_keeps_its_message_only() -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}
    stub.faults.extend([answering(503)] * 4)
    failed, _ = follow(stub, message(1, STARTED), message(2, UPDATED), profile="tutorial")
    assert failed == ["m1"]


def test_a_conversation_that_is_gone_or_not_named_is_done_with() -> None:
    failed, _ = follow(Stub(), message(1, UPDATED), message(2, UPDATED, conversation=""), profile="tutorial")
    assert failed == []


def test_a_look_up_that_is_refused_keeps_its_message_until_that_is_repaired() -> None:
    stub = Stub()
    stub.faults.extend([answering(403)] * 4)
    failed, _ = follow(stub, message(1, STARTED), profile="tutorial")
    assert failed == ["m1"]


def test_of_a_fifo_queue_nothing_of_a_group_is_followed_after_what_must_stay() -> None:
    stub = Stub()
    stub.interactions[CONVERSATION] = {"id": CONVERSATION}
    stub.faults.extend([answering(503)] * 4)
    groups = {1: "a", 2: "a", 3: "b", 4: "a"}
    messages = [
        msgspec.structs.replace(
            message(number, UPDATED), queue="https://sqs/1/q.fifo", system={"MessageGroupId": group}
        )
        for number, group in groups.items()
    ]
    failed, kinds = follow(stub, *messages, profile="tutorial")
    assert failed == ["m1", "m2", "m4"]
    assert kinds == {UPDATED: 2}


def test_a_failure_in_following_one_event_is_no_other_events(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*arguments: Any) -> bool:
        raise ZeroDivisionError

    monkeypatch.setattr(conversations, "FOLLOWERS", {**conversations.FOLLOWERS, STARTED: broken})
    failed, _ = follow(Stub(), message(1, STARTED), message(2, UPDATED), profile="tutorial")
    assert failed == ["m1"]
    assert "please report this" in caplog.text
