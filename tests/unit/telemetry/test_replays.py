"""A replay is traced on its own, and its trace leads to that of the original."""

from __future__ import annotations

from turnout.account import Account, Call
from turnout.message import Attribute, Message
from turnout.telemetry import spans
from turnout.telemetry.propagation import TRACEPARENT
from turnout.telemetry.records import Span, Trace
from turnout.telemetry.tracing import LateTracing

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class NoSink:
    """Nothing is sent anywhere."""

    def room(self) -> int:
        return 0

    def emit(self, finished: object) -> None: ...
    def flush(self) -> None: ...
    def shutdown(self) -> None: ...
    def abandon(self) -> None: ...


def process_span(replay: bool) -> tuple[Trace, Span]:
    attributes = {TRACEPARENT: Attribute("String", f"00-{TRACE}-{SPAN}-01")}
    if replay:
        attributes["Turnout.Replay"] = Attribute("String", "replay-1")
    account = Account(Message("m", "h", "{}", "https://sqs/1/events", attributes), Call("receive", "q", 1), 1)
    LateTracing(NoSink()).received([account])
    assert isinstance(account.trace, Trace)
    return account.trace, spans.build(account, account.trace)[0]


def test_a_replay_has_a_trace_of_its_own_with_a_link_to_the_original() -> None:
    trace, span = process_span(replay=True)
    assert trace.id != TRACE
    assert (span.trace, span.parent) == (trace.id, 0)
    assert (TRACE, int(SPAN, 16), True) in [(link.trace, link.span_id, link.remote) for link in span.links]
    assert span.attributes["turnout.replay.id"] == "replay-1"


def test_any_other_message_goes_on_with_the_trace_it_came_with() -> None:
    trace, span = process_span(replay=False)
    assert (trace.id, span.parent) == (TRACE, int(SPAN, 16))
    assert TRACE not in [link.trace for link in span.links]
    assert "turnout.replay.id" not in span.attributes


def test_a_replay_whose_original_names_no_span_has_a_trace_of_its_own_and_nothing_to_link_to() -> None:
    header = {"AWSTraceHeader": f"Root=1-{TRACE[:8]}-{TRACE[8:]}"}
    replay = {"Turnout.Replay": Attribute("String", "replay-1")}
    account = Account(Message("m", "h", "{}", "https://sqs/1/events", replay, header), Call("receive", "q", 1), 1)
    LateTracing(NoSink()).received([account])
    assert isinstance(account.trace, Trace)
    span = spans.build(account, account.trace)[0]
    assert account.trace.id != TRACE
    assert (span.trace, span.parent, span.links) == (account.trace.id, 0, [])
