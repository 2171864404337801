"""Watching messages as they are settled: filters, the limit a second, and what is not told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest
from tests.unit.pipeline.yard import RULES, Yard, event, ruleset
from tests.unit.service.snapshots import Reloaded

from turnout.account import Account, Call, Delivery
from turnout.message import Message
from turnout.pipeline.worker import Worker
from turnout.service.feeds import Feeds
from turnout.service.http import HttpConfig, serving
from turnout.service.observer import Observer
from turnout.service.routed import Routed
from turnout.service.tap import Tap, TooManyWatchers, Watched
from turnout.service.view import View, WorkerView
from turnout.service.watchdog import Watchdog
from turnout.telemetry.redaction import redactor
from turnout.telemetry.semconv import ENDPOINT
from turnout.telemetry.snapshot import Snapshot

ACCOUNT = Account(Message("m", "h", "{}", "https://sqs/1/events"), Call("receive", "q", 1), 1)


@asynccontextmanager
async def tapped(*, bodies_allowed: bool = False) -> AsyncIterator[tuple[Yard, Tap]]:
    yard = Yard()
    tap = Tap(yard.watch, redactor({}), bodies_allowed=bodies_allowed)
    yard.worker = Worker(yard.config, ruleset(RULES), yard.sqs, tap)
    async with yard.running():
        yield yard, tap


def watch(watched: Watched, *bodies: str, bodies_allowed: bool = False, expected: int) -> list[Routed]:
    """What somebody sees who watches while these bodies are routed."""

    async def main() -> list[Routed]:
        async with tapped(bodies_allowed=bodies_allowed) as (yard, tap):
            with tap.watching(watched) as records:
                await yard.publish(*bodies)
                await yard.watch.wait(len(bodies))
                async with asyncio.timeout(15):
                    seen = [await records.get() for _ in range(expected)]
                await asyncio.sleep(0)
                assert records.empty()
                return seen

    return asyncio.run(main())


def test_a_message_is_told_with_its_rules_its_targets_and_its_times() -> None:
    (seen,) = watch(Watched(), event("three", 7, conversationId="c-1"), expected=1)
    assert (seen.event_id, seen.conversation_id, seen.outcome, seen.rules) == (
        "event-7",
        "c-1",
        "delivered",
        ("three",),
    )
    assert {delivery.target: delivery.state for delivery in seen.deliveries} == {
        "crm": "done",
        "archive": "done",
        "audit": "done",
    }
    assert seen.queue == "events"
    assert 0 <= seen.seconds < 60
    assert seen.at > 1.7e9
    assert seen.body is None


def test_a_letter_is_told_with_its_reason() -> None:
    (seen,) = watch(Watched(), "not JSON", expected=1)
    assert (seen.outcome, seen.reason) == ("dead_lettered", "INVALID_JSON")


@pytest.mark.parametrize(
    ("watched", "ids"),
    [
        (Watched(rule="one"), ["event-1"]),
        (Watched(rule="nothing"), []),
        (Watched(queue="crm"), ["event-1", "event-2"]),
        (Watched(queue="archive"), ["event-2"]),
        (Watched(queue="archive", rule="one"), []),
        (Watched(queue="events"), ["event-1", "event-2", "event-3"]),
    ],
)
def test_only_what_is_asked_for_is_told(watched: Watched, ids: list[str]) -> None:
    seen = watch(watched, event("one", 1), event("three", 2), event("nobody", 3), expected=len(ids))
    assert sorted(record.event_id for record in seen) == ids


@pytest.mark.parametrize(("queue", "told"), [("events-dead", 1), ("crm", 0)])
def test_what_becomes_a_letter_is_told_to_who_asks_for_the_dead_letter_queue(queue: str, told: int) -> None:
    seen = watch(Watched(queue=queue), "not JSON", event("nobody"), expected=told)
    assert [record.reason for record in seen] == ["INVALID_JSON"] * told


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/orders", True),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/orders", False),
        (f"{ENDPOINT}https://example.com/orders", False),
    ],
)
def test_the_end_of_an_address_is_the_name_of_a_queue_only_where_it_is_a_queue(address: str, wanted: bool) -> None:
    account = Account(Message("m", "h", "{}", "https://sqs/1/events"), Call("receive", "q", 1), 1)
    delivery = Delivery(account, "crm", 1)
    delivery.queue = address
    account.deliveries = [delivery]
    assert Watched(queue="orders").wants(account) is wanted


def test_more_than_is_wanted_a_second_is_counted_and_not_queued() -> None:
    async def main() -> None:
        async with tapped() as (yard, tap):
            with tap.watching(Watched(per_second=3)) as records:
                await yard.publish(*(event("one", n) for n in range(50)))
                await yard.watch.wait(50)
                await asyncio.sleep(0)
                first = [records.get_nowait() for _ in range(records.qsize())]
                assert 3 <= len(first) < 20
                await asyncio.sleep(0.5)
                await yard.publish(event("one", 99))
                async with asyncio.timeout(15):
                    last = await records.get()
                assert last.event_id == "event-99"
                assert sum(record.skipped for record in (*first, last)) + len(first) + 1 == 51

    asyncio.run(main())


def test_what_a_watcher_that_was_busy_has_no_room_for_is_counted() -> None:
    async def main() -> None:
        tap = Tap(Yard().watch, redactor({}))
        with tap.watching(Watched(per_second=2_000.0)) as records:
            tap.settled([ACCOUNT] * 1_500)  # in one go: the watcher's loop does not come round meanwhile
            await asyncio.sleep(0)
            told = [records.get_nowait() for _ in range(records.qsize())]
            tap.settled([ACCOUNT])
            await asyncio.sleep(0)
            told.append(records.get_nowait())
        assert len(told) + sum(record.skipped for record in told) == 1_501

    asyncio.run(main())


def test_after_a_quiet_hour_no_more_are_shown_at_once_than_in_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("turnout.service.tap.time.monotonic", lambda: now)

    async def main() -> None:
        nonlocal now
        tap = Tap(Yard().watch, str)
        with tap.watching(Watched(per_second=10)) as records:
            now = 3_600.0
            tap.settled([ACCOUNT] * 50)
            await asyncio.sleep(0)
            assert records.qsize() == 10

    asyncio.run(main())


def test_a_record_that_does_not_arrive_takes_those_along_that_it_would_have_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr("turnout.service.tap.time.monotonic", lambda: now)

    async def main() -> None:
        nonlocal now
        tap = Tap(Yard().watch, str)
        with tap.watching(Watched(per_second=1_000)) as records:
            tap.settled([ACCOUNT] * 1_050)
            now = 1.0
            tap.settled([ACCOUNT])  # the watcher's loop has not run yet, and then its queue is full
            await asyncio.sleep(0)
            while not records.empty():
                records.get_nowait()
            now = 2.0
            tap.settled([ACCOUNT])
            await asyncio.sleep(0)
            assert records.get_nowait().skipped == 51

    asyncio.run(main())


def test_bodies_are_told_only_when_asked_for_and_allowed() -> None:
    body = event("one", secret="not-a-number")
    for asked, allowed in ((False, False), (True, False), (False, True)):
        (seen,) = watch(Watched(bodies=asked), body, bodies_allowed=allowed, expected=1)
        assert "not-a-number" not in repr(seen)
    (seen,) = watch(Watched(bodies=True), body, bodies_allowed=True, expected=1)
    assert seen.body == body


def test_ids_that_look_like_contact_data_are_masked_and_hostile_ones_can_be_written() -> None:
    body = json.dumps({"id": "+493012345678", "detail-type": "\ud800", "detail": {"conversationId": "a@example.com"}})
    (seen,) = watch(Watched(), body, expected=1)
    assert (seen.event_id, seen.conversation_id) == ("***", "***")
    msgspec.json.encode(seen)


def test_nobody_watches_for_ever_and_not_too_many_at_once() -> None:
    async def main() -> None:
        async with tapped() as (_, tap):
            watching = [tap.watching(Watched()) for _ in range(5)]
            for each in watching:
                each.__enter__()
            with pytest.raises(TooManyWatchers), tap.watching(Watched()):
                pass
            watching[0].__exit__(None, None, None)
            with tap.watching(Watched()):
                pass
            for each in watching[1:]:
                each.__exit__(None, None, None)

    asyncio.run(main())


@asynccontextmanager
async def served(
    *, tapping: bool = True, redact: Callable[[str], str] = str, bodies_allowed: bool = False
) -> AsyncIterator[tuple[Yard, httpx.AsyncClient]]:
    watchdog = Watchdog(5)
    async with tapped(bodies_allowed=bodies_allowed) as (yard, tap):
        view: View = WorkerView(Observer(yard.worker, reloads=Reloaded(), blocks=watchdog), watchdog)
        async with (
            serving(HttpConfig(0), view, Feeds(view, redact, tap if tapping else None)) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield yard, client


def test_messages_are_tailed_over_http_line_by_line() -> None:
    async def main() -> list[Routed]:
        async with served() as (yard, client), client.stream("GET", "/tail?rule=one") as answer:
            assert answer.headers["Content-Type"] == "application/x-ndjson"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            await yard.publish(event("three", 1), event("one", 2))
            seen = []
            async for line in answer.aiter_lines():
                if line:
                    seen.append(msgspec.json.decode(line, type=Routed))
                    break
            return seen

    (seen,) = asyncio.run(main())
    assert seen.event_id == "event-2"


def test_the_snapshot_that_is_served_has_no_contact_data_in_ids_and_sentences() -> None:
    async def main() -> str:
        async with served(redact=redactor({})) as (yard, client):
            yard.sqs.fail_entries("crm", "SendMessageBatch", "InvalidMessageContents")
            await yard.publish('{"id": "+4930123456", "detail": {"to": "one"}}')
            await yard.watch.wait(1)
            return (await client.get("/status.json")).text

    text = asyncio.run(main())
    assert "MESSAGE_REJECTED" in text
    assert "4930123456" not in text


def test_a_reader_that_goes_away_is_no_defect(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as (yard, client):
            async with client.stream("GET", "/tail?per_second=1000") as answer:
                await yard.publish(event("one"))
                await anext(answer.aiter_lines())
            for count in range(2, 40):  # somewhere among these the server notices
                await yard.publish(event("one", count))
                await yard.watch.wait(count)

    asyncio.run(main())
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_who_reads_no_more_loses_the_place_to_who_wants_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.service.tap._MOST_WATCHERS", 1)
    monkeypatch.setattr("turnout.service.feeds._TAKING_SECONDS", 0.05)

    async def main() -> None:
        async with served(bodies_allowed=True) as (yard, client), asyncio.timeout(10):
            with socket.socket() as stopped:
                stopped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stopped.connect((client.base_url.host, client.base_url.port))
                stopped.sendall(b"GET /tail?per_second=1000&bodies=true HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert stopped.recv(15) == b"HTTP/1.1 200 OK"
                number = 0
                while True:  # until nothing more goes into the buffers between here and there
                    number += 1
                    await yard.publish(event("one", number, filling="x" * 250_000))
                    await yard.watch.wait(number)
                    async with client.stream("GET", "/tail") as answer:
                        if answer.status_code == 200:
                            return

    asyncio.run(main())


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("per_second=often", 400, "per_second must be a number"),
        ("per_second=nan", 400, "per_second must be a number"),
        ("per_second=1e9", 400, "per_second must be a number"),
        ("bodies=true", 403, "TURNOUT_HTTP_BODIES"),
    ],
)
def test_what_cannot_be_tailed_is_told(query: str, status: int, text: str) -> None:
    async def main() -> httpx.Response:
        async with served() as (_, client):
            return await client.get(f"/tail?{query}")

    answer = asyncio.run(main())
    assert answer.status_code == status
    assert text in answer.text


def test_who_asks_for_the_head_alone_does_not_take_the_place_of_one_who_watches() -> None:
    async def main() -> tuple[list[int], int]:
        async with served() as (_, client):
            heads = [(await client.head("/tail")).status_code for _ in range(6)]
            async with client.stream("GET", "/tail") as answer:
                return heads, answer.status_code

    assert asyncio.run(main()) == ([200] * 6, 200)


def test_a_supervisor_says_that_it_cannot_be_tailed() -> None:
    async def main() -> int:
        async with served(tapping=False) as (_, client):
            return (await client.get("/tail")).status_code

    assert asyncio.run(main()) == 501


def test_the_snapshot_is_served_as_json_that_reads_back_as_the_same_record() -> None:
    async def main() -> Snapshot:
        async with served() as (yard, client):
            await yard.publish(event("one"))
            await yard.watch.wait(1)
            return msgspec.json.decode((await client.get("/status.json")).content, type=Snapshot)

    seen = asyncio.run(main())
    assert seen.received == 1
    assert seen.settled["delivered"] == 1
    assert seen.processing.count == 1
