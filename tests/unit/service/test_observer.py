"""Snapshots of a real worker over in-memory queues."""

import asyncio
import threading

import msgspec
import pytest
from tests.unit.pipeline.yard import RULES, SOURCE, Yard, event, ruleset
from tests.unit.service.snapshots import NOW, Reloaded, observed

from turnout.service.health import alive, ready
from turnout.service.merging import merged
from turnout.service.observer import Observer
from turnout.service.watchdog import Watchdog
from turnout.telemetry.histogram import Counted
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.snapshot import Snapshot


def test_a_snapshot_has_what_the_worker_did() -> None:
    async def main() -> Snapshot:
        async with observed() as seen:
            yard = seen.yard
            yard.sqs.fail_calls("archive", "SendMessageBatch", "QueueDoesNotExist")
            await yard.publish(event("one"), event("three"), event("nobody"), "not json")
            await yard.watch.wait(4)
            return seen.observer.take()

    taken = asyncio.run(main())
    assert taken.received == 4
    assert taken.settled == {"delivered": 1, "dead_lettered": 2, "dropped": 1, "handed_back": 0}
    assert taken.in_flight == 0
    assert dict(taken.rules.matches) == {"one": 1, "three": 1}
    assert taken.rules.loaded_at == NOW
    by_name = {target.name: target for target in taken.targets}
    assert list(by_name) == ["crm", "archive", "audit", "events-dead"]
    assert by_name["crm"].sent == 2
    assert by_name["archive"].failed == 1
    assert by_name["archive"].errors["QueueDoesNotExist"] >= 1
    assert by_name["events-dead"].is_dead_letter_queue
    assert by_name["events-dead"].sent == 2
    assert taken.letters == {"INVALID_JSON": 1, "QUEUE_MISSING": 1}
    assert {letter.reason for letter in taken.recent_letters} == set(taken.letters)
    assert {calls.operation for calls in taken.calls} == {"receive", "send", "delete"}
    assert taken.processing.count == 4
    (source,) = taken.sources
    assert (source.queue, source.received, len(source.pollers)) == ("events", 4, 2)
    assert ready(taken).ok
    assert alive(taken).ok
    assert list(read_metrics(taken))


@pytest.mark.parametrize(("event_id", "shown"), [("\\ud800-7", "?-7"), ("x" * 100_000, "x" * 256)])
def test_an_event_whose_id_no_encoder_takes_or_that_never_ends_does_not_stop_the_pulse(
    event_id: str, shown: str
) -> None:
    async def main() -> bytes:
        async with observed() as seen:
            seen.yard.sqs.fail_calls("crm", "SendMessageBatch", "QueueDoesNotExist")
            await seen.yard.publish(f'{{"id": "{event_id}", "detail": {{"to": "one"}}}}')
            await seen.yard.watch.wait(1)
            return msgspec.json.encode(seen.observer.take())

    pulse = msgspec.json.decode(asyncio.run(main()), type=Snapshot)
    assert [letter.event_id for letter in pulse.recent_letters] == [shown]


def test_what_was_sent_to_a_queue_stays_counted_as_long_as_any_target_leads_there() -> None:
    rules = RULES.replace("queue: archive,", "queue: crm,")  # two targets, one queue
    sent = {"messaging.destination.name": "crm", "messaging.operation.name": "send", "messaging.system": "aws_sqs"}

    def counted(taken: Snapshot) -> list[float]:
        metrics = {metric.name: metric.samples for metric in read_metrics(taken)}
        (attempts,) = (each.value for each in metrics["messaging.client.sent.messages"] if each.labels == sent)
        durations = metrics["messaging.client.operation.duration"]
        (calls,) = (each.value for each in durations if each.labels.items() >= sent.items())
        assert isinstance(attempts, int)
        assert isinstance(calls, Counted)
        return [attempts, calls.count]

    async def main() -> None:
        async with observed(rules) as seen:
            yard = seen.yard
            await yard.publish(event("three"))
            await yard.watch.wait(1)
            before = counted(seen.observer.take())
            assert before == [2, 2]
            yard.worker.use(ruleset(rules.replace("archive", "vault")))
            assert counted(seen.observer.take()) == before, "one of the targets has another name"
            moved = rules.replace("crm: {queue: crm,", "crm: {queue: audit,").replace(
                "audit: {queue: audit,", "audit: {queue: archive,"
            )
            yard.worker.use(ruleset(moved))
            taken = seen.observer.take()
            assert counted(taken) == before, "one of them leads elsewhere"
            places = {place.name: place.sent for place in taken.places}
            assert places == {"crm": 2, "audit": 1, "archive": 0, "events-dead": 0}, "each what was sent there"
            assert {target.name: target.sent for target in taken.targets}["crm"] == 1

    asyncio.run(main())


def test_source_queues_of_one_name_are_told_apart() -> None:
    async def main() -> Snapshot:
        yard = Yard(sources=(SOURCE, SOURCE.replace("000000000000", "111111111111"), f"{SOURCE}-2"))
        return Observer(yard.worker, reloads=Reloaded(), blocks=Watchdog(5)).take()

    taken = asyncio.run(main())
    names = ["sqs.memory/000000000000/events", "sqs.memory/111111111111/events", "events-2"]
    assert [source.queue for source in merged([taken, taken]).sources] == names
    for metric in read_metrics(taken):
        labels = [tuple(sample.labels.items()) for sample in metric.samples]
        assert len(labels) == len(set(labels)), metric.name


def test_the_books_balance_in_every_snapshot_while_messages_flow() -> None:
    async def main() -> None:
        async with observed() as seen:
            await seen.yard.publish(*(event("three", number) for number in range(200)))
            snapshots = []
            while len(seen.yard.watch.accounts) < 200:
                snapshots.append(await asyncio.wrap_future(seen.observer.request()))
                await asyncio.sleep(0)
            assert any(taken.in_flight for taken in snapshots)
            for taken in snapshots:
                assert taken.received == sum(taken.settled.values()) + taken.in_flight

    asyncio.run(main())


def test_a_snapshot_can_be_asked_for_from_another_thread() -> None:
    async def main() -> Snapshot:
        async with observed() as seen:
            got: list[Snapshot] = []
            thread = threading.Thread(target=lambda: got.append(seen.observer.request().result(5)))
            thread.start()
            await asyncio.to_thread(thread.join)
            return got[0]

    assert asyncio.run(main()).running


def test_a_draining_worker_shows_it() -> None:
    async def main() -> tuple[Snapshot, Snapshot]:
        async with observed() as seen:
            before = seen.observer.take()
        return before, seen.observer.take()

    before, after = asyncio.run(main())
    assert (before.running, before.draining) == (True, False)
    assert after.draining


def test_the_polls_of_a_draining_worker_are_over_and_not_stalled_however_long_it_drains() -> None:
    async def main() -> tuple[Snapshot, Snapshot]:
        async with observed() as seen:
            before = seen.observer.take()
        return before, seen.observer.take()

    before, after = asyncio.run(main())
    assert "polling" in {poller.phase for source in before.sources for poller in source.pollers}
    (source,) = after.sources
    later = tuple(msgspec.structs.replace(poller, seconds=3600.0) for poller in source.pollers)
    drained = msgspec.structs.replace(after, sources=(msgspec.structs.replace(source, pollers=later),))
    assert {poller.phase for poller in later} == {"ended"}
    assert alive(drained).ok


def test_nobody_waits_for_a_loop_that_is_closed() -> None:
    async def main() -> object:
        async with observed() as seen:
            return seen.observer

    observer = asyncio.run(main())
    with pytest.raises(RuntimeError):
        observer.request()  # type: ignore[attr-defined]
