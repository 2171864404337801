from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable

import pytest

from turnout.dlq.replaying import ReplayRequests
from turnout.errors import GenesysDenied, GenesysError, GenesysParked, GenesysUnavailable
from turnout.genesys.profiles.api import ReplayBatch
from turnout.message import Message
from turnout.recovery import Letter, read_letter
from turnout.recovery.deliver.api import Outcome
from turnout.recovery.processor.effects import NotDeliverable


def listed(event_id: str) -> Letter:
    entry = {"id": event_id, "eventType": "t", "failureCode": "503", "failureReason": "timed out", "payload": "{}"}
    return read_letter(Message(event_id or "m-1", "", json.dumps(entry), "sub-1"))


class Api:
    """Answers call after call with `errors`; then everything is accepted."""

    def __init__(self, *errors: GenesysError | None) -> None:
        self.errors = list(errors)
        self.asked: list[list[str]] = []

    async def __call__(self, event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        ids = list(event_ids)
        self.asked.append(ids)
        for first in range(0, len(ids), 100):
            await asyncio.sleep(0)
            yield ReplayBatch(tuple(ids[first : first + 100]), self.errors.pop(0) if self.errors else None)


def deliver(api: Api, *letters: Letter) -> list[Outcome]:
    async def main() -> list[Outcome]:
        requests = ReplayRequests(api, "replay API sub-1")
        try:
            return list(await asyncio.gather(*(requests(letter, (), asyncio.Event()) for letter in letters)))
        finally:
            await requests.aclose()

    return asyncio.run(main())


def test_what_is_asked_for_together_goes_together() -> None:
    api = Api()
    made = deliver(api, *(listed(f"fe-{number}") for number in range(150)))
    assert len(api.asked) == 1
    assert made == [Outcome(("replay API sub-1",))] * 150


def test_two_letters_of_one_event_are_one_id_and_fare_alike() -> None:
    api = Api(GenesysUnavailable("busy", code="HTTP 503"))
    first, second = deliver(api, listed("fe-1"), listed("fe-1"))
    assert api.asked == [["fe-1"]]
    assert first == second
    assert first.again


def test_a_call_that_fails_fails_its_own_ids_and_says_whether_time_helps() -> None:
    parked = GenesysParked("wait", code="PARKED", retry_after=600.0)
    made = deliver(Api(None, parked), *(listed(f"fe-{number}") for number in range(150)))
    assert [not one.failures for one in made] == [True] * 100 + [False] * 50
    assert made[-1].again
    assert made[-1].retry_after == 600.0
    (denied,) = deliver(Api(GenesysDenied("no", code="HTTP 403")), listed("fe-1"))
    assert not denied.again


def test_an_api_that_does_not_exist_is_an_answer_too() -> None:
    async def replay(event_ids: Iterable[str]) -> AsyncIterator[ReplayBatch]:
        for _ in event_ids:
            raise GenesysDenied("no such client", code="HTTP 401")
        yield ReplayBatch(())

    async def main() -> Outcome:
        return await ReplayRequests(replay, "api")(listed("fe-1"), (), asyncio.Event())

    made = asyncio.run(main())
    assert "no such client" in made.sentence


def test_what_has_no_id_cannot_be_replayed_and_what_was_is_not_again() -> None:
    requests = ReplayRequests(Api(), "api")
    with pytest.raises(NotDeliverable, match="no id"):
        requests.aims(listed(""), ())
    assert requests.aims(listed("fe-1"), ()) == ("api",)
    assert requests.aims(listed("fe-1"), ("api",)) == ()
