"""The edges of what we write as OTLP: lengths, numbers, and what is remembered. The rest is in `tests/property`."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan
from opentelemetry.sdk.resources import Resource

from turnout.telemetry.otlp import RequestEncoder
from turnout.telemetry.records import Event, Kind, Link, Span, Value
from turnout.telemetry.setup.transport import converter


def written(span: Span) -> WireSpan:
    request = ExportTraceServiceRequest.FromString(RequestEncoder(b"", b"").encode([span]))
    found: WireSpan = request.resource_spans[0].scope_spans[0].spans[0]
    return found


@pytest.mark.parametrize("lengths", [range(400), range(16_300, 16_500), range(2_097_140, 2_097_153)])
def test_lengths_are_right_on_both_sides_of_every_further_byte(lengths: range) -> None:
    for length in lengths:
        text = "x" * length
        span = Span(
            name=text,
            kind=Kind.CLIENT,
            trace="1" * 32,
            span_id=1,
            parent=0,
            start_ns=0,
            end_ns=0,
            attributes={"key": text, "list": ["", text, ""]},
            links=[Link("1" * 32, 1, text)],
            events=[Event(text, 1, {"key": text})],
            error=text,
            state=text,
        )
        found = written(span)
        key, items = found.attributes
        (link,), (event,) = found.links, found.events
        assert [found.name, found.status.message, found.trace_state, event.name] == [text] * 4
        assert [key.value.string_value, event.attributes[0].value.string_value] == [text] * 2
        assert [item.string_value for item in items.value.array_value.values] == ["", text, ""]
        assert [pair.value.string_value for pair in link.attributes] == [text] * bool(text)


def test_a_number_that_otlp_does_not_have_is_told_as_text() -> None:
    found = written(Span("", Kind.CLIENT, "1" * 32, 1, 0, 0, 0, {"large": 2**63, "small": -(2**63) - 1}))
    assert [pair.value.string_value for pair in found.attributes] == ["9223372036854775808", "-9223372036854775809"]


def test_no_span_ends_before_it_began_though_the_clock_was_set_back_meanwhile() -> None:
    span = Span("", Kind.CLIENT, "1" * 32, 1, 0, 1_700_000_000_000_000_000, 1_699_999_996_000_000_000, {})
    found = written(span)
    assert found.end_time_unix_nano == found.start_time_unix_nano == span.start_ns
    assert converter(Resource({}))(span).end_time == span.start_ns


def test_true_is_not_taken_for_one_and_one_not_for_one_point_nought() -> None:
    encoder = RequestEncoder(b"", b"")
    for value, kind in ((1, "int_value"), (True, "bool_value"), (1.0, "double_value"), (1, "int_value")) * 2:
        request = encoder.encode([Span("", Kind.CLIENT, "1" * 32, 1, 0, 0, 0, {"key": value})])
        (found,) = ExportTraceServiceRequest.FromString(request).resource_spans[0].scope_spans[0].spans
        assert found.attributes[0].value.WhichOneof("value") == kind


def test_what_never_comes_again_is_not_remembered_for_ever() -> None:
    encoder = RequestEncoder(b"", b"")
    for number in range(2_000):
        attributes: dict[str, Value] = {"id": f"message-{number}", "long": "x" * 10_000, f"key-{number}": "once"}
        encoder.encode([Span(f"name {number}", Kind.CLIENT, "1" * 32, 1, 0, 0, 0, attributes)])
    known = encoder._attributes._known
    assert len(known) == 128
    assert len(known["id"]) == len(encoder._names) == 256
    assert not known["long"]
    encoder = RequestEncoder(b"", b"")
    encoder.encode([Span("x" * 10_000, Kind.CLIENT, "1" * 32, 1, 0, 0, 0, {})])
    assert not encoder._names
