"""What the pipeline calls at the three moments that tracing cares about: received, about to send, settled.

Here live the protocol and the two ways to honour it. What spans look like is in `spans`, when those of batch calls are
built in `gathering`, how contexts are read and written in `propagation`, how spans leave the process in `setup`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from random import getrandbits
from typing import Protocol

from turnout.account import Account, Delivery
from turnout.message import REPLAY, Attribute
from turnout.telemetry import spans
from turnout.telemetry.aside import aside, shut_down
from turnout.telemetry.gathering import Gathering, trace_of
from turnout.telemetry.propagation import (
    BAGGAGE,
    TRACE_HEADER,
    TRACEPARENT,
    TRACESTATE,
    extract,
    format_context,
    trace_root,
)
from turnout.telemetry.records import SpanSink, Trace, TracingCounts, new_trace
from turnout.telemetry.sampling import Sampler

__all__ = ["LateTracing", "NoTracing", "Tracing"]

_log = logging.getLogger(__name__)

_MAX_ATTRIBUTES = 10
"""Message attributes that SQS allows; see `turnout.sqs.api`."""

_LOW_BITS = (1 << 64) - 1


class Tracing(Protocol):
    """The hooks of the pipeline. All but `aclose` are synchronous, never raise and never block."""

    def received(self, accounts: Sequence[Account]) -> None:
        """Called once per non-empty receive, with the accounts of that one call (`account.receive` is shared).

        Sets `account.trace`.
        """
        ...

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        """The attributes to send for this delivery, and its `AWSTraceHeader` value (None: send none).

        Sets `delivery.span_id`. Called again for a retry it answers the same. `attributes` is not changed.
        """
        ...

    def settled(self, accounts: Sequence[Account]) -> None:
        """Called last of all, once per account, with those that ended together: outcome and times are final."""
        ...

    async def aclose(self, timeout_seconds: float) -> None:
        """Send what is waiting and shut down, in at most `timeout_seconds`; what is left then is counted, not kept."""
        ...


class NoTracing:
    """Tracing that is off: an incoming context is passed on as it came, baggage is not."""

    def received(self, accounts: Sequence[Account]) -> None:
        """Nothing to do."""

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        """The attributes without baggage, and the source message's own `AWSTraceHeader`."""
        if BAGGAGE in attributes:
            attributes = {name: value for name, value in attributes.items() if name != BAGGAGE}
        return attributes, delivery.account.message.system.get(TRACE_HEADER)

    def settled(self, accounts: Sequence[Account]) -> None:
        """Nothing to do."""

    async def aclose(self, timeout_seconds: float) -> None:
        """Nothing to do."""


class LateTracing:
    """Tracing that gives out ids early and builds spans late, for messages that are sampled, failed or slow.

    `slow_seconds` is the time from receive to settle from which on a message is traced whatever the sampler says.
    """

    def __init__(
        self,
        sink: SpanSink,
        *,
        sampler: Sampler | None = None,
        slow_seconds: float = 1.0,
        counts: TracingCounts | None = None,
    ) -> None:
        self._sink = sink
        self._sampler = sampler or Sampler()
        self._slow_ns = int(slow_seconds * 1e9)
        self.counts = counts or TracingCounts()
        self._calls = Gathering(sink, self.counts, self._defect)
        self._closed = False

    def received(self, accounts: Sequence[Account]) -> None:
        """Read each message's creation context and give out ids."""
        try:
            bound = self._sampler.bound
            for account in accounts:
                message = account.message
                bare = not message.attributes and TRACE_HEADER not in message.system
                remote = None if bare else extract(message)
                if remote is None:
                    # The sampler's decision, on the lower 64 bits before they become text: a third of the price.
                    bits = getrandbits(128) or 1
                    octets = bits.to_bytes(16, "big")
                    # With a dash before the last twelve, as `trace_root` does by cutting, at half the price.
                    account.trace = Trace(octets.hex(), octets.hex("-", 12), "", bits & _LOW_BITS < bound)
                    continue
                if REPLAY in message.attributes:
                    # The original's trace is over, maybe long ago: a replay has its own, which links to it. It is
                    # always recorded: somebody will want to see what became of what was repaired.
                    own = new_trace()
                    account.trace = Trace(own, trace_root(own), "", True, "", remote)
                    continue
                sampled = self._sampler.samples(remote.trace, remote)
                account.trace = Trace(remote.trace, trace_root(remote.trace), remote.span, sampled, remote.state)
                if remote.span:
                    trace_of(account.receive).contexts.append((remote, account.message.id))
        except Exception:  # noqa: BLE001 - tracing never fails the pipeline
            self._defect("received")

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        """Give the message the context of its own `create` span."""
        try:
            account = delivery.account
            trace = account.trace
            if type(trace) is not Trace:
                return _OFF.inject(delivery, attributes)
            number = delivery.span_id
            if not number:
                number = delivery.span_id = getrandbits(64) or 1
            # A message with a letter is traced for certain: who takes the letter back is to be seen in the same trace.
            sampled = trace.sampled or delivery is account.letter
            # To bytes and then to hexadecimal takes half as long as formatting.
            context, trace_header = format_context(trace.id, trace.root, number.to_bytes(8, "big").hex(), sampled)
            traceparent = Attribute("String", context)
            if not attributes and not trace.state:  # nearly always: nothing came along that could be in the way
                return {TRACEPARENT: traceparent}, trace_header
            carrier = {**attributes, TRACEPARENT: traceparent}
            carrier.pop(BAGGAGE, None)
            if trace.state:
                if TRACESTATE in carrier or len(carrier) < _MAX_ATTRIBUTES:
                    carrier[TRACESTATE] = Attribute("String", trace.state)
            elif TRACESTATE in carrier:  # it belonged to a context that we could not read
                del carrier[TRACESTATE]
            if len(carrier) > _MAX_ATTRIBUTES:
                del carrier[TRACEPARENT]
                self.counts.context_dropped += 1
            return carrier, trace_header
        except Exception:  # noqa: BLE001 - tracing never fails the pipeline
            self._defect("inject")
            return _OFF.inject(delivery, attributes)

    def settled(self, accounts: Sequence[Account]) -> None:
        """Build and hand over the spans of the messages that are wanted."""
        slow_ns = self._slow_ns
        for account in accounts:
            try:
                trace = account.trace
                if type(trace) is Trace and (
                    trace.sampled or account.settled_ns - account.received_ns >= slow_ns or spans.failed(account)
                ):
                    self._trace(account, trace)
            except Exception:  # noqa: BLE001 - tracing never fails the pipeline
                self._defect("settled")

    def _trace(self, account: Account, trace: Trace) -> None:
        own = spans.count(account)
        calls = 1 + sum(len(delivery.calls) for delivery in account.deliveries)
        if account.letter is not None:
            calls += len(account.letter.calls)
        if self._closed or self._sink.room() < own + calls:  # at most so many; the spans of calls are shared
            self.counts.spans_dropped += own
            return
        self.counts.messages += 1
        finished = self._calls.completed(account, trace)
        finished += spans.build(account, trace)
        self._sink.emit(finished)

    async def aclose(self, timeout_seconds: float) -> None:
        """Send what is waiting and shut down, in at most `timeout_seconds`.

        The exporter may block for half a minute on a dead collector. It does so in a daemon thread, which holds
        neither the event loop nor the end of the process.
        """
        if self._closed:
            return
        self._calls.end()
        self._closed = True
        await shut_down(self._sink, timeout_seconds, self._defect)

    async def flush(self, timeout_seconds: float) -> None:
        """Send what is waiting, in at most `timeout_seconds`, and go on: for a process that may be frozen next."""
        self._calls.end()
        if not await aside(self._sink.flush, "flush", timeout_seconds, self._defect):
            _log.warning("The trace collector did not take the spans within %.1f s; they may be late.", timeout_seconds)

    def _defect(self, where: str) -> None:
        self.counts.errors += 1
        _log.exception("Tracing failed in %s; the message itself is not affected.", where)


_OFF = NoTracing()
