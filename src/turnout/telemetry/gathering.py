"""The spans of batch calls, which many messages share: each is built once, with links to those that are traced.

A call's span is complete when all its messages have been told of. Most never are, as they are not sampled: so it waits
for them a while, and is then built with the links it has. What it looks like is in `spans`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from turnout.account import Account, Call, Delivery
from turnout.telemetry import spans
from turnout.telemetry.records import CallTrace, Link, Span, SpanSink, Trace, TracingCounts, new_span_id, new_trace

__all__ = ["Gathering", "trace_of"]

_GATHER_SECONDS = 1.0
"""How long a send call's span waits for further traced messages of the call, so as to link to them."""


def trace_of(call: Call) -> CallTrace:
    """What is remembered of a call's own span, from now on if it was nothing yet."""
    if not isinstance(call.span, CallTrace):
        call.span = CallTrace(new_trace(), new_span_id())
    return call.span


class Gathering:
    """The spans of calls that wait for messages. `defect` is told what failed while they were built by themselves."""

    def __init__(self, sink: SpanSink, counts: TracingCounts, defect: Callable[[str], None]) -> None:
        self._sink = sink
        self._counts = counts
        self._defect = defect
        self._gathering: list[Call] = []
        """Send calls whose span may not be built yet; those in `_ripe` have waited for a whole tick of the timer."""
        self._ripe: list[Call] = []
        self._timer: asyncio.TimerHandle | None = None

    def completed(self, account: Account, trace: Trace) -> list[Span]:
        """Link the calls of this message and its spans to each other; the spans of the calls that are complete now."""
        finished: list[Span] = []
        receive = trace_of(account.receive)
        if not receive.built:
            receive.built = True
            finished.append(spans.build_call(account.receive, receive))
        for delivery in account.deliveries:
            self._link(delivery, trace, finished)
        if account.letter is not None:
            self._link(account.letter, trace, finished)
        return finished

    def _link(self, delivery: Delivery, trace: Trace, finished: list[Span]) -> None:
        """Link the calls of this delivery to its `create` span; build the spans of those that are complete."""
        for call in delivery.calls[-spans.MOST_CALLS :]:
            span = call.span
            if not isinstance(span, CallTrace):
                if call.count == 1:
                    span = call.span = CallTrace(trace.id, new_span_id(), parent=delivery.span_id)
                else:
                    span = trace_of(call)
                    self._gathering.append(call)
                    self._start_timer()
            if span.built:
                continue
            if span.parent:  # a child says it by that
                span.message_id = delivery.message_id if call is delivery.calls[-1] else ""
            else:
                span.links.append(Link(trace.id, delivery.span_id, delivery.message_id))
            span.seen += 1
            if span.seen >= call.count:
                span.built = True
                finished.append(spans.build_call(call, span))

    def end(self) -> None:
        """Build and hand over all that wait."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        calls = [*self._ripe, *self._gathering]
        self._ripe, self._gathering = [], []
        self._build(calls)

    def _start_timer(self) -> None:
        if self._timer is None:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # no loop, no timer: built at the latest by `end`
                return
            self._timer = loop.call_later(_GATHER_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        ripe, self._ripe, self._gathering = self._ripe, self._gathering, []
        self._build(ripe)
        if self._ripe:
            self._start_timer()

    def _build(self, calls: Sequence[Call]) -> None:
        """Build the spans of these send calls, whichever of their messages have been traced by now."""
        try:
            finished = []
            for call in calls:
                if isinstance(call.span, CallTrace) and not call.span.built:
                    call.span.built = True
                    finished.append(spans.build_call(call, call.span))
            if len(finished) > self._sink.room():
                self._counts.spans_dropped += len(finished)
            elif finished:
                self._sink.emit(finished)
        except Exception:  # noqa: BLE001 - tracing never fails the pipeline
            self._defect("build_calls")
