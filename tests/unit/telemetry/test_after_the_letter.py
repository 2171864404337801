"""A trace does not end in the dead-letter queue: a redriven letter continues it, a replay links to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from tests.unit.pipeline.yard import DEAD, SOURCE, Yard, event, ruleset
from tests.unit.telemetry.stories import TRACE, Sink, text
from tests.unit.telemetry.test_worker_traces import SEND, Traced, one

from turnout.message import Attribute, Message
from turnout.pipeline.worker import Worker
from turnout.recovery.deliver.composing import compose_for_source
from turnout.recovery.reading import read_letter
from turnout.sqs.api import OutgoingMessage
from turnout.telemetry.propagation import extract, parse_traceparent
from turnout.telemetry.records import Span
from turnout.telemetry.sampling import Sampler
from turnout.telemetry.tracing import LateTracing

NEVER = Sampler.ratio(0)
UNSAMPLED = {"traceparent": text(f"00-{TRACE}-b7ad6b7169203331-00")}


class Passes:
    """One set of queues, and workers that come and go."""

    def __init__(self) -> None:
        self.yard = Yard()

    async def work(self, count: int = 1) -> Sink:
        """A worker takes so many messages; its spans."""
        self.yard.watch = watch = Traced()
        watch.late = LateTracing(watch.sink, sampler=NEVER)
        self.yard.worker = Worker(self.yard.config, ruleset(), self.yard.sqs, watch)
        async with self.yard.running():
            await watch.wait(count)
        await watch.aclose(1)
        assert watch.late.counts.errors == 0
        return watch.sink

    async def fail(self, attributes: dict[str, Attribute] | None = None) -> tuple[Sink, Message]:
        """A worker dead-letters a message that owes the archive; its spans, and the letter."""
        await self.yard.publish(event("three"), attributes=attributes)
        self.yard.sqs.fail_entries("archive", SEND, "InvalidMessageContents")
        sink = await self.work()
        self.yard.sqs.heal()
        (stored,) = self.yard.stored(DEAD)
        (letter,) = await self.yard.sqs.receive(DEAD, max_messages=10, wait_seconds=0, visibility_seconds=60)
        assert letter.body == stored.message.body
        return sink, letter


def run(test: object) -> None:
    async def main() -> None:
        async with asyncio.timeout(20):
            await test()  # type: ignore[operator]

    asyncio.run(main())


def written(sink: Sink) -> tuple[str, int]:
    span = one(sink, "create events-dead")
    return span.trace, span.span_id


def links(span: Span) -> set[tuple[str, int]]:
    return {(link.trace, link.span_id) for link in span.links}


def test_a_letter_that_is_redriven_goes_on_in_its_trace_though_that_was_not_sampled() -> None:
    async def test() -> None:
        passes = Passes()
        first, letter = await passes.fail(UNSAMPLED)
        sent = OutgoingMessage(letter.body, letter.attributes, trace_header=letter.system.get("AWSTraceHeader"))
        await passes.yard.sqs.send(SOURCE, [sent])
        second = await passes.work()
        process = one(second, "process events")
        assert process.trace == TRACE
        assert (process.trace, process.parent) == written(first)
        assert [span.name for span in second.spans if span.name.startswith("create")] == ["create archive"]

    run(test)


@pytest.mark.parametrize("others", [0, 9], ids=["with room for traceparent", "with nine attributes of its own"])
def test_a_letter_that_is_replayed_has_a_trace_that_links_to_the_letter(others: int) -> None:
    async def test() -> None:
        passes = Passes()
        own: Mapping[str, Attribute] = {f"own-{number}": text("x") for number in range(others)}
        first, letter = await passes.fail({**UNSAMPLED, **own})
        replayed = compose_for_source(read_letter(letter, queue=DEAD), SOURCE, "replay-1", ())
        assert len(replayed.attributes) <= 10
        await passes.yard.sqs.send(SOURCE, [replayed])
        second = await passes.work()
        process = one(second, "process events")
        assert process.trace != TRACE
        assert process.parent == 0
        assert written(first) in links(process)
        assert process.attributes["turnout.replay.id"] == "replay-1"
        (stored,) = passes.yard.stored("archive")
        assert "Turnout.Replay" not in stored.message.attributes
        context = parse_traceparent((stored.message.attributes.get("traceparent") or text("")).text or "")
        context = context or extract(
            Message("", "", "", "", system={"AWSTraceHeader": stored.message.trace_header or ""})
        )
        assert context is not None
        assert (context.trace, int(context.span, 16)) == (process.trace, one(second, "create archive").span_id)

    run(test)


def test_a_replay_is_always_traced() -> None:
    async def test() -> None:
        passes = Passes()
        await passes.yard.publish(event("one"), attributes={**UNSAMPLED, "Turnout.Replay": text("r")})
        assert one(await passes.work(), "process events").error is None

    run(test)
