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
    "format_context",
    "parse_trace_header",
    "parse_traceparent",
    "parse_tracestate",
    "trace_root",
]

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"
BAGGAGE = "baggage"
TRACE_HEADER = "AWSTraceHeader"

# https://www.w3.org/TR/trace-context/#traceparent-header: a later version may append fields, version ff is invalid.
_TRACEPARENT = re.compile(r"(?!ff|00)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])(?:-.*)?", re.DOTALL)
# The form in use, and for X-Ray below the fields in their usual order, are tried first: that is twice as fast.
_USUAL_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])")
_STATE_KEY = re.compile(r"[a-z0-9][a-z0-9_\-*/@]{0,255}")
_STATE_VALUE = re.compile(r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
# https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
_USUAL_HEADER = re.compile(r"Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=([01])")
_ROOT = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
_SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")

_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_ODD = frozenset("13579bdf")
"""Hex digits whose lowest bit is set, which among the flags means sampled."""

_LONGEST_TRACEPARENT = 512
_LONGEST_TRACESTATE = 512
_LONGEST_TRACE_HEADER = 1024
_MOST_STATE_MEMBERS = 32


class Context(msgspec.Struct, frozen=True, gc=False):
    """A span of somebody else's, as it came with a message. Ids are lower-case hex, of 32 and 16 digits.

    `span` is empty when only the trace is known (an X-Ray header without `Parent`). `sampled` is None when the sender
    left that decision to us. `state` is the `tracestate` to pass on, or empty.
    """

    trace: str
    span: str
    sampled: bool | None
    state: str = ""


def extract(message: Message) -> Context | None:
    """The context in which the message was created, if it says so in a way that can be understood."""
    attributes = message.attributes
    if TRACEPARENT in attributes:
        context = parse_traceparent(_text(attributes, TRACEPARENT))
        if context is not None:
            state = parse_tracestate(_text(attributes, TRACESTATE)) if TRACESTATE in attributes else ""
            return Context(context.trace, context.span, context.sampled, state) if state else context
    header = message.system.get(TRACE_HEADER)
    return parse_trace_header(header) if header else None


def _text(attributes: Mapping[str, Attribute], name: str) -> str:
    return attributes[name].text or ""


def parse_traceparent(text: str) -> Context | None:
    """Read a W3C `traceparent` of any version; None when it is malformed or its ids are all zeros."""
    match = _USUAL_TRACEPARENT.fullmatch(text) or _later_version(text)
    if match is None:
        return None
    trace, span, flag = match.groups()
    if trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return Context(trace, span, flag in _ODD)


def _later_version(text: str) -> re.Match[str] | None:
    return _TRACEPARENT.fullmatch(text) if len(text) <= _LONGEST_TRACEPARENT else None


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
    usual = _USUAL_HEADER.fullmatch(text)
    if usual is not None:
        time, rest, span, decision = usual.groups()
        return _context(time + rest, span, decision)
    if len(text) > _LONGEST_TRACE_HEADER:
        return None
    trace = span = decision = ""
    for field in text.split(";"):
        key, _, value = field.strip().partition("=")
        if key == "Root":
            root = _ROOT.fullmatch(value)
            if root is None:
                return None
            trace = (root[1] + root[2]).lower()
        elif key == "Parent":
            if not _SPAN_ID.fullmatch(value):
                return None
            span = value.lower()
        elif key == "Sampled":
            decision = value
    return _context(trace, span, decision) if trace else None


def _context(trace: str, span: str, decision: str) -> Context | None:
    if trace == _NO_TRACE:
        return None
    sampled = True if decision == "1" else False if decision == "0" else None
    return Context(trace, "" if span == _NO_SPAN else span, sampled)


def trace_root(trace: str) -> str:
    """A trace id, 32 hex digits, with the dash that an `AWSTraceHeader` has in it."""
    return f"{trace[:8]}-{trace[8:]}"


def format_context(trace: str, root: str, span: str, sampled: bool) -> tuple[str, str]:
    """A W3C `traceparent`, version 00, and an `AWSTraceHeader`, from 32 and 16 lower-case hex digits.

    `root` is what `trace_root` says of the trace.
    """
    flag = "1" if sampled else "0"
    return f"00-{trace}-{span}-0{flag}", f"Root=1-{root};Parent={span};Sampled={flag}"
