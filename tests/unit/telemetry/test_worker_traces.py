"""The spans of the real worker over in-memory queues: what the pipeline records is what tracing needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.unit.pipeline.yard import DEAD, Watch, Yard, event, ruleset
from tests.unit.telemetry.stories import TRACE, TRACEPARENT, Sink, text

from turnout.account import Account, Delivery, Outcome
from turnout.message import Attribute
from turnout.pipeline.breaker import BreakerConfig
from turnout.pipeline.worker import Worker
from turnout.sqs.api import MAX_MESSAGE_BYTES
from turnout.telemetry.propagation import parse_traceparent
from turnout.telemetry.records import Kind, Span, Trace
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.tracing import LateTracing

SEND, DELETE = "SendMessageBatch", "DeleteMessageBatch"


class Traced(Watch):
    """Real tracing that also tells when messages are settled."""

    def __init__(self, sampler: Sampler | None = None) -> None:
        super().__init__()
        self.sink = Sink()
        self.late = LateTracing(self.sink, sampler=sampler, slow_seconds=60.0 if sampler else 1.0)

    def received(self, accounts: Sequence[Account]) -> None:
        self.late.received(accounts)

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        return self.late.inject(delivery, attributes)

    def settled(self, accounts: Sequence[Account]) -> None:
        self.late.settled(accounts)
        super().settled(accounts)

    async def aclose(self, timeout_seconds: float) -> None:
        await self.late.aclose(timeout_seconds)


def traced() -> tuple[Yard, Traced]:
    yard = Yard()
    yard.watch = watch = Traced()
    yard.worker = Worker(yard.config, ruleset(), yard.sqs, watch)
    return yard, watch


def route(yard: Yard, watch: Traced, *bodies: str, attributes: dict[str, Attribute] | None = None) -> Sink:
    async def main() -> None:
        await yard.route(*bodies, attributes=attributes)
        await watch.aclose(1)

    asyncio.run(main())
    assert watch.late.counts.errors == 0
    for span in watch.sink.spans:
        assert 0 < span.start_ns <= span.end_ns, span.name
    return watch.sink


def one(sink: Sink, name: str) -> Span:
    (span,) = sink.named(name)
    return span


def test_the_worker_delivers_with_a_span_for_every_step() -> None:
    yard, watch = traced()
    sink = route(yard, watch, event("three"))
    process = one(sink, "process events")
    assert process.kind is Kind.CONSUMER
    assert process.attributes["turnout.rules.matched"] == ["three"]
    assert process.attributes["turnout.event.id"] == "event-1"
    assert process.attributes["turnout.outcome"] == "delivered"
    names = sorted(span.name for span in sink.spans if span.parent == process.span_id)
    assert names == ["create archive", "create audit", "create crm", "delete events", "evaluate rules"]
    for span in sink.spans:
        if span.parent == process.span_id:
            assert process.start_ns <= span.start_ns <= span.end_ns <= process.end_ns, span.name
    for queue in ("crm", "archive", "audit"):
        (stored,) = yard.stored(queue)
        context = parse_traceparent(stored.message.attributes["traceparent"].text or "")
        create = one(sink, f"create {queue}")
        assert context is not None
        assert (context.trace, int(context.span, 16)) == (create.trace, create.span_id)
        header = stored.message.trace_header or ""
        assert header.endswith(f"Parent={context.span};Sampled=1")
        assert one(sink, f"send {queue}").parent == create.span_id


def test_the_worker_continues_the_trace_it_is_given() -> None:
    yard, watch = traced()
    sink = route(yard, watch, event("one"), attributes={"traceparent": text(TRACEPARENT)})
    assert one(sink, "process events").trace == TRACE
    (stored,) = yard.stored("crm")
    assert TRACE in (stored.message.attributes["traceparent"].text or "")


def test_the_worker_tells_of_its_retries() -> None:
    yard, watch = traced()
    yard.sqs.fail_calls("crm", SEND, "RequestThrottled", times=2)
    sink = route(yard, watch, event("one"))
    create = one(sink, "create crm")
    assert [event.attributes["error.type"] for event in create.events] == ["RequestThrottled"] * 2
    assert create.attributes["turnout.delivery.attempts"] == 3
    assert [span.error for span in sink.named("send crm")] == ["RequestThrottled", "RequestThrottled", None]
    assert one(sink, "process events").error is None


def test_a_dead_lettered_message_of_the_worker_is_traced_into_the_dead_letter_queue() -> None:
    yard, watch = traced()
    yard.sqs.fail_entries("archive", SEND, "InvalidMessageContents")
    sink = route(yard, watch, event("three"))
    process, letter = one(sink, "process events"), one(sink, "create events-dead")
    assert process.attributes["error.type"] == "MESSAGE_REJECTED"
    assert process.attributes["turnout.outcome"] == "dead_lettered"
    assert letter.attributes["turnout.letter.owed"] == ["archive"]
    (stored,) = yard.stored(DEAD)
    context = parse_traceparent(stored.message.attributes["traceparent"].text or "")
    assert context is not None
    assert (context.trace, int(context.span, 16)) == (letter.trace, letter.span_id)


def test_a_malformed_body_is_traced_as_a_failed_evaluation() -> None:
    yard, watch = traced()
    sink = route(yard, watch, "not json")
    assert one(sink, "evaluate rules").attributes["error.type"] == "INVALID_JSON"
    assert one(sink, "process events").attributes["error.type"] == "INVALID_JSON"
    assert one(sink, "create events-dead").attributes["turnout.letter.reason"] == "INVALID_JSON"


@pytest.mark.parametrize("spare", [0, 71, 72, 130])
def test_an_event_that_fills_a_message_is_delivered_or_becomes_a_letter_and_only_its_trace_context_may_be_missing(
    spare: int,
) -> None:
    yard, watch = traced()
    good, bad = event("one", pad="x"), "x" * (MAX_MESSAGE_BYTES - spare)
    good = event("one", pad="x" * (MAX_MESSAGE_BYTES - len(good) + 1 - spare))
    assert len(good) == len(bad)
    route(yard, watch, good, bad)
    assert yard.bodies("crm") == [good]
    assert yard.bodies(DEAD) == [bad]
    assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1, Outcome.DEAD_LETTERED: 1}
    assert ("traceparent" in yard.stored("crm")[0].message.attributes) == (spare >= 72)


def test_an_event_that_fills_what_its_target_takes_is_delivered_without_a_trace_context() -> None:
    yard, watch = traced()
    yard.sqs.create_queue("crm", max_message_bytes=262_144)
    yard.sqs.create_queue("events-dead", max_message_bytes=262_144)
    body = event("one", pad="x" * (262_144 - len(event("one", pad=""))))
    poison = "x" * 262_144
    route(yard, watch, body, poison)
    (stored,) = yard.stored("crm")
    assert (stored.message.body, stored.message.attributes) == (body, {})
    assert yard.bodies(DEAD) == [poison]


def test_a_trace_context_that_came_along_stays_where_it_is() -> None:
    yard, watch = traced()
    shell = event("one", pad="")
    body = event("one", pad="x" * (MAX_MESSAGE_BYTES - len(shell) - 72))
    route(yard, watch, body, attributes={"traceparent": text(TRACEPARENT)})
    (stored,) = yard.stored("crm")
    context = parse_traceparent(stored.message.attributes["traceparent"].text or "")
    assert context is not None
    assert context.trace == TRACE


def test_an_unmatched_event_is_traced_as_dropped() -> None:
    yard, watch = traced()
    sink = route(yard, watch, event("nowhere"))
    process = one(sink, "process events")
    assert process.attributes["turnout.outcome"] == "dropped"
    assert process.error is None
    assert [span.name for span in sink.spans if span.name.startswith("create")] == []


def test_a_batch_of_the_worker_is_linked_both_ways() -> None:
    yard, watch = traced()
    sink = route(yard, watch, *(event("one", number) for number in range(10)))
    creates = {span.span_id: span for span in sink.named("create crm")}
    sends = {span.span_id: span for span in sink.named("send crm")}
    assert len(creates) == 10
    there = {(send.span_id, link.span_id) for send in sends.values() for link in send.links}
    back = {(link.span_id, create.span_id) for create in creates.values() for link in create.links}
    assert there == back
    assert len(there) == 10


def test_at_one_per_cent_the_worker_traces_every_failed_message_among_thousands() -> None:
    watch = Traced(Sampler.ratio(0.01))
    yard = Yard(max_in_flight=500, pollers=4)
    yard.watch = watch
    yard.worker = Worker(yard.config, ruleset(), yard.sqs, watch)
    yard.sqs.fail_calls("archive", SEND, "AccessDenied")
    bodies = [event("one", number) for number in range(3_000)]
    bodies[::10] = [event("three", number) for number in range(0, 3_000, 10)]  # one of their targets fails for good
    bodies[5::50] = [f"not JSON {number}" for number in range(5, 3_000, 50)]
    sink = route(yard, watch, *bodies)

    names: dict[str, list[str]] = {}
    for span in sink.spans:
        names.setdefault(span.trace, []).append(span.name)
    failed = [account for account in watch.accounts if account.outcome is Outcome.DEAD_LETTERED]
    assert len(failed) == 360
    for account in failed:
        assert isinstance(account.trace, Trace)
        steps = ["process events", "evaluate rules", "create events-dead", "delete events"]
        steps += [f"create {delivery.target}" for delivery in account.deliveries]
        told = [name for name in names[account.trace.id] if not name.startswith("send ")]  # of calls alone in a batch
        assert sorted(told) == sorted(steps)
    by_chance = len(sink.named("process events")) - len(failed)
    assert 5 <= by_chance <= 70  # 26 expected of 2,640
    assert watch.late.counts.messages == len(sink.named("process events"))
    assert watch.late.counts.spans_dropped == 0


def test_a_delivery_given_up_before_its_first_attempt_names_the_queue_that_it_was_for() -> None:
    yard, watch = Yard(breaker=BreakerConfig(config_failures=1, probe_seconds=600.0, probe_cap_seconds=600.0)), Traced()
    yard.watch, yard.worker = watch, Worker(yard.config, ruleset(), yard.sqs, watch)
    yard.sqs.fail_calls("crm", SEND, "QueueDoesNotExist")

    async def main() -> None:
        await yard.publish(event("one", 1))
        async with yard.running():
            await watch.wait(1)
            await yard.publish(event("one", 2))
            await watch.wait(2)
        await watch.aclose(1)

    asyncio.run(main())
    tried, untried = watch.sink.named("create crm")
    assert (tried.attributes["turnout.delivery.attempts"], untried.attributes["turnout.delivery.attempts"]) == (1, 0)
    assert untried.attributes["aws.sqs.queue.url"] == tried.attributes["aws.sqs.queue.url"]
