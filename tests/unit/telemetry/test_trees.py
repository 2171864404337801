"""The whole tree of spans, as a collector receives it over gRPC and HTTP, for every way a message can go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from textwrap import dedent

import pytest
from tests.servers.otlp import CollectedSpan, Collector
from tests.unit.telemetry.stories import BASE, DEAD, PARENT, SOURCE, TRACE, TRACEPARENT, Match, Story, text

from turnout.account import Account, Outcome
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.telemetry.setup import TraceSettings, start_tracing
from turnout.telemetry.tracing import LateTracing

Tell = Callable[[Story], object]
See = Callable[[Tell], Collector]

QUEUE = {
    "messaging.system": "aws_sqs",
    "messaging.destination.name": "orders",
    "aws.sqs.queue.url": SOURCE,
    "server.address": "sqs.eu-west-1.amazonaws.com",
    "server.port": 443,
}


@pytest.fixture(params=["grpc", "http/protobuf"])
def see(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[See]:
    """Tell a story to real tracing and get the collector that received it, everything flushed."""
    with Collector().running() as collector:
        environ = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint(request.param),
            "OTEL_EXPORTER_OTLP_PROTOCOL": request.param,
        }
        for name, value in environ.items():
            monkeypatch.setenv(name, value)

        def told(tell: Tell) -> Collector:
            tracing = start_tracing(TraceSettings.from_environ(environ))
            assert isinstance(tracing, LateTracing)
            tell(Story(tracing))
            asyncio.run(tracing.aclose(5))
            assert tracing.counts.errors == 0
            assert tracing.counts.exported == len(collector.spans)
            return collector

        yield told


def outline(collector: Collector) -> str:
    """The spans as an indented tree: kind, name, `!` when failed; links as `-> name`. Traces in order of arrival."""
    by_id = {span.span_id: span for span in collector.spans}
    children: dict[str, list[CollectedSpan]] = {}
    for span in collector.spans:
        children.setdefault(span.parent_id if span.parent_id in by_id else "", []).append(span)
    lines: list[str] = []

    def draw(span: CollectedSpan, depth: int) -> None:
        links = [by_id[link.span_id].name if link.span_id in by_id else "outside" for link in span.links]
        failed = "!" if span.status == "ERROR" else ""
        lines.append("  " * depth + f"{span.kind} {span.name}{failed}" + "".join(f" -> {name}" for name in links))
        assert span.start_ns <= span.end_ns
        for child in children.get(span.span_id, []):
            assert child.trace_id == span.trace_id
            draw(child, depth + 1)

    for root in children.get("", []):
        draw(root, 0)
    return "\n".join(lines)


def test_delivered_to_one_target(see: See) -> None:
    collector = see(lambda story: story.deliver("a"))
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders -> receive orders
          INTERNAL evaluate rules
          PRODUCER create a
            CLIENT send a
          CLIENT delete orders""")


def test_delivered_to_three_targets_in_one_batch_with_another_message(see: See) -> None:
    collector = see(lambda story: story.deliver("a", "b", "c", count=2))
    process = """\
        CONSUMER process orders -> receive orders
          INTERNAL evaluate rules
          PRODUCER create a -> send a
          PRODUCER create b -> send b
          PRODUCER create c -> send c
          CLIENT delete orders
        """
    sends = """\
        CLIENT send a -> create a -> create a
        CLIENT send b -> create b -> create b
        CLIENT send c -> create c -> create c
        """
    receive = "CLIENT receive orders\n"
    assert outline(collector) == (receive + dedent(process) + dedent(sends) + dedent(process)).rstrip()
    assert len({span.trace_id for span in collector.named("process orders")}) == 2
    assert len({span.trace_id for span in collector.spans}) == 6, "two messages, one receive and three sends"


def test_what_the_spans_of_a_delivered_message_say(see: See) -> None:
    accounts: list[Account] = []
    collector = see(lambda story: accounts.extend(story.deliver("a")))
    about = {"messaging.message.conversation_id": "conversation-1"}
    target = QUEUE | {"messaging.destination.name": "a", "aws.sqs.queue.url": f"{BASE}/a"}
    assert collector.one("receive orders").attributes == QUEUE | {
        "messaging.operation.name": "receive",
        "messaging.operation.type": "receive",
        "messaging.batch.message_count": 1,
    }
    assert collector.one("process orders").attributes == QUEUE | about | {
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": "message-0",
        "turnout.event.id": "event-1",
        "turnout.event.type": "v2.detail.events.conversation.{id}.user.end",
        "turnout.outcome": "delivered",
        "turnout.receive_count": 1,
        "turnout.rules.matched": ["a-rule"],
        "turnout.ruleset.fingerprint": "f1nger",
    }
    assert collector.one("evaluate rules").attributes == {
        "turnout.rules.matched": ["a-rule"],
        "turnout.ruleset.fingerprint": "f1nger",
    }
    assert collector.one("create a").attributes == target | about | {
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.message.id": "sent-message-0-a",
        "turnout.target": "a",
        "turnout.outcome": "delivered",
        "turnout.delivery.attempts": 1,
    }
    assert collector.one("send a").attributes == target | {
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.batch.message_count": 1,
        "messaging.message.id": "sent-message-0-a",
    }
    assert collector.one("delete orders").attributes == QUEUE | {
        "messaging.operation.name": "delete",
        "messaging.operation.type": "settle",
        "messaging.message.id": "message-0",
    }
    assert {span.scope for span in collector.spans} == {"turnout"}


def test_the_times_are_those_of_what_happened(see: See) -> None:
    accounts: list[Account] = []
    collector = see(lambda story: accounts.extend(story.deliver("a")))
    (account,) = accounts
    (delivery,) = account.deliveries
    times = {span.name: (span.start_ns, span.end_ns) for span in collector.spans}
    assert account.delete is not None
    assert times == {
        "receive orders": (account.receive.start_ns, account.receive.end_ns),
        "process orders": (account.received_ns, account.settled_ns),
        "evaluate rules": (account.routed_ns, account.evaluated_ns),
        "create a": (delivery.queued_ns, delivery.settled_ns),
        "send a": (delivery.calls[0].start_ns, delivery.calls[0].end_ns),
        "delete orders": (account.delete.start_ns, account.delete.end_ns),
    }


def test_a_retried_delivery_tells_of_every_attempt(see: See) -> None:
    def tell(story: Story) -> None:
        (account,) = story.receive()
        story.route(account, "a")
        story.send(account.deliveries[0], error="RequestThrottled", last=False)
        story.send(account.deliveries[0], entry_error="InternalError", last=False)
        story.send(account.deliveries[0])
        story.delete(account)
        story.settle(Outcome.DELIVERED, account)

    collector = see(tell)
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders -> receive orders
          INTERNAL evaluate rules
          PRODUCER create a
            CLIENT send a!
            CLIENT send a
            CLIENT send a
          CLIENT delete orders""")
    create = collector.one("create a")
    assert [(event.name, event.attributes) for event in create.events] == [
        ("retry", {"error.type": "RequestThrottled", "turnout.retry.delay_seconds": 0.25}),
        ("retry", {"error.type": "InternalError", "turnout.retry.delay_seconds": 0.25}),
    ]
    assert all(create.start_ns < event.at_ns < create.end_ns for event in create.events)
    assert create.attributes["turnout.delivery.attempts"] == 3
    assert "error.type" not in create.attributes, "an error that was overcome is not the span's"
    assert collector.named("send a")[0].attributes["error.type"] == "RequestThrottled"


def test_a_dead_lettered_message_names_the_reason_and_the_targets_owed(see: See) -> None:
    def tell(story: Story) -> None:
        (account,) = story.receive()
        story.route(account, "a", "b")
        story.send(account.deliveries[0])
        story.send(account.deliveries[1], error="AccessDenied")
        story.write_letter(account)
        story.delete(account)
        story.settle(Outcome.DEAD_LETTERED, account)

    collector = see(tell)
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders! -> receive orders
          INTERNAL evaluate rules
          PRODUCER create a
            CLIENT send a
          PRODUCER create b!
            CLIENT send b!
          PRODUCER create orders-dlq
            CLIENT send orders-dlq
          CLIENT delete orders""")
    process, letter = collector.one("process orders"), collector.one("create orders-dlq")
    assert process.attributes["error.type"] == "ACCESS_DENIED"
    assert process.attributes["turnout.outcome"] == "dead_lettered"
    assert process.attributes["turnout.letter.fault"] == "config"
    assert process.description == "You may not send there."
    assert collector.one("create a").attributes["turnout.outcome"] == "delivered"
    assert collector.one("create b").attributes["turnout.outcome"] == "failed"
    assert collector.one("create b").attributes["error.type"] == "AccessDenied"
    assert letter.attributes["turnout.letter.reason"] == "ACCESS_DENIED"
    assert letter.attributes["turnout.letter.owed"] == ["b"]
    assert letter.attributes["aws.sqs.queue.url"] == DEAD


def test_an_event_that_no_rule_wants_is_dropped_without_error(see: See) -> None:
    def tell(story: Story) -> None:
        (account,) = story.receive()
        story.route(account, rules=())
        story.delete(account)
        story.settle(Outcome.DROPPED, account)

    collector = see(tell)
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders -> receive orders
          INTERNAL evaluate rules
          CLIENT delete orders""")
    assert collector.one("process orders").attributes["turnout.outcome"] == "dropped"
    assert collector.one("evaluate rules").attributes["turnout.rules.matched"] == []


def test_a_body_that_cannot_be_read_fails_the_evaluation(see: See) -> None:
    def tell(story: Story) -> None:
        (account,) = story.receive(body="certainly not JSON, caller +4930123456")
        story.reject(account, Failure(Reason.INVALID_JSON, Fault.DATA, "The body is not JSON (byte 0)."))
        story.write_letter(account)
        story.delete(account)
        story.settle(Outcome.DEAD_LETTERED, account)

    collector = see(tell)
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders! -> receive orders
          INTERNAL evaluate rules!
          PRODUCER create orders-dlq
            CLIENT send orders-dlq
          CLIENT delete orders""")
    assert collector.one("evaluate rules").attributes["error.type"] == "INVALID_JSON"
    assert collector.one("process orders").attributes["error.type"] == "INVALID_JSON"
    assert "4930123456" not in repr(collector.spans)


def test_a_creation_context_is_the_parent_of_process_and_a_link_of_receive(see: See) -> None:
    collector = see(lambda story: story.deliver("a", attributes={"traceparent": text(TRACEPARENT)}))
    process, receive = collector.one("process orders"), collector.one("receive orders")
    assert (process.trace_id, process.parent_id, process.parent_is_remote) == (TRACE, PARENT, True)
    assert collector.one("create a").trace_id == TRACE
    assert receive.parent_id == ""
    assert receive.trace_id != TRACE
    (link,) = receive.links
    assert (link.trace_id, link.span_id) == (TRACE, PARENT)
    assert link.attributes == {"messaging.message.id": "message-0"}


def test_a_replay_has_a_trace_of_its_own_that_links_to_the_original(see: See) -> None:
    attributes = {"traceparent": text(f"00-{TRACE}-{PARENT}-00"), "Turnout.Replay": text("replay-7")}
    collector = see(lambda story: story.deliver("a", attributes=attributes))
    assert outline(collector) == dedent("""\
        CLIENT receive orders
        CONSUMER process orders -> receive orders -> outside
          INTERNAL evaluate rules
          PRODUCER create a
            CLIENT send a
          CLIENT delete orders""")
    process = collector.one("process orders")
    assert process.trace_id != TRACE
    assert (process.links[1].trace_id, process.links[1].span_id) == (TRACE, PARENT)
    assert process.attributes["turnout.replay.id"] == "replay-7"
    assert process.attributes["messaging.message.conversation_id"] == "conversation-1", "by which both are found"
    assert collector.one("receive orders").links == ()


def test_a_tracestate_is_exported(see: See) -> None:
    attributes = {"traceparent": text(TRACEPARENT), "tracestate": text("congo=t61,rojo=00f0")}
    collector = see(lambda story: story.deliver("a", attributes=attributes))
    assert collector.one("create a").state == "congo=t61,rojo=00f0"


def test_text_that_is_no_text_still_arrives(see: See) -> None:
    """A lone surrogate cannot be encoded: one of them in one event would cost a whole batch of spans."""
    hostile = Match(rules=("r",), targets=("a",), event_id="\ud800", conversation_id="x" * 10_000, event_type="\x00")

    def tell(story: Story) -> None:
        (account,) = story.receive()
        story.route(account, "a", match=hostile)
        story.send(account.deliveries[0], error="\udfff")
        story.write_letter(account)
        story.delete(account)
        story.settle(Outcome.DEAD_LETTERED, account)

    collector = see(tell)
    process = collector.one("process orders").attributes
    assert process["turnout.event.id"] == "?"
    assert process["messaging.message.conversation_id"] == "x" * 256
    assert process["turnout.event.type"] == "\x00"


def test_the_resource_says_who_we_are(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    collector = see(lambda story: story.deliver("a"))
    assert collector.spans[0].resource["service.name"] == "turnout"
    assert collector.spans[0].resource["telemetry.sdk.name"] == "opentelemetry"


def test_the_environment_may_say_who_we_are(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "orders-router")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9")
    collector = see(lambda story: story.deliver("a"))
    resource = collector.spans[0].resource
    assert resource["service.name"] == "orders-router"
    assert resource["deployment.environment.name"] == "test"
    assert resource["service.version"] == "9"


def test_the_headers_of_the_environment_reach_the_collector(see: See, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=s3cret")
    collector = see(lambda story: story.deliver("a"))
    assert collector.headers[0]["x-api-key"] == "s3cret"
