from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.unit.recovery import letters
from tests.unit.recovery.processor.bench import QUEUE, Bench, on_bench, permanent, transient

from turnout.recovery import Letter, read_letter
from turnout.recovery.processor.counts import Result
from turnout.recovery.processor.spans import trace_turn
from turnout.telemetry.finished import FinishedSpans
from turnout.telemetry.records import Span
from turnout.telemetry.sampling import Sampler

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Sink:
    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.free = 100

    def room(self) -> int:
        return self.free

    def emit(self, finished: Sequence[Span]) -> None:
        self.spans += finished

    def flush(self) -> None: ...

    def shutdown(self) -> None: ...

    def abandon(self) -> None: ...


def letter(**attributes: str) -> Letter:
    message = letters.rule("THROTTLING", "call +442071838750", **attributes)
    return read_letter({**message, "MessageId": "m-1"}, queue=QUEUE)


def turn(result: Result, about: Letter, sampler: Sampler | None = None) -> list[Span]:
    sink = Sink()
    trace_turn(FinishedSpans(sink, sampler=sampler), about, result, 1, 2)
    return sink.spans


def test_spans_are_handed_on_when_there_is_just_room_for_them_and_counted_else() -> None:
    sink = Sink()
    sink.free = 1
    finished = FinishedSpans(sink)
    (span,) = turn(Result.DELIVERED, letter(traceparent=f"00-{TRACE}-{SPAN}-01"))
    finished.add([span])
    finished.add([span, span])
    assert (sink.spans, finished.counts.spans_dropped) == ([span], 2)


def test_a_turn_is_a_span_in_the_trace_of_the_event() -> None:
    (span,) = turn(Result.DELIVERED, letter(traceparent=f"00-{TRACE}-{SPAN}-01"))
    assert (span.name, span.trace, span.parent, span.remote_parent) == ("process dead", TRACE, int(SPAN, 16), True)
    assert span.attributes["turnout.outcome"] == "delivered"
    assert span.attributes["turnout.letter.cause"] == "RATE_LIMIT_EXCEEDED"
    assert span.attributes["messaging.message.id"] == "m-1"
    assert span.error is None


def test_a_processor_tells_of_every_turn_how_it_ended_and_how_long_it_took(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        sink = Sink()
        bench.spans = FinishedSpans(sink)
        await bench.once()
        ended = {span.attributes["messaging.message.id"]: span.attributes["turnout.outcome"] for span in sink.spans}
        assert ended == {"m-1": "delivered", "m-2": "archived"}
        assert all(span.start_ns < span.end_ns for span in sink.spans)

    on_bench(tmp_path, story, transient(1), permanent(2))


def test_a_letter_of_ours_names_its_trace_and_one_of_others_gets_its_own() -> None:
    (span,) = turn(Result.ARCHIVED, read_letter({**letters.own(), "MessageId": "m-1"}, queue=QUEUE))
    assert (span.trace, span.parent) == (TRACE, 0)
    (other,) = turn(Result.ARCHIVED, letter())
    assert other.trace != TRACE
    assert other.parent == 0


@pytest.mark.parametrize("result", [Result.EXHAUSTED, Result.FAILED])
def test_what_failed_is_recorded_whatever_the_sampler_says(result: Result) -> None:
    (span,) = turn(result, letter(), Sampler.ratio(0))
    assert span.error == result.value
    assert span.attributes["error.type"] == "THROTTLING"
    assert turn(Result.DELIVERED, letter(), Sampler.ratio(0)) == []


def test_waiting_is_no_span_and_personal_data_is_on_none() -> None:
    for result in (Result.WAITING, Result.ELSEWHERE, Result.PUT_OFF):
        assert turn(result, letter()) == []
    assert "+4420" not in repr(turn(Result.EXHAUSTED, letter()))


def test_without_room_or_without_tracing_nothing_is_kept() -> None:
    sink = Sink()
    sink.free = 0
    spans = FinishedSpans(sink)
    trace_turn(spans, letter(), Result.DELIVERED, 1, 2)
    assert (sink.spans, spans.counts.spans_dropped) == ([], 1)
    trace_turn(FinishedSpans(), letter(), Result.EXHAUSTED, 1, 2)
