"""The span of a letter's turn: in the trace of the original event where that is known, else a trace of its own.

    process {queue}    CONSUMER    the turn; what became of it is `turnout.outcome`

Turns that only find that a letter waits have none.
"""

from __future__ import annotations

from turnout.recovery.letter import Letter
from turnout.recovery.processor.counts import Result
from turnout.telemetry import semconv
from turnout.telemetry.finished import FinishedSpans
from turnout.telemetry.propagation import Context, extract
from turnout.telemetry.records import Kind, Span, Value, new_span_id, new_trace

__all__ = ["trace_turn"]

_UNEVENTFUL = frozenset({Result.WAITING, Result.ELSEWHERE, Result.PUT_OFF})
_FAILED = frozenset({Result.EXHAUSTED, Result.FAILED})

CAUSE = "turnout.letter.cause"
DISPOSITION = "turnout.letter.disposition"


def trace_turn(spans: FinishedSpans, letter: Letter, result: Result, start_ns: int, end_ns: int) -> None:
    """Hand the span of this turn on, if it is wanted. No personal data: ids, causes and names only."""
    if result in _UNEVENTFUL:
        return
    remote = extract(letter.message) or _origin(letter)
    trace = remote.trace if remote is not None else new_trace()
    failed = result in _FAILED
    if not failed and not spans.wants(trace, remote):
        return
    attributes: dict[str, Value] = {
        **semconv.queue_attributes(letter.queue),
        semconv.OPERATION_NAME: semconv.PROCESS,
        semconv.OPERATION_TYPE: semconv.PROCESS,
        semconv.OUTCOME: result.value,
        CAUSE: letter.cause.value,
        DISPOSITION: letter.disposition.value,
    }
    for name, text in (
        (semconv.MESSAGE_ID, letter.id),
        (semconv.CONVERSATION_ID, letter.conversation_id),
        (semconv.EVENT_ID, letter.event_id),
        (semconv.EVENT_TYPE, letter.event_type),
        (semconv.ERROR_TYPE, letter.code if failed else ""),
    ):
        if text:
            attributes[name] = semconv.clean(text)
    spans.add(
        [
            Span(
                name=f"{semconv.PROCESS} {attributes.get(semconv.DESTINATION, '')}".rstrip(),
                kind=Kind.CONSUMER,
                trace=trace,
                span_id=new_span_id(),
                parent=int(remote.span, 16) if remote is not None and remote.span else 0,
                start_ns=start_ns,
                end_ns=end_ns,
                attributes=attributes,
                error=result.value if failed else None,
                remote_parent=remote is not None and bool(remote.span),
            )
        ]
    )


def _origin(letter: Letter) -> Context | None:
    """The trace that a letter of ours names."""
    trace = next((layer.trace_id for layer in letter.chain if layer.trace_id), "")
    valid = len(trace) == 32 and trace.strip("0123456789abcdef") == "" and trace.strip("0") != ""
    return Context(trace, "", None) if valid else None
