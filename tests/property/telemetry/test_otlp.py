"""The bytes we write for spans, parsed by protobuf, are what OpenTelemetry's own encoder makes of the same spans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource

from turnout.telemetry.records import Event, Kind, Link, Span, Value
from turnout.telemetry.setup.transport import converter, encoder

# Keys and values that come again, and longer ones than one byte of length can tell.
texts = st.sampled_from(
    ["", "orders", "process orders", "bestellungen-äöü", "注文", "🚂", "x" * 127, "y" * 300]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
keys = st.sampled_from(["", "messaging.system", "server.port", "turnout.rules.matched"]) | texts
numbers = st.sampled_from([0, 1, -1, 127, 128, 2**63 - 1, -(2**63)]) | st.integers(-(2**63), 2**63 - 1)
values: st.SearchStrategy[Value] = st.one_of(
    st.booleans(),
    numbers,
    st.sampled_from([0.0, -0.0, 1.0, float("nan"), float("inf")]) | st.floats(),
    texts,
    st.lists(texts, max_size=5),
    st.lists(texts, max_size=5).map(tuple),
)
attributes = st.dictionaries(keys, values, max_size=5)
traces = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
span_ids = st.integers(0, 2**64 - 1)
times = st.just(0) | st.integers(0, 2**64 - 1)
links = st.builds(Link, trace=traces, span_id=span_ids, message_id=texts, remote=st.booleans())
events = st.builds(Event, name=texts, at_ns=times, attributes=attributes)
states = st.dictionaries(
    st.from_regex(r"[a-z][_0-9a-z\-*/]{0,20}", fullmatch=True),
    st.from_regex(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,20}[\x21-\x2b\x2d-\x3c\x3e-\x7e]", fullmatch=True),
    max_size=4,
).map(lambda members: ",".join(f"{key}={value}" for key, value in members.items()))
spans = st.builds(
    Span,
    name=texts,
    kind=st.sampled_from(Kind),
    trace=traces,
    span_id=span_ids,
    parent=st.just(0) | span_ids,
    start_ns=times,
    end_ns=times,
    attributes=attributes,
    links=st.lists(links, max_size=2),
    events=st.lists(events, max_size=2),
    error=st.none() | texts,
    remote_parent=st.booleans(),
    state=states,
)
details = st.dictionaries(texts.filter(bool), st.text("ab", max_size=3) | st.integers(0, 9), max_size=3)
sources = st.builds(Resource, details, st.sampled_from(["", "https://opentelemetry.io/schemas/1.44.0"]))


def told(request: ExportTraceServiceRequest) -> bytes:
    """For comparing: to protobuf one NaN is not like the other."""
    text: bytes = request.SerializeToString(deterministic=True)
    return text


@given(sources, st.lists(st.lists(spans, min_size=1, max_size=2), min_size=1, max_size=2))
def test_what_we_write_is_what_the_library_means(source: Resource, batches: list[list[Span]]) -> None:
    encode, convert = encoder(source).encode, converter(source)
    # Once more at the end, when all that can be remembered is.
    for batch in [*batches, *batches]:
        theirs = encode_spans([convert(span) for span in batch])
        assert told(ExportTraceServiceRequest.FromString(encode(batch))) == told(theirs)


anything = st.text(st.characters(codec=None), max_size=50)


@given(st.lists(anything, min_size=6, max_size=6))
def test_no_text_costs_more_than_its_own_odd_characters(odd: list[str]) -> None:
    name, key, value, item, description, message_id = odd
    span = Span(
        name=name,
        kind=Kind.CLIENT,
        trace="1" * 32,
        span_id=1,
        parent=0,
        start_ns=0,
        end_ns=0,
        attributes={key: value, "list": [item]},
        links=[Link("2" * 32, 2, message_id)],
        events=[Event(name, 0, {key: value})],
        error=description,
        state=value,
    )
    request = ExportTraceServiceRequest.FromString(encoder(Resource({})).encode([span]))
    (found,) = request.resource_spans[0].scope_spans[0].spans
    kept = [text.encode("utf-8", "replace").decode() for text in odd]
    assert [found.name, found.status.message, found.trace_state] == [kept[0], kept[4], kept[2]]
    assert [found.events[0].name, found.events[0].attributes[0].key] == [kept[0], kept[1]]
    pairs = {pair.key: pair.value for pair in found.attributes}
    if key != "list":
        assert pairs[kept[1]].string_value == kept[2]
    assert pairs["list"].array_value.values[0].string_value == kept[3]
    assert [pair.value.string_value for pair in found.links[0].attributes] == ([kept[5]] if message_id else [])
