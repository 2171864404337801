"""The contract of the worker over in-memory queues: nothing lost, nothing sent where it does not belong."""

import asyncio
import json
from collections.abc import Sequence

import pytest
from tests.unit.pipeline import virtual_time
from tests.unit.pipeline.yard import DEAD, RULES, SOURCE, Watch, Yard, event, ruleset

from turnout.account import Delivery, Outcome
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.letter import LETTER
from turnout.message import REPLAY, Attribute
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.worker import Worker
from turnout.sqs.api import MAX_MESSAGE_BYTES, OutgoingMessage, SentBatch

SEND, DELETE = "SendMessageBatch", "DeleteMessageBatch"


def test_an_event_reaches_its_target_byte_for_byte_and_leaves_the_source() -> None:
    async def main() -> None:
        yard = Yard()
        body = '{ "id":"1",\n "detail": {"to" : "one", "näme": "\\u00fc\U0001f600", "n": 1e3, "n": 1.000}}  '
        (account,) = await yard.route(body)
        assert yard.bodies("crm") == [body]
        assert yard.bodies(SOURCE) == []
        assert account.outcome is Outcome.DELIVERED

    asyncio.run(main())


def test_an_event_for_three_targets_reaches_each_once() -> None:
    async def main() -> None:
        yard = Yard()
        await yard.route(*(event("three", number) for number in range(25)))
        for queue in ("crm", "archive", "audit"):
            assert sorted(yard.bodies(queue)) == sorted(event("three", number) for number in range(25))
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 25}

    asyncio.run(main())


def test_message_attributes_travel_along_but_never_more_than_ten() -> None:
    async def main() -> None:
        yard = Yard()
        attributes = {f"a{number}": Attribute("String", "v") for number in range(10)}
        await yard.route(event("one"), attributes=attributes)
        (stored,) = yard.stored("crm")
        assert stored.message.attributes == attributes

    asyncio.run(main())


@pytest.mark.parametrize(
    ("policy", "outcome", "where"),
    [
        ("drop", Outcome.DROPPED, None),
        ("dead-letter", Outcome.DEAD_LETTERED, DEAD),
        ("archive", Outcome.DELIVERED, "archive"),
    ],
)
def test_an_unmatched_event_goes_where_the_policy_says(policy: str, outcome: Outcome, where: str | None) -> None:
    async def main() -> None:
        yard = Yard(RULES.replace("unmatched: drop", f"unmatched: {policy}"))
        (account,) = await yard.route(event("nowhere"))
        assert account.outcome is outcome
        assert yard.worker.books.unmatched == 1
        for queue in (DEAD, "crm", "archive", "audit", SOURCE):
            assert len(yard.bodies(queue)) == (1 if queue == where else 0)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not json", "INVALID_JSON"),
        ('{"detail": NaN}', "INVALID_JSON"),
        ('{"detail": {}} trailing', "INVALID_JSON"),
        ("[1, 2]", "NOT_AN_OBJECT"),
        ('"text"', "NOT_AN_OBJECT"),
        ("null", "NOT_AN_OBJECT"),
        ('{"id": "no detail"}', "MISSING_FIELD"),
        ('{"detail":' + "[" * 100_000 + "]" * 100_000 + "}", "TOO_DEEP"),
        ("[" * 500_000, "TOO_DEEP"),
    ],
)
def test_a_malformed_body_becomes_a_letter_with_the_reason(body: str, reason: str) -> None:
    async def main() -> None:
        yard = Yard()
        (account,) = await yard.route(body)
        assert account.outcome is Outcome.DEAD_LETTERED
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.source, letter.owed) == (reason, "data", "events", ())
        assert yard.bodies(DEAD) == [body]
        assert yard.bodies(SOURCE) == []

    asyncio.run(main())


@pytest.mark.parametrize(
    "body",
    [
        '{"id": "1", "detail": {"to": "one", "to": "one"}}',
        '{"id": "1", "detail": {"to": "one", "n": 1e999, "m": -1e999}}',
        '{"id": "1", "detail": {"to": "one", "n": ' + "9" * 10_000 + "}}",
        '{"id": "1", "detail": {"to": "one", "lone": "\\ud800"}}',
        '{"id": "\\ud800", "detail": {"to": "one"}}',
        '{"id": 7, "detail-type": [], "detail": {"to": "one"}}',
        '{"id": "1", "detail": {"to": "one", "pad": "' + "x" * (MAX_MESSAGE_BYTES - 47) + '"}}',
    ],
)
def test_an_odd_but_valid_event_is_routed_like_any_other(body: str) -> None:
    async def main() -> None:
        yard = Yard()
        await yard.route(body)
        assert yard.bodies("crm") == [body]

    asyncio.run(main())


def test_a_huge_malformed_body_still_becomes_a_letter_though_nothing_fits_beside_it() -> None:
    async def main() -> None:
        yard = Yard()
        body = "x" * MAX_MESSAGE_BYTES
        await yard.route(body)
        (stored,) = yard.stored(DEAD)
        assert stored.message.body == body
        assert stored.message.attributes == {}
        assert yard.worker.books.letters == {"INVALID_JSON": 1}

    asyncio.run(main())


def test_when_one_of_three_targets_fails_the_letter_owes_that_one_only() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_entries("archive", SEND, "InvalidMessageContents")
        (account,) = await yard.route(event("three"))
        assert len(yard.bodies("crm")) == len(yard.bodies("audit")) == 1
        (letter,) = yard.letters()
        assert letter.owed == ("archive",)
        assert sorted(letter.done) == ["audit", "crm"]
        assert (letter.reason, letter.fault, letter.event_id) == ("MESSAGE_REJECTED", "data", "event-1")
        assert account.outcome is Outcome.DEAD_LETTERED

    asyncio.run(main())


def test_a_redriven_letter_is_sent_only_to_the_targets_it_is_owed() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_entries("archive", SEND, "InvalidMessageContents")
        await yard.route(event("three"), attributes={"tenant": Attribute("String", "a")})
        (stored,) = yard.stored(DEAD)

        again = Yard()
        await again.route(stored.message.body, attributes=dict(stored.message.attributes))
        assert again.bodies("crm") == again.bodies("audit") == []
        (sent,) = again.stored("archive")
        assert sent.message.attributes == {"tenant": Attribute("String", "a")}

    asyncio.run(main())


NOT_TO_ARCHIVE = RULES.replace("send: [crm, archive, audit]", "send: [crm, audit]")


async def redriven(rules: str, *, refuse: tuple[str, ...] = ("archive",)) -> Yard:
    """A yard with these rules, to which the letter of an event was redriven that some targets had refused."""
    yard = Yard()
    for target in refuse:
        yard.sqs.fail_entries(target, SEND, "InvalidMessageContents")
    await yard.route(event("three"))
    (stored,) = yard.stored(DEAD)
    again = Yard(rules, fifo=["fresh"])
    await again.route(stored.message.body, attributes=dict(stored.message.attributes))
    return again


def test_a_redriven_letter_reaches_the_target_it_is_owed_to_also_when_no_rule_sends_there_any_more() -> None:
    async def main() -> None:
        yard = await redriven(NOT_TO_ARCHIVE)
        assert [yard.bodies(name) for name in ("crm", "archive", "audit")] == [[], [event("three")], []]
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    asyncio.run(main())


def test_a_redriven_letter_that_is_owed_to_no_target_of_today_is_a_letter_again_and_says_so() -> None:
    async def main() -> None:
        yard = await redriven(NOT_TO_ARCHIVE.replace("  archive: {queue: archive, priority: 5}\n", ""))
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.owed) == ("QUEUE_MISSING", "config", ("archive",))
        assert sorted(letter.done) == ["audit", "crm"]
        assert "owed to 'archive', which is no target of the rules any more" in letter.message
        assert [yard.bodies(name) for name in ("crm", "archive", "audit")] == [[], [], []]

    asyncio.run(main())


def test_what_a_redriven_letter_owes_to_targets_of_today_they_get_and_the_letter_goes_on_owing_the_rest() -> None:
    async def main() -> None:
        rules = NOT_TO_ARCHIVE.replace("  archive: {queue: archive, priority: 5}\n", "")
        yard = await redriven(rules, refuse=("crm", "archive"))
        assert [len(yard.bodies(name)) for name in ("crm", "archive", "audit")] == [1, 0, 0]
        (letter,) = yard.letters()
        assert (letter.owed, sorted(letter.done)) == (("archive",), ["audit", "crm"])

    asyncio.run(main())


@pytest.mark.parametrize("unmatched", ["drop", "dead-letter"])
def test_a_redriven_letter_that_no_rule_matches_any_more_goes_to_the_targets_that_it_is_owed_to(unmatched: str) -> None:
    async def main() -> None:
        rules = RULES.replace("unmatched: drop", f"unmatched: {unmatched}")
        yard = await redriven(rules.replace("'three'", "'four'"))
        assert [len(yard.bodies(name)) for name in ("crm", "archive", "audit")] == [0, 1, 0]
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

        yard = Yard(rules)
        nobody_has_it = {LETTER: Attribute("String", json.dumps({"version": 1, "owed": ["gone"]}))}
        await yard.route(event("nobody"), attributes=nobody_has_it)
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed) == ("QUEUE_MISSING", ("gone",))
        assert yard.worker.books.outcomes == {Outcome.DEAD_LETTERED: 1}

    asyncio.run(main())


def test_a_redriven_letter_that_no_rule_matches_and_that_is_owed_to_nothing_is_dropped_as_the_rules_say() -> None:
    async def main() -> None:
        letters = [{"version": 1}, {"version": 1, "done": ["crm"]}, {"version": 1, "owed": ["\n"]}, "mine"]
        for letter in map(json.dumps, letters):
            yard = Yard()
            await yard.route(event("nobody"), attributes={LETTER: Attribute("String", letter)})
            assert yard.worker.books.outcomes == {Outcome.DROPPED: 1}

    asyncio.run(main())


def test_what_somebody_else_wrote_into_a_letter_as_the_names_of_targets_is_owed_to_none() -> None:
    async def main() -> None:
        names = ["\n", "x" * 101, "", "crm"]
        letter = json.dumps({"version": 1, "owed": names, "done": ["crm"]})
        yard = Yard()
        await yard.route(event("one"), attributes={LETTER: Attribute("String", letter)})
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}
        assert (yard.letters(), yard.bodies("crm")) == ([], [])

    asyncio.run(main())


def test_a_redriven_letter_for_which_the_rules_have_another_way_takes_that_one() -> None:
    async def main() -> None:
        rules = RULES.replace("  crm:", "  fresh: {queue: fresh}\n  crm:")
        yard = await redriven(rules.replace("send: [crm, archive, audit]", "send: [crm, fresh, audit]"))
        assert [len(yard.bodies(name)) for name in ("crm", "archive", "audit", "fresh")] == [0, 0, 0, 1]
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1}

    asyncio.run(main())


def test_a_redriven_letter_that_fails_again_goes_on_counting_from_its_first_failure() -> None:
    async def main() -> None:
        before: dict[str, Attribute] = {}
        letters = []
        for _ in range(2):
            yard = Yard()
            yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
            await yard.route(event("three"), attributes=before)
            letters += yard.letters()
            (stored,) = yard.stored(DEAD)
            before = dict(stored.message.attributes)
        first, second = letters
        assert (first.attempts, second.attempts) == (4, 8)
        assert second.first_failure == first.first_failure <= first.last_failure <= second.last_failure
        assert (second.owed, second.done) == (("archive",), ("audit", "crm"))

    asyncio.run(main())


@pytest.mark.parametrize("group", ["acme", None])
def test_a_letter_keeps_the_group_of_a_fair_queue_so_that_a_noisy_tenant_holds_up_no_others_there(
    group: str | None,
) -> None:
    async def main() -> None:
        yard = Yard()
        await yard.sqs.send(SOURCE, [OutgoingMessage("no JSON", group_id=group)])
        async with yard.running():
            await yard.watch.wait(1)
        (letter,) = yard.stored(DEAD)
        assert (letter.message.group_id, letter.message.deduplication_id) == (group, None)

    asyncio.run(main())


def test_a_letter_from_a_fifo_queue_makes_no_fair_queue_of_a_standard_one() -> None:
    async def main() -> None:
        source = f"{SOURCE}.fifo"
        yard = Yard(fifo=("events.fifo",), sources=(source,))
        await yard.sqs.send(source, [OutgoingMessage("no JSON", group_id="c-1", deduplication_id="1")])
        async with yard.running():
            await yard.watch.wait(1)
        (letter,) = yard.stored(DEAD)
        assert letter.message.group_id is None

    asyncio.run(main())


def test_a_letter_that_is_written_again_because_its_message_could_not_be_deleted_is_one_in_a_fifo_queue() -> None:
    async def main() -> None:
        dead = f"{DEAD}.fifo"
        yard = Yard(fifo=("events-dead.fifo",), dead_letter_queue=dead)
        yard.sqs.fail_calls("events", "DeleteMessageBatch", "ServiceUnavailable", times=4)
        await yard.publish("no JSON")
        async with yard.running():
            await yard.watch.wait(1)
            yard.sqs.advance(61)
            await yard.watch.wait(2)
        assert yard.worker.books.outcomes == {Outcome.HANDED_BACK: 1, Outcome.DEAD_LETTERED: 1}
        assert yard.worker.books.letters == {"INVALID_JSON": 2}
        assert yard.bodies(dead) == ["no JSON"]

    asyncio.run(main())


def test_letters_of_messages_without_a_group_wait_for_none_of_each_other_in_a_fifo_queue() -> None:
    async def main() -> None:
        dead = f"{DEAD}.fifo"
        yard = Yard(fifo=("events-dead.fifo",), dead_letter_queue=dead)
        await yard.route("no JSON", "none either")
        assert len({stored.message.group_id for stored in yard.stored(dead)}) == 2

    asyncio.run(main())


@pytest.mark.parametrize("unmatched", ["drop", "dead-letter"])
@pytest.mark.parametrize("to", ["three", "nobody"])
def test_a_letter_of_another_version_goes_back_as_it_came_since_nobody_here_knows_which_targets_have_it(
    to: str, unmatched: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> Failure | None:
        yard = Yard(RULES.replace("unmatched: drop", f"unmatched: {unmatched}"))
        newer = {
            LETTER: Attribute("String", '{"version": 2, "accepted": {"crm": "m-1"}}'),
            "ERROR_CODE": Attribute("String", "NEW"),
            "tenant": Attribute("String", "a"),
        }
        (account,) = await yard.route(event(to), attributes=newer)
        assert [yard.bodies(name) for name in ("crm", "archive", "audit")] == [[], [], []]
        (stored,) = yard.stored(DEAD)
        assert (stored.message.body, stored.message.attributes) == (event(to), newer)
        assert account.outcome is Outcome.DEAD_LETTERED
        return account.failure

    failure = asyncio.run(main())
    assert failure is not None
    assert (failure.reason, failure.fault) == (Reason.LETTER_UNREADABLE, Fault.CONFIG)
    assert "is of version 2, and this worker reads version 1" in caplog.text


def test_which_targets_have_a_redriven_event_is_not_forgotten_when_no_rule_matches_it_any_more() -> None:
    async def main() -> None:
        changed = Yard(RULES.replace("'three'", "'four'").replace("unmatched: drop", "unmatched: dead-letter"))
        done = {LETTER: Attribute("String", json.dumps({"version": 1, "done": ["crm", "audit"]}))}
        await changed.route(event("three"), attributes=done)
        (letter,) = changed.letters()
        assert (letter.reason, sorted(letter.done)) == ("UNMATCHED", ["audit", "crm"])

        (unmatched,) = changed.stored(DEAD)
        again = Yard()
        await again.route(unmatched.message.body, attributes=dict(unmatched.message.attributes))
        assert [len(again.bodies(name)) for name in ("crm", "archive", "audit")] == [0, 1, 0]

    asyncio.run(main())


def test_what_somebody_else_calls_a_letter_of_turnout_is_an_event_like_others() -> None:
    async def main() -> None:
        yard = Yard()
        await yard.route(event("one"), attributes={LETTER: Attribute("String", "mine")})
        assert yard.bodies("crm") == [event("one")]
        assert yard.letters() == []

    asyncio.run(main())


def test_only_the_failed_entries_of_a_batch_are_sent_again() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_entries(
            "crm", SEND, "InternalError", when=lambda m: isinstance(m, OutgoingMessage) and "-3" in m.body, times=2
        )
        await yard.route(*(event("one", number) for number in range(10)))
        assert sorted(yard.bodies("crm")) == sorted(event("one", number) for number in range(10))
        assert yard.worker.books.target("crm").retried == 2

    asyncio.run(main())


def test_one_entry_that_spoils_the_whole_request_does_not_take_its_neighbours_along() -> None:
    class Spoilt(Yard):
        def __init__(self) -> None:
            super().__init__()
            send = self.sqs.send

            async def refuse_whole_requests(queue: str, messages: object) -> object:
                assert isinstance(messages, list)
                if queue.endswith("/crm") and any("-3" in message.body for message in messages):
                    self.sqs.fail_calls(queue, SEND, "InvalidMessageContents", times=1)
                return await send(queue, messages)

            self.sqs.send = refuse_whole_requests  # type: ignore[method-assign,assignment]

    async def main() -> None:
        yard = Spoilt()
        await yard.route(*(event("one", number) for number in range(10)))
        assert sorted(yard.bodies("crm")) == sorted(event("one", number) for number in range(10) if number != 3)
        assert [letter.event_id for letter in yard.letters()] == ["event-3"]

    asyncio.run(main())


def test_a_failing_target_is_retried_up_to_the_limit_and_then_becomes_a_letter() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable")
        (account,) = await yard.route(event("one"))
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.owed, letter.attempts) == (
            "RETRIES_EXHAUSTED",
            "system",
            ("crm",),
            4,
        )
        assert [retry.code for retry in account.deliveries[0].retries] == ["ServiceUnavailable"] * 3

    asyncio.run(main())


@pytest.mark.parametrize(
    ("code", "reason"), [("QueueDoesNotExist", "QUEUE_MISSING"), ("AccessDenied", "ACCESS_DENIED")]
)
def test_a_missing_or_forbidden_queue_is_confirmed_then_dead_lettered_as_config(code: str, reason: str) -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls("crm", SEND, code)
        await yard.route(event("one"))
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.attempts) == (reason, "config", 3)

    asyncio.run(main())


def test_failed_deletes_are_repeated() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_entries(SOURCE, DELETE, "InternalError", times=3)
        yard.sqs.fail_calls(SOURCE, DELETE, "ServiceUnavailable", times=1)
        await yard.route(*(event("one", number) for number in range(5)))
        assert yard.bodies(SOURCE) == []
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 5}

    asyncio.run(main())


def test_when_the_letter_cannot_be_written_the_message_stays_in_the_source() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls(DEAD, SEND, "AccessDenied")
        (account,) = await yard.route("poison")
        assert account.outcome is Outcome.HANDED_BACK
        assert yard.bodies(SOURCE) == ["poison"]
        assert yard.letters() == []
        yard.sqs.advance(61)
        (message,) = await yard.sqs.receive(SOURCE)
        assert message.body == "poison"

    asyncio.run(main())


def test_what_cannot_be_deleted_is_counted_as_left_in_the_source() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls(SOURCE, DELETE, "AccessDenied")
        (account,) = await yard.route(event("one"))
        assert account.outcome is Outcome.HANDED_BACK
        assert len(yard.bodies("crm")) == len(yard.bodies(SOURCE)) == 1

    asyncio.run(main())


def test_a_message_too_large_for_its_attributes_becomes_a_letter_without_being_sent() -> None:
    async def main() -> None:
        rules = RULES.replace("send: [crm]}", "send: [crm], attributes: {note: {value: " + "n" * 200 + "}}}")
        yard = Yard(rules)
        shell = event("one", pad="")
        body = event("one", pad="x" * (MAX_MESSAGE_BYTES - len(shell) - 50))
        await yard.route(body)
        assert yard.worker.books.letters == {"MESSAGE_TOO_LARGE": 1}
        assert yard.bodies("crm") == []
        assert yard.bodies(DEAD) == [body]

    asyncio.run(main())


def test_a_stop_hands_back_what_cannot_be_finished_and_deletes_what_is_done() -> None:
    async def main() -> None:
        slow = Yard(drain_seconds=0.5, backoff=Backoff(60.0, 60.0, 50))
        slow.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await slow.publish(event("three", 1), event("one", 2))
        async with slow.running():
            await slow.watch.wait(1)
        assert slow.worker.books.outcomes == {Outcome.DELIVERED: 1, Outcome.HANDED_BACK: 1}
        (left,) = await slow.sqs.receive(SOURCE, wait_seconds=0)
        assert left.body == event("three", 1), "visible again at once"

    asyncio.run(main())


def test_a_parked_long_poll_does_not_hold_up_a_stop() -> None:
    async def main() -> None:
        yard = Yard(drain_seconds=10.0)
        async with yard.running():
            await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() < 2

    virtual_time.run(main())


def test_visibility_is_extended_while_a_message_is_held() -> None:
    async def main() -> None:
        yard = Yard(backoff=Backoff(600.0, 600.0, 50), visibility_seconds=6, drain_seconds=0.1)
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable")
        await yard.publish(event("one"))
        async with yard.running():
            (held,) = [account async for account in _held(yard)]
            held.visible_at -= 4  # as if four of the six seconds were over
            await yard.worker.heartbeat.beat()
            assert yard.worker.books.extensions == 1
            assert held.visible_at > asyncio.get_running_loop().time() + 5

    asyncio.run(main())


async def _held(yard: Yard):  # type: ignore[no-untyped-def]
    while not len(yard.worker.in_flight):
        await asyncio.sleep(0)
    for account in yard.worker.in_flight:
        yield account


def test_a_message_handed_out_again_while_held_is_not_sent_twice() -> None:
    async def main() -> None:
        yard = Yard(visibility_seconds=6)
        gate = asyncio.Event()
        send = yard.sqs.send

        async def slowly(queue: str, messages: object) -> object:
            await gate.wait()
            return await send(queue, messages)  # type: ignore[arg-type]

        yard.sqs.send = slowly  # type: ignore[method-assign,assignment]
        sent = await send(SOURCE, [OutgoingMessage(event("one"))])
        assert not sent.failures
        async with yard.running():
            async for _ in _held(yard):
                pass
            yard.sqs.advance(7)  # its visibility lapses, the other poller receives it again
            while not yard.worker.books.redelivered:
                await asyncio.sleep(0)
            gate.set()
            await yard.watch.wait(1)
        assert len(yard.bodies("crm")) == 1
        assert yard.bodies(SOURCE) == [], "deleted with the newer handle"
        assert yard.worker.books.received == 1

    asyncio.run(main())


def test_a_fifo_target_gets_a_group_and_the_same_deduplication_id_for_the_same_event() -> None:
    async def main() -> None:
        rules = RULES.replace("{queue: crm, priority: 0}", "{queue: crm.fifo, priority: 0}")
        yard = Yard(rules, fifo=["crm.fifo"])
        body = json.dumps({"id": "event-1", "detail": {"to": "one", "conversationId": "c-1"}})
        await yard.route(body, body)
        (stored,) = yard.stored("crm.fifo")
        assert stored.message.group_id == "c-1"
        assert stored.message.deduplication_id is not None
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 2}

    asyncio.run(main())


@pytest.mark.parametrize("deduplicate", ["", ", deduplicate: id"])
def test_a_fifo_target_takes_an_event_again_that_is_replayed_once_per_replay(deduplicate: str) -> None:
    async def main() -> None:
        rules = RULES.replace("{queue: crm, priority: 0}", "{queue: crm.fifo, priority: 0}")
        rules = rules.replace("send: [crm]}", f"send: [crm]{deduplicate}}}")
        yard = Yard(rules, fifo=["crm.fifo"])
        body = json.dumps({"id": "event-1", "detail": {"to": "one", "conversationId": "c-1"}})
        async with yard.running():
            await yard.publish(body)
            for replay in ("replay-1", "replay-1", "replay-2"):
                marked = {REPLAY: Attribute("String", replay)}
                await yard.sqs.send(SOURCE, [OutgoingMessage(body, marked)])
            await yard.watch.wait(4)
        assert len({stored.message.deduplication_id for stored in yard.stored("crm.fifo")}) == 3

    asyncio.run(main())


def test_new_rules_take_effect_with_the_next_message_and_may_bring_new_targets() -> None:
    async def main() -> None:
        yard = Yard(
            RULES.replace("  archive: {queue: archive, priority: 5}\n", "").replace("crm, archive, audit", "crm")
        )
        async with yard.running():
            await yard.publish(event("one", 1))
            await yard.watch.wait(1)
            yard.worker.use(ruleset(RULES.replace("send: [crm]}", "send: [archive]}")))
            await yard.publish(event("one", 2))
            await yard.watch.wait(2)
        assert yard.bodies("crm") == [event("one", 1)]
        assert yard.bodies("archive") == [event("one", 2)]

    asyncio.run(main())


def test_a_bug_in_evaluation_costs_one_letter_and_not_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        yard = Yard()
        rules = yard.worker.ruleset
        match = rules.match

        class Broken:
            def __getattr__(self, name: str) -> object:
                return getattr(rules, name)

            def match(self, body: str, metadata: object = None) -> object:
                if "-1" in body:
                    raise ZeroDivisionError
                return match(body)

        yard.worker._router.routes = type(yard.worker._router.routes)(Broken(), yard.worker._router.routes.senders)  # type: ignore[arg-type]
        await yard.route(event("one", 1), event("one", 2))
        assert [letter.reason for letter in yard.letters()] == ["INTERNAL_ERROR"]
        assert yard.bodies("crm") == [event("one", 2)]

    asyncio.run(main())


class BrokenWatch(Watch):
    """Cannot compose what goes to these targets for the first event."""

    def __init__(self, *targets: str) -> None:
        super().__init__()
        self.targets = targets

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        if '"event-1"' in delivery.account.message.body and delivery.target in self.targets:
            raise ZeroDivisionError
        return super().inject(delivery, attributes)


def test_a_bug_in_composing_costs_one_letter_and_not_the_batch() -> None:
    async def main() -> None:
        yard = Yard()
        yard.watch = BrokenWatch("crm")
        yard.worker = Worker(yard.config, ruleset(RULES), yard.sqs, yard.watch)
        await yard.route(event("one", 1), event("one", 2))
        assert yard.bodies("crm") == [event("one", 2)]
        assert [(letter.reason, letter.owed) for letter in yard.letters()] == [("INTERNAL_ERROR", ("crm",))]

    asyncio.run(main())


def test_a_bug_in_composing_the_letter_leaves_the_message_in_its_queue() -> None:
    async def main() -> None:
        yard = Yard()
        yard.watch = BrokenWatch("crm", "events-dead")
        yard.worker = Worker(yard.config, ruleset(RULES), yard.sqs, yard.watch)
        await yard.route(event("one", 1), event("one", 2))
        assert yard.bodies("crm") == [event("one", 2)]
        assert yard.letters() == []
        assert yard.bodies(SOURCE) == [event("one", 1)]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("operation", "part"),
    [("send", "send-crm-0"), ("delete", "delete-0"), ("receive", "poller")],
)
def test_a_part_that_a_library_cancels_ends_the_worker_and_not_itself_alone(
    operation: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard = Yard(send_calls=1)

    async def cancelled(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        await yard.publish(event("one"))
        monkeypatch.setattr(yard.sqs, operation, cancelled)
        async with yard.running():
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    told = caught.value.subgroup(lambda error: isinstance(error, RuntimeError) and part in str(error))
    assert told is not None


def test_targets_that_a_reload_adds_are_watched_like_those_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard(RULES.replace("crm, priority", "audit, priority"), send_calls=1)
    send = yard.sqs.send

    async def cancelled(queue: str, messages: Sequence[OutgoingMessage]) -> SentBatch:
        if queue.endswith("crm"):
            raise asyncio.CancelledError
        return await send(queue, messages)

    async def main() -> None:
        monkeypatch.setattr(yard.sqs, "send", cancelled)
        async with yard.running():
            yard.worker.use(ruleset(RULES))
            await yard.publish(event("one"))
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(main())
    assert caught.value.subgroup(lambda error: "send-crm-0" in str(error)) is not None
