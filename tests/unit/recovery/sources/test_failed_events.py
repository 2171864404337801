"""Letters of an API that lists failed events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.unit.recovery.letters import BODY, EVENT_ID

from turnout.genesys.profiles.api import FailedEvent
from turnout.recovery import Cause, Disposition
from turnout.recovery.letter import Letter, Origin, Payload
from turnout.recovery.sources.failed_events import FailedEventsSource


async def listed() -> AsyncIterator[FailedEvent]:
    yield FailedEvent(
        id="fe-1",
        event_type="v2.x",
        failure_code="503",
        failure_reason="Service Unavailable",
        stack_trace="at y",
        payload=BODY,
    )
    yield FailedEvent(id="fe-2", event_type="v2.x", failure_code="INVALID", failure_reason="schema", payload="")
    yield FailedEvent(id="", event_type="v2.x", failure_code="", failure_reason="who knows", payload="plain text")


def letters(limit: int | None = None) -> list[Letter]:
    async def reading() -> list[Letter]:
        source = FailedEventsSource("sub-1", listed)
        first = [letter async for letter in source.letters(limit)]
        assert await source.delete(first) == {}
        return first + [letter async for letter in source.letters()]

    return asyncio.run(reading())


def test_entries_become_letters_with_the_payload_byte_for_byte() -> None:
    first, second, third = letters()
    assert (first.id, first.origin, first.body) == ("fe-1", Origin.FAILED_EVENT, BODY)
    assert (first.cause, first.disposition) == (Cause.ENDPOINT_UNREACHABLE, Disposition.TRANSIENT)
    assert (first.event_id, first.queue) == (EVENT_ID, "sub-1")
    assert first.evidence[0].details["stackTrace"] == "at y"
    assert (second.id, second.payload, second.body) == ("fe-2", Payload.ABSENT, None)
    assert third.id.startswith("sha256-")
    assert third.body == "plain text"


def test_a_second_call_goes_on_where_the_first_ended() -> None:
    assert [letter.id for letter in letters(1)] == [letter.id for letter in letters()]
