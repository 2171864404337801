"""When spans are built and what travels with the messages; no collector is needed for that."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator, Sequence

import pytest
from tests.unit.telemetry.stories import DEAD, PARENT, TRACE, TRACEPARENT, Sink, Story, text

from turnout.account import Account, Outcome, State
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.message import Attribute
from turnout.telemetry.propagation import Context, parse_trace_header, parse_traceparent
from turnout.telemetry.records import Span, Trace
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.spans import failed
from turnout.telemetry.tracing import LateTracing, NoTracing

NEVER = Sampler.ratio(0)
STATE = {"traceparent": text(TRACEPARENT), "tracestate": text("congo=t61rcWkgMzE")}


def tracing(sink: Sink, sampler: Sampler | None = None) -> LateTracing:
    return LateTracing(sink, sampler=sampler)


def injected(attributes: dict[str, Attribute]) -> Context:
    context = parse_traceparent(attributes["traceparent"].text or "")
    assert context is not None
    return context


def ten(**named: Attribute) -> dict[str, Attribute]:
    return named | {f"own-{number}": text("x") for number in range(10 - len(named))}


def test_an_unsampled_message_that_went_well_makes_no_spans() -> None:
    sink = Sink()
    Story(tracing(sink, NEVER)).deliver("a", "b", count=10)
    assert sink.spans == []


def test_an_unsampled_message_that_failed_is_traced_whole() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    quiet, unlucky = story.receive(2)
    for account in (quiet, unlucky):
        story.route(account, "a", "b")
    story.send(quiet.deliveries[0], unlucky.deliveries[0])
    story.send(quiet.deliveries[1])
    story.send(unlucky.deliveries[1], error="AccessDenied")
    story.write_letter(unlucky)
    story.delete(quiet, unlucky)
    story.settle(Outcome.DELIVERED, quiet)
    story.settle(Outcome.DEAD_LETTERED, unlucky)
    asyncio.run(story.tracing.aclose(1))
    assert sorted(span.name for span in sink.spans) == [
        "create a",
        "create b",
        "create orders-dlq",
        "delete orders",
        "evaluate rules",
        "process orders",
        "receive orders",
        "send a",
        "send b",
        "send orders-dlq",
    ]
    assert isinstance(unlucky.trace, Trace)
    own = {span.trace for span in sink.spans if not span.name.startswith(("receive", "send a"))}
    assert own == {unlucky.trace.id}


def test_the_downstream_of_an_unsampled_message_is_told_so() -> None:
    story = Story(tracing(Sink(), NEVER))
    story.deliver("a")
    attributes, header = story.sent[0]
    assert injected(attributes).sampled is False
    assert header is not None
    assert header.endswith("Sampled=0")


def test_the_downstream_of_a_sampled_message_is_told_that_too() -> None:
    story = Story(tracing(Sink()))
    story.deliver("a")
    attributes, header = story.sent[0]
    assert injected(attributes).sampled is True
    assert header is not None
    assert header.endswith("Sampled=1")


def test_a_letter_is_told_as_sampled_though_its_message_was_not_since_it_is_traced_for_certain() -> None:
    story = Story(tracing(Sink(), NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0], error="AccessDenied")
    story.write_letter(account)
    assert [injected(attributes).sampled for attributes, _ in story.sent] == [False, True]


def test_a_slow_message_is_traced_whatever_the_sampler_says() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0])
    story.tick(1_000)
    story.delete(account)
    story.settle(Outcome.DELIVERED, account)
    assert len(sink.named("process orders")) == 1


def test_a_message_that_is_not_quite_slow_is_left_to_the_sampler() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0])
    story.tick(900)
    story.delete(account)
    story.settle(Outcome.DELIVERED, account)
    assert sink.spans == []


def test_the_span_of_a_receive_links_to_the_contexts_of_all_that_it_brought() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    accounts = story.receive(2, attributes=STATE)
    for account in accounts:
        story.route(account, "a")
        story.send(account.deliveries[0])
        story.delete(account)
        story.settle(Outcome.DELIVERED, account)
    (receive,) = sink.named("receive orders")
    assert [(link.trace, link.span_id, link.message_id) for link in receive.links] == [
        (TRACE, int(PARENT, 16), "message-0"),
        (TRACE, int(PARENT, 16), "message-1"),
    ]
    assert all(link.remote for link in receive.links)
    for process in sink.named("process orders"):
        assert [(link.trace, link.span_id) for link in process.links] == [(receive.trace, receive.span_id)]


def test_a_defect_while_ids_are_given_out_costs_the_traces_and_no_message() -> None:
    class BrokenSampler:
        @property
        def bound(self) -> int:
            raise ZeroDivisionError

    sink = Sink()
    hooks = LateTracing(sink, sampler=BrokenSampler())  # type: ignore[arg-type]
    story = Story(hooks)
    story.deliver("a")
    assert (sink.spans, hooks.counts.errors) == ([], 1)


def test_a_delivered_message_that_could_not_be_deleted_is_a_failure() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0])
    story.delete(account, error="RequestThrottled")
    story.settle(Outcome.DELIVERED, account)
    (process,) = sink.named("process orders")
    assert process.attributes["error.type"] == "RequestThrottled"
    (delete,) = sink.named("delete orders")
    assert delete.error == "RequestThrottled"


def test_a_message_that_is_done_and_comes_back_all_the_same_is_a_failure() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0])
    story.delete(account)  # the call went through, this entry of it did not
    story.settle(Outcome.HANDED_BACK, account)
    (process,) = sink.named("process orders")
    assert process.error is not None
    assert "could not be deleted" in process.error
    assert process.attributes["error.type"] == "_OTHER"
    (delete,) = sink.named("delete orders")
    assert delete.attributes["error.type"] == "_OTHER"


def test_each_sign_that_something_went_wrong_with_a_message_is_enough() -> None:
    failure = Failure(Reason.INVALID_JSON, Fault.DATA, "no")

    def account(outcome: Outcome) -> Account:
        story = Story(NoTracing())
        (found,) = story.receive()
        story.route(found, "a")
        found.outcome = outcome
        return found

    assert not any(failed(account(outcome)) for outcome in (Outcome.DELIVERED, Outcome.DROPPED, Outcome.HANDED_BACK))
    unread, lettered, refused = (account(Outcome.HANDED_BACK) for _ in range(3))
    unread.failure = failure
    lettered.letter = lettered.deliveries[0]
    refused.deliveries[0].state = State.FAILED
    assert [failed(each) for each in (unread, lettered, refused)] == [True] * 3


def test_a_message_handed_back_while_the_worker_stops_is_no_failure() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.settle(Outcome.HANDED_BACK, account)
    assert sink.spans == []


def test_a_message_handed_back_because_its_letter_could_not_be_written_is_a_failure() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.reject(account, Failure(Reason.INVALID_JSON, Fault.DATA, "The body is not JSON."))
    story.write_letter(account, error="AccessDenied")
    story.settle(Outcome.HANDED_BACK, account)
    (process,) = sink.named("process orders")
    assert process.attributes["turnout.outcome"] == "handed_back"
    (create,) = sink.named("create orders-dlq")
    assert create.attributes["error.type"] == "AccessDenied"
    assert create.attributes["aws.sqs.queue.url"] == DEAD


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_whether_a_message_is_sampled_is_what_everybody_would_say_of_its_trace(ratio: float) -> None:
    sampler = Sampler.ratio(ratio)
    traces = [account.trace for account in Story(tracing(Sink(), sampler)).receive(200)]
    assert all(isinstance(trace, Trace) and trace.sampled == sampler.samples(trace.id, None) for trace in traces)


def test_at_one_per_cent_every_failed_message_among_thousands_is_traced_whole() -> None:
    sink = Sink()
    story = Story(tracing(sink, Sampler.ratio(0.01, parent_based=False)))
    failures: list[Account] = []
    for number in range(300):
        accounts = story.receive(10)
        for account in accounts:
            story.route(account, "a")
        unlucky = accounts[number % 10]
        failures.append(unlucky)
        story.send(*[account.deliveries[0] for account in accounts if account is not unlucky])
        story.send(unlucky.deliveries[0], error="QueueDoesNotExist")
        story.write_letter(unlucky)
        story.delete(*accounts)
        story.settle(Outcome.DELIVERED, *[account for account in accounts if account is not unlucky])
        story.settle(Outcome.DEAD_LETTERED, unlucky)
    asyncio.run(story.tracing.aclose(1))
    by_trace: dict[str, list[str]] = {}
    for span in sink.spans:
        by_trace.setdefault(span.trace, []).append(span.name)
    for account in failures:
        assert isinstance(account.trace, Trace)
        assert sorted(by_trace[account.trace.id]) == [
            "create a",
            "create orders-dlq",
            "delete orders",
            "evaluate rules",
            "process orders",
            "send a",
            "send orders-dlq",
        ]
    sampled_by_chance = len(sink.named("process orders")) - 300
    assert 5 <= sampled_by_chance <= 70  # 27 expected of 2,700


def test_the_create_span_has_the_id_that_travelled() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    story.deliver("a", "b", count=3)
    travelled = {
        (context.trace, int(context.span, 16)) for context in [injected(attributes) for attributes, _ in story.sent]
    }
    created = {(span.trace, span.span_id) for span in sink.spans if span.name.startswith("create")}
    assert len(travelled) == 6
    assert travelled == created


def test_both_carriers_say_the_same() -> None:
    story = Story(tracing(Sink()))
    story.deliver("a")
    attributes, header = story.sent[0]
    assert header is not None
    assert parse_trace_header(header) == injected(attributes)


def test_a_retry_carries_the_same_context_again() -> None:
    story = Story(tracing(Sink()))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0], error="RequestThrottled", last=False)
    story.send(account.deliveries[0])
    assert story.sent[0] == story.sent[1]


def test_an_incoming_context_is_continued() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    story.deliver("a", attributes=STATE)
    (process,) = sink.named("process orders")
    assert (process.trace, process.parent) == (TRACE, int(PARENT, 16))
    assert process.remote_parent
    assert process.state == "congo=t61rcWkgMzE"
    attributes, _ = story.sent[0]
    assert injected(attributes).trace == TRACE
    assert injected(attributes).span != PARENT
    assert attributes["tracestate"] == text("congo=t61rcWkgMzE")


def test_of_an_incoming_tracestate_what_is_well_formed_goes_on() -> None:
    others = {f"a{number}": text("x") for number in range(8)}
    for more in ({}, others):
        story = Story(tracing(Sink()))
        story.deliver("a", attributes={**STATE, **more, "tracestate": text("congo=t61rcWkgMzE,bad key=1")})
        attributes, _ = story.sent[0]
        assert attributes["tracestate"] == text("congo=t61rcWkgMzE")
        assert attributes.keys() == {*STATE, *more}


def test_what_is_sent_without_the_attributes_that_came_has_the_tracestate_all_the_same() -> None:
    hooks = tracing(Sink())
    story = Story(hooks)
    (account,) = story.receive(attributes=STATE)
    story.route(account, "a")
    assert hooks.inject(account.deliveries[0], {})[0]["tracestate"] == text("congo=t61rcWkgMzE")


def test_a_defect_while_a_context_is_written_sends_the_message_with_the_one_it_came_with() -> None:
    hooks = tracing(Sink())
    story = Story(hooks)
    (account,) = story.receive(attributes=STATE, system={"AWSTraceHeader": "Root=x"})
    story.route(account, "a")
    account.deliveries[0].span_id = 1 << 64  # no encoder takes it
    assert hooks.inject(account.deliveries[0], STATE) == (STATE, "Root=x")
    assert hooks.counts.errors == 1


def test_an_xray_header_is_continued() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    story.deliver("a", system={"AWSTraceHeader": f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"})
    (process,) = sink.named("process orders")
    assert (process.trace, process.parent) == (TRACE, int(PARENT, 16))
    assert injected(story.sent[0][0]).trace == TRACE


def test_an_xray_header_without_a_parent_gives_the_trace_a_root() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    story.deliver("a", system={"AWSTraceHeader": f"Root=1-{TRACE[:8]}-{TRACE[8:]}"})
    (process,) = sink.named("process orders")
    assert (process.trace, process.parent) == (TRACE, 0)
    (receive,) = sink.named("receive orders")
    assert receive.links == []


@pytest.mark.parametrize("malformed", ["garbage", "", f"ff-{TRACE}-{PARENT}-01", "00-" + "0" * 32 + f"-{PARENT}-01"])
def test_a_malformed_context_starts_a_new_trace(malformed: str) -> None:
    sink = Sink()
    story = Story(tracing(sink))
    story.deliver("a", attributes={"traceparent": text(malformed), "tracestate": text("a=1")})
    (process,) = sink.named("process orders")
    assert process.parent == 0
    assert int(process.trace, 16)
    assert process.trace != TRACE
    attributes, _ = story.sent[0]
    assert injected(attributes).trace == process.trace
    assert "tracestate" not in attributes, "the state belonged to the context that could not be read"


def test_the_tenth_attribute_is_never_taken() -> None:
    story = Story(tracing(Sink()))
    story.deliver("a", attributes=ten())
    attributes, header = story.sent[0]
    assert attributes == ten()
    assert header is not None, "the system attribute costs none of the ten"
    assert isinstance(story.tracing, LateTracing)
    assert story.tracing.counts.context_dropped == 1


def test_replacing_an_attribute_takes_no_further_one() -> None:
    story = Story(tracing(Sink()))
    story.deliver("a", attributes=ten(**STATE))
    attributes, _ = story.sent[0]
    assert attributes.keys() == ten(**STATE).keys()
    assert injected(attributes).trace == TRACE
    assert isinstance(story.tracing, LateTracing)
    assert story.tracing.counts.context_dropped == 0


def test_a_tenth_slot_goes_to_traceparent_and_none_to_tracestate() -> None:
    """The state is known from elsewhere: a rule replaced the attributes, nine of them."""
    story = Story(tracing(Sink()))
    (account,) = story.receive(attributes=STATE)
    story.route(account, "a")
    nine = {f"own-{number}": text("x") for number in range(9)}
    attributes, _ = story.tracing.inject(account.deliveries[0], nine)
    assert len(attributes) == 10
    assert injected(attributes).trace == TRACE
    assert "tracestate" not in attributes
    assert len(nine) == 9, "the caller's dictionary is left alone"


def test_baggage_is_never_forwarded_and_its_slot_is_free() -> None:
    baggage = ten(baggage=text("customer=42"))
    for hooks in (tracing(Sink()), NoTracing()):
        story = Story(hooks)
        story.deliver("a", attributes=baggage)
        attributes, _ = story.sent[0]
        assert "baggage" not in attributes
        assert len([name for name in attributes if name.startswith("own-")]) == 9
    story = Story(tracing(Sink()))
    story.deliver("a", attributes=baggage)
    assert "traceparent" in story.sent[0][0]


def test_without_tracing_the_incoming_context_passes_unchanged() -> None:
    header = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1;Lineage=a:1"
    story = Story(NoTracing())
    story.deliver("a", attributes=STATE, system={"AWSTraceHeader": header})
    assert story.sent == [(STATE, header)]
    asyncio.run(story.tracing.aclose(0))


def test_a_full_sink_drops_whole_messages_and_counts_their_spans() -> None:
    sink = Sink(capacity=12)
    hooks = tracing(sink)
    story = Story(hooks)
    for _ in range(5):
        story.deliver("a")
    complete = [
        len([span for span in sink.spans if span.trace == process.trace]) for process in sink.named("process orders")
    ]
    assert complete
    assert all(count == 5 for count in complete)
    assert len(sink.spans) <= 12
    assert hooks.counts.messages == len(complete)
    assert hooks.counts.spans_dropped == (5 - len(complete)) * 4


@pytest.mark.parametrize(("missing", "spans"), [(0, 8), (1, 0)])
def test_a_message_with_a_letter_is_traced_when_there_is_just_room_for_all_of_its_spans(
    missing: int, spans: int
) -> None:
    sink = Sink(capacity=8 - missing)
    story = Story(tracing(sink))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0], error="AccessDenied")
    story.write_letter(account)
    story.delete(account)
    story.settle(Outcome.DEAD_LETTERED, account)
    assert len(sink.spans) == spans


class BrokenSink(Sink):
    def emit(self, finished: Sequence[Span]) -> None:
        raise OSError("no")

    def shutdown(self) -> None:
        raise OSError("no")


def test_a_delivery_that_was_tried_for_hours_tells_of_its_last_attempts() -> None:
    sink = Sink()
    story = Story(tracing(sink, NEVER))
    (account,) = story.receive()
    story.route(account, "a")
    for number in range(500):
        story.send(account.deliveries[0], error=f"Error{number}", last=False)
    story.send(account.deliveries[0])
    story.delete(account)
    story.settle(Outcome.DELIVERED, account)
    (create,) = sink.named("create a")
    assert create.attributes["turnout.delivery.attempts"] == 501
    assert len(create.events) == len(sink.named("send a")) == 64
    assert {span.parent for span in sink.named("send a")} == {create.span_id}
    assert create.events[-1].attributes["error.type"] == "Error499"


def test_of_the_attempts_at_a_delivery_the_last_one_names_the_message_that_arrived() -> None:
    sink = Sink()
    story = Story(tracing(sink))
    (account,) = story.receive()
    story.route(account, "a")
    story.send(account.deliveries[0], error="RequestThrottled", last=False)
    story.send(account.deliveries[0])
    story.delete(account)
    story.settle(Outcome.DELIVERED, account)
    named = [span.attributes.get("messaging.message.id") for span in sink.named("send a")]
    assert named == [None, account.deliveries[0].message_id]
    assert named[1]


def test_a_defect_in_tracing_is_counted_and_never_reaches_the_pipeline(caplog: pytest.LogCaptureFixture) -> None:
    hooks = LateTracing(BrokenSink())
    story = Story(hooks)
    story.deliver("a")
    asyncio.run(hooks.aclose(1))
    assert hooks.counts.errors == 2
    ours = [record for record in caplog.records if record.name.startswith("turnout")]
    assert [(record.levelno, bool(record.exc_info)) for record in ours] == [(logging.ERROR, True)] * 2


def test_a_message_that_tracing_does_not_know_is_sent_with_the_context_it_came_with() -> None:
    hooks = tracing(Sink())
    story = Story(NoTracing())
    (account,) = story.receive(attributes=STATE, system={"AWSTraceHeader": "Root=x"})
    story.route(account, "a")
    assert hooks.inject(account.deliveries[0], STATE) == (STATE, "Root=x")
    hooks.settled([account])
    assert hooks.counts.errors == 0


def test_a_flush_sends_what_waits_for_others_and_goes_on() -> None:
    sink = Sink()
    hooks = tracing(sink)

    async def freeze_and_thaw() -> None:
        for _ in range(2):
            story = Story(hooks)
            accounts = story.receive(2)
            for account in accounts:
                story.route(account, "a")
            story.send(*(account.deliveries[0] for account in accounts))
            story.delete(*accounts)
            # Only one of the two that shared the call is settled before the process is frozen.
            story.settle(Outcome.DELIVERED, accounts[0])
            await hooks.flush(1.0)

    asyncio.run(freeze_and_thaw())
    assert len(sink.named("send a")) == 2
    assert sink.flushed == 2
    assert not sink.shut_down


class StuckSink(Sink):
    """Hangs for half a minute, or until the test is over, in whatever it is asked to end."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.over = threading.Event()
        self.ended = False

    def flush(self) -> None:
        self.asked.set()
        self.over.wait(30)
        self.ended = True

    shutdown = flush


@pytest.fixture
def stuck() -> Iterator[StuckSink]:
    sink = StuckSink()
    yield sink
    sink.over.set()


def test_a_flush_keeps_its_deadline(stuck: StuckSink, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(LateTracing(stuck).flush(0.2))
    assert stuck.asked.is_set()
    assert not stuck.ended
    assert "may be late" in caplog.text


def test_aclose_keeps_its_deadline_and_the_loop_free(stuck: StuckSink, caplog: pytest.LogCaptureFixture) -> None:
    async def close() -> None:
        closing = asyncio.create_task(LateTracing(stuck).aclose(0.5), name="closing")
        while not stuck.asked.is_set():
            await asyncio.sleep(0.005)
        assert not closing.done(), "others have their turn while it is waited for"
        await closing

    asyncio.run(close())
    assert not stuck.ended
    assert stuck.abandoned
    assert "did not take the last spans" in caplog.text


def test_spans_of_messages_settled_after_aclose_are_counted_as_dropped() -> None:
    sink = Sink()
    hooks = tracing(sink)
    asyncio.run(hooks.aclose(1))
    assert sink.shut_down
    Story(hooks).deliver("a")
    assert sink.spans == []
    assert hooks.counts.spans_dropped == 4
    asyncio.run(hooks.aclose(1))


class Announcing(Sink):
    """Says when so many spans named `send a` have come."""

    def __init__(self, wanted: int = 1) -> None:
        super().__init__()
        self.wanted = wanted
        self.sent = asyncio.Event()

    def emit(self, finished: Sequence[Span]) -> None:
        super().emit(finished)
        if len(self.named("send a")) >= self.wanted:
            self.sent.set()


def test_a_send_span_waits_for_the_others_of_its_batch_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.telemetry.gathering._GATHER_SECONDS", 0.02)
    sink = Announcing()

    async def tell() -> None:
        story = Story(tracing(sink))
        first, second, third = story.receive(3)
        for account in (first, second, third):
            story.route(account, "a")
        story.send(*[account.deliveries[0] for account in (first, second, third)])
        story.delete(first, second, third)
        story.settle(Outcome.DELIVERED, first)
        story.settle(Outcome.DELIVERED, second)
        assert sink.named("send a") == []
        async with asyncio.timeout(15):
            await sink.sent.wait()
        story.settle(Outcome.DELIVERED, third)
        await story.tracing.aclose(1)

    asyncio.run(tell())
    (send,) = sink.named("send a")
    creates = sink.named("create a")
    assert [link.span_id for link in send.links] == [span.span_id for span in creates[:2]]
    assert all([link.span_id for link in span.links] == [send.span_id] for span in creates), "the late one points back"


def half_told(hooks: LateTracing) -> None:
    """Of two messages that shared a send call one is settled: the span of the call waits for the other."""
    story = Story(hooks)
    accounts = story.receive(2)
    for account in accounts:
        story.route(account, "a")
    story.send(*(account.deliveries[0] for account in accounts))
    story.delete(*accounts)
    story.settle(Outcome.DELIVERED, accounts[0])


def test_after_a_flush_a_send_span_waits_for_the_others_of_its_batch_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.telemetry.gathering._GATHER_SECONDS", 0.02)
    sink = Announcing(2)
    hooks = tracing(sink)

    async def tell() -> None:
        half_told(hooks)
        await hooks.flush(1.0)
        half_told(hooks)
        async with asyncio.timeout(15):
            await sink.sent.wait()

    asyncio.run(tell())


def test_a_flush_leaves_nothing_waiting_and_may_find_nothing_that_waits() -> None:
    hooks = tracing(Sink())

    async def tell() -> None:
        await hooks.flush(1.0)
        half_told(hooks)
        timer = hooks._calls._timer
        await hooks.flush(1.0)
        assert timer is not None
        assert timer.cancelled()
        assert (hooks._calls._timer, hooks._calls._ripe, hooks._calls._gathering) == (None, [], [])

    asyncio.run(tell())
    assert hooks.counts.errors == 0


def test_however_many_batches_wait_for_others_one_timer_is_enough_and_none_runs_once_all_are_told() -> None:
    sink = Sink()
    hooks = tracing(sink)

    async def tell() -> None:
        half_told(hooks)
        timer = hooks._calls._timer
        assert timer is not None
        half_told(hooks)
        assert hooks._calls._timer is timer
        timer.cancel()
        hooks._calls._tick()
        assert sink.named("send a") == []
        assert hooks._calls._timer is not None
        assert hooks._calls._timer is not timer, "from now on they wait for a whole tick"
        hooks._calls._timer.cancel()
        hooks._calls._tick()
        assert len(sink.named("send a")) == 2
        assert hooks._calls._timer is None

    asyncio.run(tell())


def test_the_span_of_a_call_that_finds_no_room_is_counted_as_dropped() -> None:
    sink = Sink()
    hooks = tracing(sink)

    async def tell() -> None:
        half_told(hooks)
        sink.capacity = len(sink.spans)
        await hooks.flush(1.0)

    asyncio.run(tell())
    assert sink.named("send a") == []
    assert hooks.counts.spans_dropped == 1


def test_a_defect_while_the_span_of_a_call_is_built_is_counted_and_the_rest_is_sent() -> None:
    class Failing(Sink):
        def room(self) -> int:
            if self.spans:
                raise OSError("no")
            return super().room()

    sink = Failing()
    hooks = tracing(sink)

    async def tell() -> None:
        half_told(hooks)
        await hooks.flush(1.0)

    asyncio.run(tell())
    assert (hooks.counts.errors, sink.flushed) == (1, 1)


def test_tracing_is_shut_down_once() -> None:
    class Counting(Sink):
        times = 0

        def shutdown(self) -> None:
            self.times += 1

    async def close(hooks: LateTracing) -> None:
        await hooks.aclose(1.0)
        await hooks.aclose(1.0)

    sink = Counting()
    asyncio.run(close(tracing(sink)))
    assert sink.times == 1
