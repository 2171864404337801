"""Reading and writing trace context, in both carriers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.telemetry.stories import PARENT, TRACE, TRACEPARENT

from turnout.message import Attribute, Message
from turnout.telemetry.propagation import (
    Context,
    extract,
    format_context,
    parse_trace_header,
    parse_traceparent,
    parse_tracestate,
    trace_root,
)

HEADER = f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={PARENT};Sampled=1"


def message(attributes: dict[str, Attribute] | None = None, header: str | None = None) -> Message:
    return Message("id", "handle", "{}", "queue", attributes or {}, {"AWSTraceHeader": header} if header else {})


def text(value: str) -> Attribute:
    return Attribute("String", value)


def test_a_traceparent_is_read() -> None:
    assert parse_traceparent(TRACEPARENT) == Context(TRACE, PARENT, True)
    assert parse_traceparent(TRACEPARENT[:-1] + "0") == Context(TRACE, PARENT, False)


def test_unknown_flags_do_not_hide_the_sampled_flag() -> None:
    assert parse_traceparent(f"00-{TRACE}-{PARENT}-03") == Context(TRACE, PARENT, True)
    assert parse_traceparent(f"00-{TRACE}-{PARENT}-fe") == Context(TRACE, PARENT, False)


def test_a_later_version_of_traceparent_may_have_more_fields() -> None:
    assert parse_traceparent(f"cc-{TRACE}-{PARENT}-01-what-the-future-holds") == Context(TRACE, PARENT, True)


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        "nonsense",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE[:-1]}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01-more",
        f"cc-{TRACE}-{PARENT}-01more",
        f"00-{TRACE}-{PARENT}",
        f" {TRACEPARENT}",
        f"{TRACEPARENT}\n",
        f"00-{TRACE[:-1]}g-{PARENT}-01",
        f"00-{TRACE[:-1]}\u0661-{PARENT}-01",
        "00-" + "a" * 100_000,
        f"cc-{TRACE}-{PARENT}-01-" + "x" * 10_000,
    ],
)
def test_a_malformed_traceparent_is_no_context(malformed: str) -> None:
    assert parse_traceparent(malformed) is None


def test_an_xray_header_is_read() -> None:
    assert parse_trace_header(HEADER) == Context(TRACE, PARENT, True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"Root=1-{TRACE[:8]}-{TRACE[8:]}", Context(TRACE, "", None)),
        (f"Root=1-{TRACE[:8]}-{TRACE[8:]};Sampled=?", Context(TRACE, "", None)),
        (f"Sampled=0; Parent={PARENT}; Root=1-{TRACE[:8]}-{TRACE[8:]}", Context(TRACE, PARENT, False)),
        (
            f"Self=1-67891234-12456789abcdef012345678;{HEADER};Lineage=a87bd80c:1|68fd508a:5",
            Context(TRACE, PARENT, True),
        ),
        (HEADER.replace(TRACE[8:], TRACE[8:].upper()), Context(TRACE, PARENT, True)),
        (HEADER.replace(PARENT, PARENT.upper()), Context(TRACE, PARENT, True)),
        (f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent={'0' * 16};Sampled=1", Context(TRACE, "", True)),
    ],
)
def test_xray_headers_come_in_many_shapes(header: str, expected: Context) -> None:
    assert parse_trace_header(header) == expected


@pytest.mark.parametrize(
    "malformed",
    [
        "",
        ";;;",
        "Root=",
        f"Root=2-{TRACE[:8]}-{TRACE[8:]}",
        f"Root=1-{'0' * 8}-{'0' * 24};Parent={PARENT};Sampled=1",
        f"Root=1-{TRACE};Parent={PARENT}",
        f"Root=1-{TRACE[:8]}-{TRACE[8:]};Parent=short;Sampled=1",
        f"Parent={PARENT};Sampled=1",
        HEADER + ";" * 5000,
    ],
)
def test_a_malformed_xray_header_is_no_context(malformed: str) -> None:
    assert parse_trace_header(malformed) is None


def test_tracestate_keeps_what_is_well_formed() -> None:
    assert parse_tracestate("congo=t61rcWkgMzE, rojo=00f067aa0ba902b7 ,,bad key=1,=2,also-bad,1@x=y") == (
        "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7,1@x=y"
    )


def test_tracestate_may_have_32_members_of_512_characters_and_what_is_no_member_spoils_none() -> None:
    most = ",".join(f"k{number}=v" for number in range(32))
    assert parse_tracestate(most) == most
    longest = ",".join(f"key-{number:03}={'x' * 120}" for number in range(4))[:512]
    assert (len(longest), parse_tracestate(longest)) == (512, longest)
    assert parse_tracestate(f"{longest}x") == ""
    assert parse_tracestate("a=1,a") == "a=1"


@pytest.mark.parametrize(
    "unusable", ["", ",", "a", "a=1,a=2", "a=\u00e9", "a=" + "x" * 600, ",".join(f"k{n}=v" for n in range(33))]
)
def test_tracestate_that_cannot_be_used_is_dropped(unusable: str) -> None:
    assert parse_tracestate(unusable) == ""


def test_traceparent_is_preferred_to_the_xray_header() -> None:
    other = HEADER.replace(TRACE[8:], "f" * 24)
    assert extract(message({"traceparent": text(TRACEPARENT)}, other)) == Context(TRACE, PARENT, True)


def test_the_xray_header_is_read_when_traceparent_is_missing_or_malformed() -> None:
    assert extract(message({}, HEADER)) == Context(TRACE, PARENT, True)
    assert extract(message({"traceparent": text("garbage")}, HEADER)) == Context(TRACE, PARENT, True)
    assert extract(message({"traceparent": Attribute("Binary", data=b"\x00\xff")}, HEADER)) == Context(
        TRACE, PARENT, True
    )


def test_tracestate_belongs_to_traceparent_only() -> None:
    state = {"tracestate": text("a=1")}
    assert extract(message({"traceparent": text(TRACEPARENT), **state})) == Context(TRACE, PARENT, True, "a=1")
    assert extract(message(state, HEADER)) == Context(TRACE, PARENT, True)


def test_a_message_without_context_has_none() -> None:
    assert extract(message()) is None


IDS = st.tuples(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())


@given(IDS)
def test_what_is_written_is_read_back(ids: tuple[int, int, bool]) -> None:
    trace, span, sampled = f"{ids[0]:032x}", f"{ids[1]:016x}", ids[2]
    expected = Context(trace, span, sampled)
    traceparent, trace_header = format_context(trace, trace_root(trace), span, sampled)
    assert parse_traceparent(traceparent) == expected
    assert parse_trace_header(trace_header) == expected


LIKELY = st.one_of(
    st.text(),
    st.text(alphabet="0123456789abcdefABCDEF-;=,@_ RootParentSmpl", max_size=120),
    st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{31,33}-[0-9a-f]{15,17}-[0-9a-f]{1,3}", fullmatch=True),
    st.from_regex(r"(Root=1-[0-9a-f]{7,9}-[0-9a-f]{23,25};?)?(Parent=[0-9a-f]{15,17};?)?(Sampled=.)?", fullmatch=True),
)
HEX = frozenset("0123456789abcdef")


@given(LIKELY, LIKELY, LIKELY)
def test_no_input_makes_extract_raise_or_answer_nonsense(parent: str, state: str, header: str) -> None:
    context = extract(message({"traceparent": text(parent), "tracestate": text(state)}, header))
    if context is not None:
        assert len(context.trace) == 32
        assert set(context.trace) <= HEX
        assert int(context.trace, 16)
        assert context.span == "" or (len(context.span) == 16 and set(context.span) <= HEX and int(context.span, 16))
        assert context.state == parse_tracestate(context.state)


@given(st.text(alphabet="abc12=,@ \t\u00e9*/", max_size=600))
def test_cleaning_a_tracestate_twice_changes_nothing(state: str) -> None:
    assert parse_tracestate(parse_tracestate(state)) == parse_tracestate(state)
