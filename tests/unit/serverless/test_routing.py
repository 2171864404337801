"""The router function over queues in memory: the worker's contract, kept call by call."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from tests.unit.pipeline import virtual_time
from tests.unit.pipeline.yard import DEAD, RULES, SOURCE, Yard, event
from tests.unit.serverless.mapping import poll, sqs_event
from tests.unit.telemetry.stories import Sink

from turnout.account import Outcome
from turnout.errors import Fault, TargetError
from turnout.idempotency.api import IdempotencyStore
from turnout.idempotency.memory import MemoryStore
from turnout.message import Attribute, Message
from turnout.pipeline.backoff import Backoff
from turnout.pipeline.breaker import BreakerConfig
from turnout.rules import Ruleset
from turnout.serverless.events import messages_of
from turnout.serverless.routing import BatchRouter, Routed
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.targets.destinations import Destinations
from turnout.telemetry.tracing import LateTracing, NoTracing, Tracing

FIFO = "http://sqs.memory/000000000000/events.fifo"


class Function:
    """A router function on a yard's queues; it keeps its store over calls, as a container does."""

    def __init__(self, yard: Yard, store: IdempotencyStore | None = None, tracing: Tracing | None = None) -> None:
        self.yard = yard
        self.routed: list[Routed] = []
        destinations = Destinations(yard.sqs, beside=SOURCE, environ={})
        ruleset: Ruleset = yard.worker.ruleset
        self.router = BatchRouter(yard.config, ruleset, yard.sqs, tracing or NoTracing(), store, destinations)
        self.seconds = 10.0

    async def __call__(self, event: dict[str, Any]) -> list[str]:
        messages = messages_of(event, [SOURCE, FIFO])
        self.routed.append(await self.router.route(messages, self.seconds))
        return list(self.routed[-1].failed)


def run(test: Callable[[], Any]) -> None:
    """In virtual time: what a call may take is no time of a busy machine."""
    virtual_time.run(test())


def test_a_batch_goes_where_its_rules_say_and_nothing_stays() -> None:
    async def test() -> None:
        yard = Yard()
        await yard.publish(event("one"), event("three", 2), event("nobody", 3))
        assert await poll(yard.sqs, SOURCE, Function(yard)) == []
        assert yard.bodies("crm") == [event("one"), event("three", 2)]
        assert yard.bodies("archive") == yard.bodies("audit") == [event("three", 2)]
        assert not yard.stored(SOURCE)
        assert not yard.letters()

    run(test)


def test_a_batch_larger_than_one_receive_is_routed_whole() -> None:
    async def test() -> None:
        yard = Yard()
        bodies = [event("one", number) for number in range(95)]
        await yard.publish(*bodies)
        assert await poll(yard.sqs, SOURCE, Function(yard), batch=100) == []
        assert sorted(yard.bodies("crm")) == sorted(bodies)

    run(test)


def test_a_call_ends_when_its_batch_is_done() -> None:
    async def test() -> None:
        yard = Yard(last_poll_seconds=0.5)
        await yard.publish(event("three"), event("one", 2))
        assert await poll(yard.sqs, SOURCE, Function(yard)) == []
        assert asyncio.get_running_loop().time() < 0.1, "nothing is waited for that a call would be paid for"

    run(test)


def test_an_empty_batch_is_nothing() -> None:
    async def test() -> None:
        assert await Function(Yard())({"Records": []}) == []
        assert asyncio.get_running_loop().time() == 0, "nothing is begun"

    run(test)


def test_what_cannot_be_read_becomes_a_letter_and_leaves_the_queue() -> None:
    async def test() -> None:
        yard = Yard()
        await yard.publish("not json", '{"no": "detail"}', event("one"))
        assert await poll(yard.sqs, SOURCE, Function(yard)) == []
        assert [letter.reason for letter in yard.letters()] == ["INVALID_JSON", "MISSING_FIELD"]
        assert yard.bodies("crm") == [event("one")]

    run(test)


def test_a_target_that_refuses_is_owed_by_a_letter_and_hurts_no_other() -> None:
    async def test() -> None:
        yard = Yard()
        yard.sqs.fail_calls("archive", "SendMessageBatch", "AccessDenied")
        await yard.publish(event("three"))
        assert await poll(yard.sqs, SOURCE, Function(yard)) == []
        (letter,) = yard.letters()
        assert (letter.owed, letter.done) == (("archive",), ("crm", "audit"))

    run(test)


def test_what_cannot_be_accounted_for_stays_and_next_time_goes_only_where_it_is_owed() -> None:
    async def test() -> None:
        yard = Yard()
        yard.sqs.fail_calls("archive", "SendMessageBatch", "AccessDenied")
        yard.sqs.fail_calls(DEAD, "SendMessageBatch", "AccessDenied")
        await yard.publish(event("three"), event("one", 2))
        function = Function(yard, MemoryStore(100))
        assert await poll(yard.sqs, SOURCE, function) == [event("three")]
        assert len(yard.stored(SOURCE)) == 1
        yard.sqs.heal()
        yard.sqs.advance(31)
        assert await poll(yard.sqs, SOURCE, function) == []
        assert yard.bodies("archive") == [event("three")]
        assert yard.bodies("crm") == [event("three"), event("one", 2)]
        assert yard.bodies("audit") == [event("three")]

    run(test)


def test_what_is_not_done_before_the_deadline_comes_again() -> None:
    async def test() -> None:
        yard = Yard(backoff=Backoff(60.0, 60.0, 12))
        yard.sqs.fail_calls("archive", "SendMessageBatch", "ServiceUnavailable")
        await yard.publish(event("three"), event("one", 2))
        function = Function(yard, MemoryStore(100))
        function.seconds = 0.6
        started = asyncio.get_running_loop().time()
        assert await poll(yard.sqs, SOURCE, function) == [event("three")]
        assert asyncio.get_running_loop().time() - started < 0.6
        yard.sqs.heal()
        yard.sqs.advance(61)
        assert await poll(yard.sqs, SOURCE, function) == []
        assert [len(yard.bodies(name)) for name in ("crm", "archive", "audit")] == [2, 1, 1]

    run(test)


def test_before_sqs_moves_a_message_away_its_letter_is_written() -> None:
    async def test() -> None:
        yard = Yard(backoff=Backoff(0.01, 60.0, 12), hold_seconds=900.0)
        source = yard.sqs.create_queue("events", dead_letter_queue=DEAD, max_receive_count=2)
        yard.sqs.fail_calls("archive", "SendMessageBatch", "ServiceUnavailable")
        await yard.publish(event("three"))
        function = Function(yard, MemoryStore(100))
        function.seconds = 0.8
        assert await poll(yard.sqs, source, function) == [event("three")]
        assert yard.stored(DEAD) == []
        yard.sqs.advance(31)
        function.seconds = 2.0
        assert await poll(yard.sqs, source, function) == []
        (letter,) = yard.letters()
        assert letter.reason == "RETRIES_EXHAUSTED"
        assert letter.owed == ("archive",)
        assert yard.bodies("crm") == [event("three")]

    run(test)


class Resting:
    """A destination that asks for ten minutes of rest, so often."""

    max_entries = 1
    max_message_bytes = max_batch_bytes = 262_144
    ordered = False
    url = "endpoint:https://resting.test"
    name = "resting.test"

    def __init__(self, refusals: int = 1_000) -> None:
        self.refusals = refusals
        self.asked = 0

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        self.asked += 1
        if self.asked > self.refusals:
            return SentBatch(("taken",))
        raise TargetError("later", code="HTTP 429", fault=Fault.SYSTEM, retryable=True, retry_after=600.0)


def test_before_sqs_moves_a_message_away_its_letter_is_written_though_its_target_asks_for_a_long_rest() -> None:
    async def test() -> None:
        yard = Yard()
        yard.sqs.create_queue("redriven")
        yard.sqs.create_queue("events", dead_letter_queue="redriven", max_receive_count=1)
        await yard.publish(event("one"))
        function = Function(yard)
        function.router._destinations = lambda _: Resting()
        function.seconds = 2.0
        assert await poll(yard.sqs, SOURCE, function) == []
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed) == ("RETRIES_EXHAUSTED", ("crm",))

    run(test)


def last_chance(**config: Any) -> tuple[Yard, Function]:
    """A function on a queue that hands its messages out once."""
    yard = Yard(**config)
    yard.sqs.create_queue("redriven")
    yard.sqs.create_queue("events", dead_letter_queue="redriven", max_receive_count=1)
    return yard, Function(yard)


def test_a_last_chance_is_as_long_as_the_call_for_each_message_that_waits_for_no_other() -> None:
    """Four attempts, over more than a third of the time."""

    async def test() -> None:
        yard, function = last_chance(backoff=Backoff(0.001, 60.0, 12), breaker=BreakerConfig(failures=100))
        await yard.publish(*(event("one", number) for number in range(8)))
        resting = Resting(refusals=8 * 3)
        function.router._destinations = lambda _: resting
        function.seconds = 12.0
        assert await poll(yard.sqs, SOURCE, function) == []
        assert not yard.letters()
        assert resting.asked == 8 * 4
        assert 3.0 < asyncio.get_running_loop().time() < 4.5

    run(test)


def test_a_last_chance_is_shared_by_the_longest_group() -> None:
    async def test() -> None:
        yard = Ordered(breaker=BreakerConfig(failures=100))
        yard.source = yard.sqs.create_queue("events.fifo", max_receive_count=1, dead_letter_queue=DEAD)
        await yard.fill("b", *["a"] * 8)
        function = Function(yard)
        function.router._destinations = lambda _: Resting()
        function.seconds = 12.0
        assert await poll(yard.sqs, yard.source, function) == []
        assert len(yard.letters()) == 9

    run(test)


def test_in_a_last_chance_attempts_are_no_more_and_no_further_apart_than_the_settings_say() -> None:
    async def test() -> None:
        yard, function = last_chance(backoff=Backoff(0.001, 0.25, 2))
        await yard.publish(event("one"))
        resting = Resting()
        function.router._destinations = lambda _: resting
        function.seconds = 12.0
        assert await poll(yard.sqs, SOURCE, function) == []
        assert resting.asked == len(yard.letters()) + 1 == 2
        assert asyncio.get_running_loop().time() < 0.3

    run(test)


def test_a_last_chance_looks_again_at_a_target_that_is_down_however_seldom_that_is_done_else() -> None:
    async def test() -> None:
        seldom = BreakerConfig(failures=1, probe_seconds=30.0, probe_cap_seconds=30.0)
        yard, function = last_chance(breaker=seldom)
        yard.sqs.fail_calls("crm", "SendMessageBatch", "ServiceUnavailable")
        await yard.publish(event("one"))
        function.seconds = 1.0
        assert await poll(yard.sqs, SOURCE, function) == []
        assert [letter.owed for letter in yard.letters()] == [("crm",)]

    run(test)


TRIED_FIVE_TIMES = {"crm": 1, "letters": 0}
GIVEN_UP_EARLY = {"crm": 0, "letters": 1}


async def route_with_policy(yard: Yard, function: Function, message: Message) -> dict[str, int]:
    """Route an event whose target takes it at the fifth attempt."""
    yard.sqs.fail_entries("crm", "SendMessageBatch", "ServiceUnavailable", times=4)
    assert await function(sqs_event(message)) == []
    yard.sqs.heal()
    return {"crm": len(yard.bodies("crm")), "letters": len(yard.letters())}


@pytest.mark.parametrize(
    ("attributes", "became"),
    [
        ({"RedrivePolicy": '{"maxReceiveCount":1}'}, GIVEN_UP_EARLY),
        ({"RedrivePolicy": '{"maxReceiveCount":"1"}'}, GIVEN_UP_EARLY),
        ({"RedrivePolicy": '{"maxReceiveCount":2}'}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": '{"maxReceiveCount":null}'}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": '{"deadLetterTargetArn":"x"}'}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": "null"}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": "[]"}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": "{"}, TRIED_FIVE_TIMES),
        ({"RedrivePolicy": ""}, TRIED_FIVE_TIMES),
        ({}, TRIED_FIVE_TIMES),
    ],
)
def test_only_the_last_receive_that_the_redrive_policy_allows_makes_a_call_hurry(
    attributes: dict[str, str], became: dict[str, int]
) -> None:
    async def told(queue: str) -> dict[str, str]:
        return attributes

    async def test() -> None:
        yard = Yard(backoff=Backoff(0.001, 0.002, 12))
        yard.sqs.queue_attributes = told  # type: ignore[method-assign]
        message = Message("m1", "h1", event("one"), SOURCE)
        assert await route_with_policy(yard, Function(yard), message) == became

    run(test)


def test_a_redrive_policy_that_may_not_be_read_makes_no_call_hurry() -> None:
    async def test() -> None:
        yard = Yard(backoff=Backoff(0.001, 0.002, 12))
        yard.sqs.fail_calls(SOURCE, "GetQueueAttributes", "AccessDenied", times=1)
        function = Function(yard)
        for number in (1, 2):
            message = Message(f"m{number}", "h", event("one", number), SOURCE)
            assert await route_with_policy(yard, function, message) == {"crm": number, "letters": 0}

    run(test)


def test_the_message_that_was_received_most_often_says_whether_a_call_hurries() -> None:
    async def test() -> None:
        yard = Yard(backoff=Backoff(0.001, 0.002, 12))
        yard.sqs.create_queue("redriven")
        yard.sqs.create_queue("events", dead_letter_queue="redriven", max_receive_count=2)
        yard.sqs.fail_entries("crm", "SendMessageBatch", "ServiceUnavailable", times=4)
        often = Message("m1", "h1", event("one"), SOURCE, system={"ApproximateReceiveCount": "2"})
        assert await Function(yard)(sqs_event(often, Message("m2", "h2", event("nobody", 2), SOURCE))) == []
        assert len(yard.letters()) == 1

    run(test)


class Silent(Resting):
    """A destination that never answers."""

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


def test_a_call_works_until_shortly_before_its_end_and_says_how_many_messages_come_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test() -> None:
        yard = Yard(max_in_flight=2, drain_seconds=60.0)
        await yard.publish(event("nobody"), *(event("one", number) for number in range(2, 7)))
        function = Function(yard)
        function.router._destinations = lambda _: Silent()
        function.seconds = 100.0
        assert len(await poll(yard.sqs, SOURCE, function)) == 5
        assert 96.5 < asyncio.get_running_loop().time() < 98
        books = function.routed[-1].books
        assert (books.received, books.outcomes[Outcome.HANDED_BACK], books.in_flight) == (6, 5, 0)

    run(test)
    assert "not done in time, so that it comes again: 5 messages" in caplog.messages


def test_before_sqs_moves_a_message_away_its_letter_is_written_though_its_target_does_not_answer() -> None:
    async def test() -> None:
        yard, function = last_chance(backoff=Backoff(1.0, 60.0, 12), breaker=BreakerConfig(failures=100))
        await yard.publish(*(event("one", number) for number in range(5)))
        function.router._destinations = lambda _: Silent()
        function.seconds = 12.0
        assert await poll(yard.sqs, SOURCE, function) == []
        assert [letter.owed for letter in yard.letters()] == [("crm",)] * 5

    run(test)


def test_before_sqs_moves_a_whole_group_away_the_letters_of_all_of_it_are_written_though_no_target_answers() -> None:
    async def test() -> None:
        yard = Ordered(backoff=Backoff(1.0, 60.0, 12), breaker=BreakerConfig(failures=100))
        yard.source = yard.sqs.create_queue("events.fifo", max_receive_count=1, dead_letter_queue=DEAD)
        await yard.fill("b", *["a"] * 8)
        function = Function(yard)
        function.router._destinations = lambda _: Silent()
        function.seconds = 12.0
        assert await poll(yard.sqs, yard.source, function) == []
        assert len(yard.letters()) == 9

    run(test)


def test_nothing_is_said_of_a_batch_that_is_done(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        yard = Yard()
        await yard.publish(event("three"), event("nobody", 2))
        assert await poll(yard.sqs, SOURCE, Function(yard)) == []

    run(test)
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_redrive_policy_that_may_not_be_read_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        yard = Yard()
        yard.sqs.fail_calls(SOURCE, "GetQueueAttributes", "AccessDenied")
        function = Function(yard)
        for number in range(3):
            await yard.publish(event("one", number))
            assert await poll(yard.sqs, SOURCE, function) == []

    run(test)
    assert [record.levelno for record in caplog.records if "redrive policy" in record.message] == [logging.WARNING]


def test_a_redrive_policy_that_could_not_be_read_for_a_moment_is_asked_for_again() -> None:
    async def test() -> None:
        yard = Yard(backoff=Backoff(0.01, 60.0, 12), hold_seconds=900.0)
        source = yard.sqs.create_queue("events", dead_letter_queue=DEAD, max_receive_count=2)
        yard.sqs.fail_calls("archive", "SendMessageBatch", "ServiceUnavailable")
        yard.sqs.fail_calls(source, "GetQueueAttributes", "RequestThrottled", times=1)
        await yard.publish(event("three"), event("one", 2))
        function = Function(yard, MemoryStore(100))
        function.seconds = 0.8
        assert await poll(yard.sqs, source, function) == [event("three")]
        assert yard.stored(DEAD) == []
        yard.sqs.advance(31)
        function.seconds = 2.0
        assert await poll(yard.sqs, source, function) == []
        assert [letter.owed for letter in yard.letters()] == [("archive",)]

    run(test)


def test_a_source_queue_that_does_not_tell_its_redrive_policy_does_not_use_up_the_calls_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def silent(queue: str) -> Any:
        await asyncio.Event().wait()

    async def test() -> None:
        yard = Yard(backoff=Backoff(60.0, 60.0, 12))
        yard.sqs.queue_attributes = silent  # type: ignore[method-assign]
        yard.sqs.fail_calls("archive", "SendMessageBatch", "ServiceUnavailable")
        await yard.publish(event("three"), event("one", 2))
        function = Function(yard)
        function.seconds = 2.0
        started = asyncio.get_running_loop().time()
        assert await poll(yard.sqs, SOURCE, function) == [event("three")]
        assert asyncio.get_running_loop().time() - started < 2.0

    run(test)
    assert "the redrive policy of" in caplog.text
    assert "no answer within" in caplog.text


class Ordered(Yard):
    """A yard with a FIFO source that keeps what its target saw."""

    def __init__(self, **config: Any) -> None:
        rules = RULES.replace("{queue: crm, priority: 0}", "{queue: crm.fifo}")
        super().__init__(rules, fifo=("crm.fifo",), **config)
        self.source = self.sqs.create_queue("events.fifo", max_receive_count=10)

    async def fill(self, *groups: str) -> None:
        for number, group in enumerate(groups):
            message = OutgoingMessage(event("one", number), group_id=group, deduplication_id=f"d{number}")
            assert not (await self.sqs.send(self.source, [message])).failures

    def order(self) -> list[int]:
        return [int(json.loads(body)["id"].partition("-")[2]) for body in self.bodies("crm.fifo")]


def test_a_group_of_a_fifo_queue_keeps_its_order() -> None:
    async def test() -> None:
        yard = Ordered()
        await yard.fill(*["a"] * 10)
        assert await poll(yard.sqs, yard.source, Function(yard)) == []
        assert yard.order() == list(range(10))

    run(test)


def test_a_group_stops_at_its_first_failure_and_others_go_on() -> None:
    async def test() -> None:
        yard = Ordered()
        await yard.fill("a", "a", "b", "a", "b")
        third = event("one", 1)
        yard.sqs.fail_entries(
            "crm.fifo", "SendMessageBatch", "AccessDenied",
            when=lambda message: isinstance(message, OutgoingMessage) and message.body == third,
        )  # fmt: skip
        yard.sqs.fail_calls(DEAD, "SendMessageBatch", "AccessDenied")
        function = Function(yard)
        assert await poll(yard.sqs, yard.source, function) == [event("one", 1), event("one", 3)]
        assert sorted(yard.order()) == [0, 2, 4]
        books = function.routed[-1].books
        assert books.balance(0).startswith("5 received = 3 delivered")
        assert books.outcomes[Outcome.HANDED_BACK] == 2, "the one that failed, and the one behind it"
        yard.sqs.heal()
        yard.sqs.advance(31)
        assert await poll(yard.sqs, yard.source, Function(yard)) == []
        assert [number for number in yard.order() if number in (0, 1, 3)] == [0, 1, 3]

    run(test)


def test_before_sqs_moves_a_whole_group_away_the_letters_of_all_of_it_are_written() -> None:
    async def test() -> None:
        yard = Ordered()
        yard.source = yard.sqs.create_queue("events.fifo", max_receive_count=1, dead_letter_queue=DEAD)
        yard.sqs.fail_calls("crm.fifo", "SendMessageBatch", "RequestThrottled")
        await yard.fill(*["a"] * 8)
        function = Function(yard)
        function.seconds = 5.0
        assert await poll(yard.sqs, yard.source, function) == []
        assert [letter.reason for letter in yard.letters()] == ["RETRIES_EXHAUSTED"] * 8

    run(test)


def test_a_call_ends_when_nothing_more_can_be_done_for_its_groups() -> None:
    async def test() -> None:
        yard = Ordered()
        await yard.fill("a", "a", "b", "a")
        yard.sqs.fail_calls("crm.fifo", "SendMessageBatch", "AccessDenied")
        yard.sqs.fail_calls(DEAD, "SendMessageBatch", "AccessDenied")
        assert len(await poll(yard.sqs, yard.source, Function(yard))) == 4
        assert asyncio.get_running_loop().time() < 1

    run(test)


def test_a_letter_is_no_failure_so_its_group_goes_on() -> None:
    async def test() -> None:
        yard = Ordered()
        await yard.fill("a", "a")
        yard.sqs.fail_entries("crm.fifo", "SendMessageBatch", "InvalidMessageContents", times=1)
        assert await poll(yard.sqs, yard.source, Function(yard)) == []
        assert yard.order() == [1]
        assert len(yard.letters()) == 1

    run(test)


def test_a_bug_costs_no_message(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(MemoryStore):
        async def claim(self, keys: Any, lease_seconds: float) -> Any:
            raise ZeroDivisionError

    async def test() -> None:
        yard = Yard()
        await yard.publish(event("one"), event("one", 2))
        assert await poll(yard.sqs, SOURCE, Function(yard, Broken(10))) == [event("one"), event("one", 2)]
        assert len(yard.stored(SOURCE)) == 2

    run(test)
    assert "please report this" in caplog.text


def test_an_event_twice_in_a_batch_is_sent_once() -> None:
    async def test() -> None:
        yard = Yard()
        await yard.publish(event("one"), event("one"))
        function = Function(yard, MemoryStore(100))
        left = await poll(yard.sqs, SOURCE, function)
        assert len(left) <= 1
        yard.sqs.advance(31)
        assert await poll(yard.sqs, SOURCE, function) == []
        assert yard.bodies("crm") == [event("one")]

    run(test)


def test_the_message_itself_twice_in_an_event_is_routed_once() -> None:
    async def test() -> None:
        yard = Yard()
        message = Message("m1", "h1", event("one"), SOURCE)
        assert await Function(yard)(sqs_event(message, message)) == []
        assert yard.bodies("crm") == [event("one")]

    run(test)


def test_attributes_arrive_and_the_trace_goes_on_from_the_header_of_the_record() -> None:
    async def test() -> None:
        yard, sink = Yard(), Sink()
        header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
        attributes = {"tenant": Attribute("String", "acme"), "blob": Attribute("Binary", data=b"\x00\xff")}
        message = Message("m1", "h1", event("one"), SOURCE, attributes, {"AWSTraceHeader": header})
        assert await Function(yard, tracing=LateTracing(sink))(sqs_event(message)) == []
        (stored,) = yard.stored("crm")
        assert stored.message.attributes["tenant"].text == "acme"
        assert stored.message.attributes["blob"].data == b"\x00\xff"
        (process,) = sink.named("process events")
        assert process.trace == "5759e988bd862e3fe1be46a994272793"
        assert process.parent == 0x53995C3F42CD8AD8

    run(test)


def test_the_books_of_a_call_are_its_own() -> None:
    async def test() -> None:
        yard = Yard()
        function = Function(yard)
        for number in range(2):
            await yard.publish(event("three", number))
            await poll(yard.sqs, SOURCE, function)
        assert [routed.books.received for routed in function.routed] == [1, 1]
        assert [msgspec.to_builtins(dict(each.books.matches)) for each in function.routed] == [{"three": 1}] * 2

    run(test)
