"""What tracing costs: CPU microseconds per message of the whole process, export included.

    python -m tests.benchmarks.spans [--messages 20000]

Late-built spans (ours) against the SDK's own `start_span` and `end` for the same tree, exported over gRPC to a sink in
another process. Records are made beforehand and not counted. `hooks` is the part spent on the event loop's thread.
Beside it `json.loads` of a 1.5 KB event, for comparing machines. At the end the price of one span, step by step.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from turnout.account import Account, Call, Delivery, Outcome, State
from turnout.message import Attribute, Message
from turnout.telemetry.records import Trace, new_trace
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.setup import TraceSettings, start_tracing
from turnout.telemetry.setup.environment import resource
from turnout.telemetry.setup.transport import Waiting, converter, encoder
from turnout.telemetry.spans import build
from turnout.telemetry.tracing import LateTracing, NoTracing, Tracing

BASE = "https://sqs.eu-west-1.amazonaws.com/123456789012"
BATCH = 10
TRACEPARENT = {"traceparent": Attribute("String", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")}
XRAY = {"AWSTraceHeader": "Root=1-693c2f1b-0a1b2c3d4e5f60718293a4b7;Parent=53995c3f42cd8ad8;Sampled=0"}

SINK = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
import grpc
server = grpc.server(ThreadPoolExecutor(2))
method = grpc.unary_unary_rpc_method_handler(lambda request, context: b"")
service = "opentelemetry.proto.collector.trace.v1.TraceService"
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, {"Export": method})])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
sys.stdin.read()
"""


def batch(targets: int, attributes: dict[str, Attribute], system: dict[str, str]) -> list[Account]:
    """Ten messages that were received, routed, sent and deleted together; all but what tracing adds."""
    now = time.time_ns()
    receive, delete = Call("receive", f"{BASE}/orders", now), Call("delete", f"{BASE}/orders", now + 3_000_000)
    sends = [Call("send", f"{BASE}/target-{number}", now + 1_000_000) for number in range(targets)]
    for call in (receive, delete, *sends):
        call.count = BATCH
        call.end_ns = call.start_ns + 1_000_000
    accounts = []
    for number in range(BATCH):
        message = Message(f"message-{number}", "handle", "{}", f"{BASE}/orders", attributes, system)
        account = Account(message, receive, now)
        account.routed_ns, account.evaluated_ns, account.settled_ns = now, now + 50_000, now + 4_000_000
        account.delete, account.outcome = delete, Outcome.DELIVERED
        for send in sends:
            delivery = Delivery(account, "target", now)
            delivery.calls = (send,)
            delivery.queue, delivery.state, delivery.attempts = send.queue, State.DONE, 1
            delivery.settled_ns = send.end_ns
            account.deliveries = (*account.deliveries, delivery)
        accounts.append(account)
    return accounts


def late(tracing: Tracing, batches: Sequence[Sequence[Account]]) -> tuple[float, float]:
    """CPU seconds of the hooks' thread, and of the process until all is exported."""
    all_of_it, hooks = time.process_time(), time.thread_time()
    for accounts in batches:
        tracing.received(accounts)
        for account in accounts:
            for delivery in account.deliveries:
                tracing.inject(delivery, dict(account.message.attributes))
        tracing.settled(accounts)
    hooks = time.thread_time() - hooks
    asyncio.run(tracing.aclose(60))
    return hooks, time.process_time() - all_of_it


def eager(provider: TracerProvider, batches: Sequence[Sequence[Account]]) -> tuple[float, float]:
    """The same tree, made by the SDK's tracer as things happen."""
    tracer = provider.get_tracer("eager")
    propagator = TraceContextTextMapPropagator()
    common: dict[str, str | int] = {
        "messaging.system": "aws_sqs",
        "messaging.destination.name": "orders",
        "server.port": 443,
    }
    common |= {"server.address": "sqs.eu-west-1.amazonaws.com", "aws.sqs.queue.url": f"{BASE}/orders"}
    all_of_it, hooks = time.process_time(), time.thread_time()
    for accounts in batches:
        receive = tracer.start_span("receive orders", kind=SpanKind.CLIENT, attributes=common)
        receive.end()
        creates = []
        for account in accounts:
            attributes = {**common, "messaging.message.id": account.message.id, "messaging.operation.name": "process"}
            process = tracer.start_span(
                "process orders",
                kind=SpanKind.CONSUMER,
                attributes={**attributes, "turnout.outcome": "delivered", "turnout.receive_count": 1},
                links=[Link(receive.get_span_context())],
            )
            context = set_span_in_context(process)
            tracer.start_span("evaluate rules", context=context, attributes={"turnout.rules.matched": ["a"]}).end()
            for _ in account.deliveries:
                create = tracer.start_span(
                    "create target",
                    context=context,
                    kind=SpanKind.PRODUCER,
                    attributes={**common, "turnout.target": "a"},
                )
                carrier: dict[str, str] = {}
                propagator.inject(carrier, context=set_span_in_context(create))
                creates.append(create)
                create.end()
            tracer.start_span("delete orders", context=context, kind=SpanKind.CLIENT, attributes=attributes).end()
            process.end()
        for _ in accounts[0].deliveries:
            links = [Link(create.get_span_context()) for create in creates[:BATCH]]
            tracer.start_span("send target", kind=SpanKind.CLIENT, attributes=common, links=links).end()
    hooks = time.thread_time() - hooks
    provider.shutdown()
    return hooks, time.process_time() - all_of_it


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sink = subprocess.Popen([sys.executable, "-c", SINK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert sink.stdout is not None
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{sink.stdout.readline().strip()}"
        table(options.messages, options.runs)
    finally:
        sink.kill()
        sink.communicate()


def table(messages: int, runs: int) -> None:
    """Measure every way and print a line for each."""
    event = json.dumps({"detail": {f"field-{number}": "x" * 20 for number in range(40)}})
    started = time.process_time()
    for _ in range(20_000):
        json.loads(event)
    print(f"json.loads of a {len(event)} byte event: {(time.process_time() - started) / 20_000 * 1e6:.1f} us")
    print(f"CPU us per message, {messages} messages, median of {runs} runs")
    print(f"{'':34}{'1 target':>18}{'3 targets':>18}")
    print(f"{'':34}{'hooks':>9}{'all':>9}{'hooks':>9}{'all':>9}")
    ways: list[tuple[str, float | None, dict[str, Attribute], dict[str, str]]] = [
        ("off", None, {}, {}),
        ("unsampled, no incoming context", 0.0, {}, {}),
        ("unsampled, incoming traceparent", 0.0, TRACEPARENT, {}),
        ("unsampled, incoming X-Ray header", 0.0, {}, XRAY),
        ("1 % sampled", 0.01, {}, {}),
        ("10 % sampled", 0.1, {}, {}),
        ("100 % sampled", 1.0, {}, {}),
    ]
    for name, ratio, attributes, system in ways:
        cells = [measure(ratio, targets, attributes, system, messages, runs) for targets in (1, 3)]
        print(f"{name:34}" + "".join(f"{hooks:9.2f}{everything:9.2f}" for hooks, everything in cells), flush=True)
    cells = [measure_eager(targets, min(messages, 3_000), runs) for targets in (1, 3)]
    print(f"{'SDK spans as it happens, 100 %':34}" + "".join(f"{hooks:9.2f}{all_:9.2f}" for hooks, all_ in cells))
    print("CPU us per span, best of 9 runs: " + ", ".join(f"{step} {us:.2f}" for step, us in steps()))


def steps() -> Iterator[tuple[str, float]]:
    """What one span costs to build, to put into the queue, to encode; and to encode in the library's way."""
    accounts = [account for _ in range(200) for account in batch(1, {}, {})]
    traces = [Trace(new_trace(), "", "", True) for _ in accounts]
    spans = [span for account, trace in zip(accounts, traces, strict=True) for span in build(account, trace)]
    yield "build", best(lambda: [build(*pair) for pair in zip(accounts, traces, strict=True)], len(spans))
    processor = BatchSpanProcessor(InMemorySpanExporter(), 100_000, 1e9, 100_000)

    def emit() -> None:
        for span in spans:
            processor.on_end(Waiting(span))

    yield "emit", best(emit, len(spans))
    source, batches = resource(), [spans[start : start + 512] for start in range(0, len(spans), 512)]
    encode, convert = encoder(source).encode, converter(source)
    yield "encode", best(lambda: [encode(batch) for batch in batches], len(spans))
    yield "convert for the library", best(lambda: [convert(span) for span in spans], len(spans))
    readable = [[convert(span) for span in batch] for batch in batches]
    yield "its encoder", best(lambda: [encode_spans(batch).SerializeToString() for batch in readable], len(spans))


def best(work: Callable[[], object], count: int) -> float:
    """The least of 9 times, in us for each of `count`."""
    times = []
    for _ in range(9):
        started = time.thread_time()
        work()
        times.append(time.thread_time() - started)
    return min(times) / count * 1e6


def measure(
    ratio: float | None,
    targets: int,
    attributes: dict[str, Attribute],
    system: dict[str, str],
    messages: int,
    runs: int,
) -> tuple[float, float]:
    """Medians of hooks and everything, in us per message."""
    if ratio is not None and ratio > 0.05:
        messages = min(messages, 3_000 // targets)  # fits the queue: nothing is dropped, everything is exported
    results = []
    for _ in range(runs):
        tracing: Tracing = NoTracing()
        if ratio is not None:
            sampler = Sampler.ratio(ratio, parent_based=False)
            tracing = start_tracing(TraceSettings("grpc", timeout_seconds=30.0, sampler=sampler))
        batches = [batch(targets, attributes, system) for _ in range(messages // BATCH)]
        gc.collect()
        gc.freeze()
        results.append(late(tracing, batches))
        gc.unfreeze()
        if isinstance(tracing, LateTracing):
            assert tracing.counts.spans_dropped == tracing.counts.export_failed == tracing.counts.errors == 0
            sampled = sum(
                account.trace.sampled
                for accounts in batches
                for account in accounts
                if isinstance(account.trace, Trace)
            )
            assert tracing.counts.messages == sampled
    return middle([hooks for hooks, _ in results], messages), middle([all_ for _, all_ in results], messages)


def measure_eager(targets: int, messages: int, runs: int) -> tuple[float, float]:
    """The same for spans made by the SDK's tracer."""
    messages //= targets
    results = []
    for _ in range(runs):
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=30), max_queue_size=100_000))
        batches = [batch(targets, {}, {}) for _ in range(messages // BATCH)]
        gc.collect()
        gc.freeze()
        results.append(eager(provider, batches))
        gc.unfreeze()
    return middle([hooks for hooks, _ in results], messages), middle([all_ for _, all_ in results], messages)


def middle(seconds: list[float], messages: int) -> float:
    """Median, in us per message."""
    return statistics.median(seconds) / messages * 1e6


if __name__ == "__main__":
    main()
