"""What a real Jaeger shows of a worker: every way a message can go, found through Jaeger's own query API.

Needs a Jaeger (see tests/servers/jaeger.py); without one this is reported as not run. The same trees are held against a
collector of our own in tests/unit/telemetry, everywhere.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path
from textwrap import dedent
from uuid import uuid4

import pytest
from tests.e2e.turnout import Queues, run_to_the_end, running, wait_until
from tests.servers.jaeger import ABSENT, JaegerTrace, available, jaeger
from tests.unit.targets.endpoint import endpoint

pytestmark = [pytest.mark.skipif(not available(), reason=ABSENT), pytest.mark.timeout(180)]

RULES = """
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}"}
  high: {queue: "${HIGH_QUEUE_URL}"}
  standard: {queue: "${STANDARD_QUEUE_URL}"}
  hook: {url: "${HOOK_URL}"}
  gone: {queue: "${GONE_QUEUE_URL}"}
unmatched: drop
rules:
  - {id: to-one, when: detail.kind == 'one', send: [critical]}
  - {id: to-three, when: detail.kind == 'three', send: [critical, high, standard]}
  - {id: to-hook, when: detail.kind == 'hook', send: [hook]}
  - {id: to-gone, when: detail.kind == 'gone', send: [critical, gone]}
"""
PARENT = "b7ad6b7169203331"


def event(kind: str) -> tuple[str, str]:
    """A conversation's id, and the body of an event about it."""
    conversation = str(uuid4())
    caller = {"address": "tel:+4930123456", "name": "Erika Mustermann"}
    detail = {"kind": kind, "conversationId": conversation, "participants": [caller]}
    return conversation, json.dumps({"id": str(uuid4()), "detail-type": "Test", "detail": detail})


def test_every_way_a_message_can_go_is_found_by_its_conversation(queues: Queues, tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    service = f"turnout-{uuid4().hex[:8]}"
    gone = queues.urls["critical"] + "-gone"
    ways = {kind: event(kind) for kind in ("one", "three", "hook", "gone", "nowhere")}
    with jaeger() as there, endpoint() as hook:
        hook.status = 503
        environment = queues.environment() | {
            "HOOK_URL": hook.url,
            "GONE_QUEUE_URL": gone,
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_ENDPOINT": there.otlp_endpoint,
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "TURNOUT_WAIT_SECONDS": "1",
            "TURNOUT_BREAKER_FAILURES": "1000",
        }

        def of(kind: str, traces: int = 1) -> list[JaegerTrace]:
            tags = {"messaging.message.conversation_id": ways[kind][0]}
            return there.wait_for(service, tags, lambda found: len(found) >= traces)

        with running(environment, "--rules", str(tmp_path)) as turnout:
            queues.publish([body for _, body in ways.values()] + ["certainly not JSON"])
            wait_until(lambda: hook.got, "the endpoint to be asked")
            hook.status = 204
            queues.wait_until_empty()

            (one,) = of("one")
            assert one.outline() == dedent("""\
                process {0}-events
                  evaluate rules
                  create {0}-critical
                  delete {0}-events""").format(queues.prefix)
            process = one.one(f"process {queues.prefix}-events")
            assert process.tags["span.kind"] == "consumer"
            assert process.tags["turnout.rules.matched"] == '["to-one"]'
            assert process.tags["turnout.outcome"] == "delivered"
            assert process.links, "to the receive"
            assert one.one(f"create {queues.prefix}-critical").links, "to the batch it was sent in"

            (three,) = of("three")
            for target in ("critical", "high", "standard"):
                create = three.one(f"create {queues.prefix}-{target}")
                assert create.parent == three.one(f"process {queues.prefix}-events").id
                assert create.tags["turnout.target"] == target
                assert create.tags["turnout.outcome"] == "delivered"

            (retried,) = of("hook")
            create = retried.one("create 127.0.0.1")
            assert create.tags["turnout.delivery.attempts"] == 1 + len(create.logs)
            assert create.tags["messaging.system"] == "http"
            assert {(log["event"], log["error.type"]) for log in create.logs} == {("retry", "HTTP 503")}
            sends = [span for span in retried.spans if span.name == "send 127.0.0.1"]
            assert [span.tags.get("error", False) for span in sends] == [True] * len(create.logs) + [False]
            assert {span.parent for span in sends} == {create.id}

            (failed,) = of("gone")
            assert failed.one(f"process {queues.prefix}-events").tags["error.type"] == "QUEUE_MISSING"
            assert failed.one(f"create {queues.prefix}-critical").tags["turnout.outcome"] == "delivered"
            assert failed.one(f"create {queues.prefix}-critical-gone").tags["error"] is True
            letter = failed.one(f"create {queues.prefix}-events-dead")
            assert letter.tags["turnout.letter.reason"] == "QUEUE_MISSING"
            assert letter.tags["turnout.letter.owed"] == '["gone"]'

            (nowhere,) = of("nowhere")
            assert nowhere.one(f"process {queues.prefix}-events").tags["turnout.outcome"] == "dropped"
            assert not [span for span in nowhere.spans if span.name.startswith("create")]

            (malformed,) = there.wait_for(service, {"error.type": "INVALID_JSON"}, lambda found: len(found) >= 1)
            assert malformed.one("evaluate rules").tags["error"] is True

            # The queue is there now: the letters are replayed, to be routed again.
            queues.client.create_queue(QueueName=gone.rpartition("/")[2])
            replayed = run_to_the_end(
                environment | {"TURNOUT_RULES": str(tmp_path), "TURNOUT_DLQ_LEDGER": str(tmp_path / "ledger.sqlite")},
                *("dlq", "replay", "--to-source", "--target", "gone", "--yes"),
            )
            assert replayed.returncode == 0, replayed.stdout + replayed.stderr
            first, second = of("gone", 2)
            assert first.id == failed.id
            process = second.one(f"process {queues.prefix}-events")
            assert (first.id, letter.id) in process.links
            assert second.one(f"create {queues.prefix}-critical-gone").tags["turnout.outcome"] == "delivered"
            assert not [span for span in second.spans if span.name == f"create {queues.prefix}-critical"]

            turnout.signal(signal.SIGTERM)
            assert turnout.wait() == 0
        everything = there.find(service)
        assert all(not span.warnings for trace in everything for span in trace.spans)
        said = json.dumps([span.tags for trace in everything for span in trace.spans])
        assert "4930123456" not in said
        assert "Mustermann" not in said


def test_a_trace_that_began_elsewhere_goes_on(queues: Queues, rules: Path) -> None:
    service = f"turnout-{uuid4().hex[:8]}"
    trace_id = uuid4().hex
    with jaeger() as there:
        environment = queues.environment() | {
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_ENDPOINT": there.otlp_endpoint,
            "OTEL_METRICS_EXPORTER": "none",
        }
        queues.client.send_message(
            QueueUrl=queues.urls["events"],
            MessageBody=json.dumps({"id": "1", "detail": {"priority": "rest"}}),
            MessageAttributes={"traceparent": {"DataType": "String", "StringValue": f"00-{trace_id}-{PARENT}-01"}},
        )
        with running(environment, "--rules", str(rules)) as turnout:
            wait_until(lambda: queues.count("standard") == 1, "the event to arrive")
            turnout.signal(signal.SIGTERM)
            assert turnout.wait() == 0
        there.wait_for(service, {}, lambda found: trace_id in [trace.id for trace in found])
        trace = there.trace(trace_id)
        assert {span.name for span in trace.spans} >= {"evaluate rules", f"process {queues.prefix}-events"}
        (sent,) = queues.drain("standard")
        create = trace.one(f"create {queues.prefix}-standard")
        assert sent["MessageAttributes"]["traceparent"]["StringValue"] == f"00-{trace_id}-{create.id}-01"
