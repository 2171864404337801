"""Trace context over SQS: read from a received message, written for a sent one.

Carriers, in the order they are tried: the message attributes `traceparent` and `tracestate` (W3C Trace Context), the
message system attribute `AWSTraceHeader` (X-Ray). Formatted and parsed by hand: a W3C propagator costs 5 us, this one.
Input is hostile. What cannot be understood is no context; nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from turnout.message import Attribute, Message

__all__ = [
    "BAGGAGE",
    "TRACEPARENT",
    "TRACESTATE",
    "TRACE_HEADER",
    "Context",
    "extract",
    "format_trace_header",
    "format_traceparent",
    "parse_trace_header",
    "parse_traceparent",
    "parse_tracestate",
]

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
BAGGAGE = "baggage"
TRACE_HEADER = "AWSTraceHeader"

# https://www.w3.org/TR/trace-context/#traceparent-header: a later version may append fields, version ff is invalid.
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_STATE_KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_STATE_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_ROOT = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")

_LONGEST_TRACEPARENT = 512
_LONGEST_TRACESTATE = 512
_LONGEST_TRACE_HEADER = 1024
_MOST_STATE_MEMBERS = 32


class Context(msgspec.Struct, frozen=True, gc=False):
    """A span of somebody else's, as it came with a message.

    `span_id` is 0 when only the trace is known (an X-Ray header without `Parent`). `sampled` is None when the sender
    left that decision to us. `state` is the `tracestate` to pass on, or empty.
    """

    trace_id: int
    span_id: int
    sampled: bool | None
    state: str = ""


def extract(message: Message) -> Context | None:
    """The context in which the message was created, if it says so in a way that can be understood."""
    attributes = message.attributes
    if TRACEPARENT in attributes:
        text = _text(attributes, TRACEPARENT)
        context = parse_traceparent(text) if text else None
        if context is not None:
            state = parse_tracestate(_text(attributes, TRACESTATE)) if TRACESTATE in attributes else ""
            return Context(context.trace_id, context.span_id, context.sampled, state) if state else context
    header = message.system.get(TRACE_HEADER)
    return parse_trace_header(header) if header else None


def _text(attributes: Mapping[str, Attribute], name: str) -> str:
    return attributes[name].text or ""


def parse_traceparent(text: str) -> Context | None:
    """Read a W3C `traceparent` of any version; None when it is malformed or its ids are all zeros."""
    if len(text) > _LONGEST_TRACEPARENT:
        return None
    match = _TRACEPARENT.fullmatch(text)
    if match is None:
        return None
    version, trace, span, flags, rest = match.groups()
    trace_id, span_id = int(trace, 16), int(span, 16)
    if not trace_id or not span_id or (rest is not None and version == "00"):
        return None
    return Context(trace_id, span_id, bool(int(flags, 16) & 1))


def parse_tracestate(text: str) -> str:
    """The members of a W3C `tracestate` that are well formed, as one string; empty when there are none to pass on.

    At most 32 members; a text longer than 512 characters, or with a duplicate key, is dropped whole.
    """
    if not text or len(text) > _LONGEST_TRACESTATE:
        return ""
    members: dict[str, str] = {}
    for member in text.split(","):
        key, equals, value = member.strip(" \t").partition("=")
        if not equals:
            continue
        if key in members:
            return ""
        if _STATE_KEY.fullmatch(key) and _STATE_VALUE.fullmatch(value):
            members[key] = value
    if len(members) > _MOST_STATE_MEMBERS:
        return ""
    return ",".join([f"{key}={value}" for key, value in members.items()])


def parse_trace_header(text: str) -> Context | None:
    """Read an `AWSTraceHeader`; None when it has no usable `Root`, or a malformed `Parent`."""
    if len(text) > _LONGEST_TRACE_HEADER:
        return None
    trace_id = span_id = 0
    sampled: bool | None = None
    for field in text.split(";"):
        key, _, value = field.strip().partition("=")
        if key == "Root":
            root = _ROOT.fullmatch(value)
            if root is None:
                return None
            trace_id = int(root[1] + root[2], 16)
        elif key == "Parent":
            if not _SPAN_ID.fullmatch(value):
                return None
            span_id = int(value, 16)
        elif key == "Sampled":
            sampled = {"1": True, "0": False}.get(value)
    return Context(trace_id, span_id, sampled) if trace_id else None


def format_traceparent(trace: str, span: str, sampled: bool) -> str:
    """A W3C `traceparent`, version 00, from 32 and 16 lower-case hex digits."""
    return f"00-{trace}-{span}-0{1 if sampled else 0}"


def format_trace_header(trace: str, span: str, sampled: bool) -> str:
    """An `AWSTraceHeader` from 32 and 16 lower-case hex digits."""
    return f"Root=1-{trace[:8]}-{trace[8:]};Parent={span};Sampled={1 if sampled else 0}"
