"""What the pipeline counts on the side: calls, ages and durations, the phases of pollers, notes of letters."""

import asyncio
import time
from datetime import UTC, datetime

from tests.unit.pipeline.yard import RULES, SOURCE, Yard, event

from turnout.pipeline.poller import Phase


def iso(seconds_ago: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds_ago, UTC).isoformat()


def timed(to: str, at: object) -> str:
    return event(to).replace("{", f'{{"time": "{at}", ', 1)


def test_every_message_has_a_duration_and_every_receive_an_age() -> None:
    yard = Yard(pollers=1)
    asyncio.run(yard.route(*(event("one", n) for n in range(7)), "not json"))
    books = yard.worker.books
    assert books.processing.counted().count == 8
    assert 0 <= books.processing.counted().total < 8 * 10
    assert books.source(SOURCE).received == books.received == 8
    (receives,) = books.source(SOURCE).receives.by_error.values()
    assert books.queue_age.counted().count == receives.counted().count
    assert 0 <= books.queue_age.counted().total < 10


def test_matches_are_counted_by_rule_those_of_rules_on_trial_as_well() -> None:
    trial = "rules:\n  - {id: trial, mode: shadow, when: detail.to == 'one', send: [audit]}\n"
    yard = Yard(RULES.replace("rules:\n", trial))
    settled = asyncio.run(yard.route(event("one"), event("three"), event("one"), event("nobody")))
    assert yard.worker.books.matches == {"trial": 2, "one": 2, "three": 1}
    assert yard.worker.books.unmatched == 1
    assert {account.fingerprint for account in settled} == {yard.worker.ruleset.fingerprint}
    assert all(account.received_ns <= account.routed_ns <= account.evaluated_ns for account in settled)


def test_calls_to_a_target_are_timed_by_their_error() -> None:
    yard = Yard()
    yard.sqs.fail_calls("crm", "SendMessageBatch", "ServiceUnavailable", times=1)
    asyncio.run(yard.route(event("one")))
    crm = yard.worker.books.target("crm")
    place = yard.worker.books.place("aws_sqs", "crm")
    assert {code: durations.counted().count for code, durations in place.calls.by_error.items()} == {
        "ServiceUnavailable": 1,
        "": 1,
    }
    assert crm.errors == place.errors == {"ServiceUnavailable": 1}
    assert (crm.sent, crm.retried, crm.failed) == (1, 1, 0)
    assert place.sent == 1


def test_calls_that_delete_are_timed_by_their_error_and_known_to_the_messages_that_travelled_in_them() -> None:
    yard = Yard(pollers=1)
    yard.sqs.fail_calls(SOURCE, "DeleteMessageBatch", "ServiceUnavailable", times=1)
    (deleted,) = asyncio.run(yard.route(event("one")))
    deletes = yard.worker.books.source(SOURCE).deletes.by_error
    assert {code: durations.counted().count for code, durations in deletes.items()} == {"ServiceUnavailable": 1, "": 1}
    assert all(0 <= durations.counted().total < 10 for durations in deletes.values())
    assert deleted.delete is not None
    assert (deleted.delete.count, deleted.delete.error) == (1, "")


def test_a_delete_that_one_handle_spoils_is_counted_as_the_failed_call_it_was() -> None:
    yard = Yard(pollers=1)
    yard.sqs.fail_calls(SOURCE, "DeleteMessageBatch", "ReceiptHandleIsInvalid", times=1)
    asyncio.run(yard.route(*(event("one", number) for number in range(10))))
    deletes = yard.worker.books.source(SOURCE).deletes.by_error
    assert deletes["ReceiptHandleIsInvalid"].counted().count == 1


def test_latency_is_measured_from_the_events_own_time_to_its_delivery() -> None:
    yard = Yard()
    asyncio.run(yard.route(timed("one", iso(40))))
    latency = yard.worker.books.latency.counted()
    assert latency.count == 1
    assert 39 < latency.total < 60


def test_no_latency_is_made_up_for_events_without_a_usable_time() -> None:
    for at in ("yesterday", "x" * 1000, "", iso(20 * 86_400)):
        yard = Yard()
        asyncio.run(yard.route(timed("one", at)))
        assert yard.worker.books.latency.counted().count == 0, at


def test_dropped_messages_have_no_latency() -> None:
    yard = Yard()
    asyncio.run(yard.route(timed("nobody", iso(1))))
    assert yard.worker.books.latency.counted().count == 0
    assert yard.worker.books.processing.counted().count == 1


def test_letters_leave_a_note_that_names_what_is_owed_and_no_body() -> None:
    yard = Yard()
    yard.sqs.fail_calls("crm", "SendMessageBatch", "QueueDoesNotExist")
    body = event("three", secret="4711")
    (account,) = asyncio.run(yard.route(body))
    (note,) = yard.worker.books.letter_notes
    assert note.message_id == account.message.id
    assert note.event_id == "event-1"
    assert note.owed == ("crm",)
    assert note.reason == "QUEUE_MISSING"
    assert "4711" not in repr(note)


def test_pollers_tell_what_they_are_at_and_why_they_cannot_read() -> None:
    async def main() -> None:
        yard = Yard(pollers=1)
        (poller,) = yard.worker.pollers
        assert poller.waiting
        yard.sqs.fail_calls("events", "ReceiveMessage", "ServiceUnavailable", times=1)
        await yard.publish(event("one"))
        async with yard.running():
            await yard.watch.wait(1)
            assert (poller.errors, poller.error) == (0, "ServiceUnavailable")
            assert poller.phase is Phase.POLLING
            assert abs(poller.read_ns - time.time_ns()) < 10e9
            assert poller.since <= asyncio.get_running_loop().time()
        (failed,) = [yard.worker.books.source(SOURCE).receives.by_error["ServiceUnavailable"].counted()]
        assert failed.count == 1

    asyncio.run(main())


def test_the_first_poll_does_not_wait_so_that_it_is_soon_known_whether_the_queue_can_be_read() -> None:
    async def main() -> None:
        yard = Yard(pollers=1, wait_seconds=20)
        (poller,) = yard.worker.pollers
        async with yard.running():
            async with asyncio.timeout(15):
                while not poller.read_ns:
                    await asyncio.sleep(0.001)
            assert yard.worker.books.polls == 1

    asyncio.run(main())
