"""Span records as the bytes of an OTLP request, `ExportTraceServiceRequest`, without protobuf's objects in between.

Field numbers and types are those of https://github.com/open-telemetry/opentelemetry-proto, version 1 (in
`opentelemetry/proto`: `collector/trace/v1/trace_service.proto`, `trace/v1/trace.proto`, `common/v1/common.proto`), the
wire format is that of https://protobuf.dev/programming-guides/encoding/.

What is written means what OpenTelemetry's own encoder writes for the same spans, but for three things. A character that
cannot be encoded (a lone surrogate) becomes `?`, where the library loses the attribute or the whole batch; an integer
of more than 64 bits becomes text, where it loses the attribute; and a `trace_state` is written as it is passed on,
where its older grammar might drop it.

How bytes leave the process is not known here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct

from turnout.telemetry.records import Event, Link, Span, Value

__all__ = ["RequestEncoder"]

_MOST_KEYS = 128
_MOST_VALUES = 256
_LONGEST_KNOWN = 256
"""What is remembered at most: so many keys, so many values of each, of so many bytes. Ids, which never come again,
fill the room of their own keys and nothing else."""

# A field begins with its tag: its number, shifted left by three, and its wire type (0 varint, 1 eight bytes, 2 length
# and content, 5 four bytes).
_RESOURCE_SPANS = b"\x0a"  # ExportTraceServiceRequest.resource_spans = 1
_SCOPE_SPANS = b"\x12"  # ResourceSpans.scope_spans = 2
_SPAN = b"\x12"  # ScopeSpans.spans = 2

_IDS = b"\x0a\x10%b\x12\x08%b"  # Span.trace_id = 1, span_id = 2; of a Link as well
_STATE = b"\x1a"  # Span.trace_state = 3
_PARENT = b"\x22\x08"  # Span.parent_span_id = 4
_NAME = b"\x2a"  # Span.name = 5
_WHEN = Struct("<BBBQBQHI")  # Span.kind = 6, start_time_unix_nano = 7, end_time_unix_nano = 8, flags = 16
_KIND, _START, _END, _FLAGS = 0x30, 0x39, 0x41, 0x0185
_SPAN_ATTRIBUTE = b"\x4a"  # Span.attributes = 9
_EVENT = b"\x5a"  # Span.events = 11
_LINK = b"\x6a"  # Span.links = 13
_STATUS = b"\x7a"  # Span.status = 15
_UNSET = b"\x7a\x00"
_ERROR = b"\x18\x02"  # Status.code = 3: STATUS_CODE_ERROR
_DESCRIPTION = b"\x12"  # Status.message = 2

_EVENT_TIME = Struct("<BQ")  # Event.time_unix_nano = 1
_EVENT_NAME = b"\x12"  # Event.name = 2
_EVENT_ATTRIBUTE = b"\x1a"  # Event.attributes = 3

_LINK_ATTRIBUTE = b"\x22"  # Link.attributes = 4
# Link.flags = 6: of a span of ours, of somebody else's; see `_HAS_IS_REMOTE`
_LINK_FLAGS = (b"\x35\x00\x01\x00\x00", b"\x35\x00\x03\x00\x00")
_MESSAGE_ID = "messaging.message.id"

_HAS_IS_REMOTE = 0x100  # SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK: it is known whether the parent is remote
_IS_REMOTE = 0x300  # and SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK: it is

_KEY = b"\x0a"  # KeyValue.key = 1
_VALUE = b"\x12"  # KeyValue.value = 2
_STRING = b"\x0a"  # AnyValue.string_value = 1
_BOOL = (b"\x10\x00", b"\x10\x01")  # AnyValue.bool_value = 2
_INT = b"\x18"  # AnyValue.int_value = 3
_DOUBLE = Struct("<Bd")  # AnyValue.double_value = 4
_ARRAY = b"\x2a"  # AnyValue.array_value = 5
_ITEM = b"\x0a"  # ArrayValue.values = 1
_SHORT = b"%b%c" + _KEY + b"%c%b" + _VALUE + b"%c" + _STRING + b"%c%b"


class RequestEncoder:
    """Turns spans into requests. Not for two threads at once, because it remembers what repeats.

    `resource` is a `ResourceSpans` and `scope` a `ScopeSpans`, both encoded, to which only the spans are missing.
    """

    def __init__(self, resource: bytes, scope: bytes) -> None:
        self._resource = resource
        self._scope = scope
        self._names: dict[str, bytes] = {}
        self._attributes = _Attributes(_SPAN_ATTRIBUTE)
        self._event_attributes = _Attributes(_EVENT_ATTRIBUTE)

    def encode(self, spans: Iterable[Span]) -> bytes:
        """The request that brings these spans."""
        parts = [self._scope]
        for span in spans:
            content = self._span(span)
            parts += (_SPAN, _varint(len(content)), content)
        of_scope = b"".join(parts)
        of_resource = b"".join((self._resource, _SCOPE_SPANS, _varint(len(of_scope)), of_scope))
        return b"".join((_RESOURCE_SPANS, _varint(len(of_resource)), of_resource))

    def _span(self, span: Span) -> bytes:
        name = self._names.get(span.name)
        if name is None:
            name = _text(_NAME, span.name)
            if len(self._names) < _MOST_VALUES and len(name) <= _LONGEST_KNOWN:
                self._names[span.name] = name
        remote = span.remote_parent and span.parent
        parts = [
            _ids(span.trace, span.span_id),
            name,
            _WHEN.pack(
                _KIND,
                span.kind,
                _START,
                span.start_ns,
                _END,
                max(span.start_ns, span.end_ns),  # the clock may have been set back meanwhile
                _FLAGS,
                _IS_REMOTE if remote else _HAS_IS_REMOTE,
            ),
        ]
        if span.parent:
            parts.append(_PARENT + span.parent.to_bytes(8, "big"))
        if span.state:
            parts.append(_text(_STATE, span.state))
        self._attributes.write(span.attributes, parts)
        parts += [_block(_EVENT, self._event(event)) for event in span.events]
        parts += [_block(_LINK, _link(link)) for link in span.links]
        if span.error is None:
            parts.append(_UNSET)
        else:
            parts.append(_block(_STATUS, _ERROR + _text(_DESCRIPTION, span.error)))
        return b"".join(parts)

    def _event(self, event: Event) -> bytes:
        parts = [_EVENT_TIME.pack(0x09, event.at_ns), _text(_EVENT_NAME, event.name)]
        self._event_attributes.write(event.attributes, parts)
        return b"".join(parts)


class _Attributes:
    """Attributes as a repeated field of `KeyValue`, whose tag depends on whom they describe."""

    def __init__(self, tag: bytes) -> None:
        self._tag = tag
        self._known: dict[str, dict[str | int, bytes]] = {}

    def write(self, attributes: Mapping[str, Value], parts: list[bytes]) -> None:
        """Add a field for each attribute."""
        known = self._known
        for key, value in attributes.items():
            if type(value) is not str and type(value) is not int:  # True and 1.0 would be taken for 1
                parts.append(_attribute(self._tag, key, value))
                continue
            values = known.get(key)
            if values is None:
                values = {}
                if len(known) < _MOST_KEYS:
                    known[key] = values
            field = values.get(value)
            if field is None:
                field = _attribute(self._tag, key, value)
                if len(values) < _MOST_VALUES and len(field) <= _LONGEST_KNOWN:
                    values[value] = field
            parts.append(field)


def _ids(trace: str, span_id: int) -> bytes:
    return _IDS % (bytes.fromhex(trace), span_id.to_bytes(8, "big"))


def _link(link: Link) -> bytes:
    content = _ids(link.trace, link.span_id) + _LINK_FLAGS[link.remote]
    return content + _attribute(_LINK_ATTRIBUTE, _MESSAGE_ID, link.message_id) if link.message_id else content


def _attribute(tag: bytes, key: str, value: Value) -> bytes:
    if type(value) is str:
        name, text = key.encode("utf-8", "replace"), value.encode("utf-8", "replace")
        room = len(name) + len(text) + 6
        if room < 0x80:  # all four lengths are of one byte: what is below in one go, for less than half of the price
            return _SHORT % (tag, room, len(name), name, len(text) + 2, len(text), text)
    return _block(tag, _text(_KEY, key) + _block(_VALUE, _any(value)))


def _any(value: Value) -> bytes:
    if isinstance(value, str):
        return _text(_STRING, value)
    if isinstance(value, bool):
        return _BOOL[value]
    if isinstance(value, int):
        if not -(1 << 63) <= value < 1 << 63:  # there is no such number in OTLP
            return _text(_STRING, str(value))
        return _INT + _varint(value & 0xFFFFFFFF_FFFFFFFF)  # of negative numbers the two's complement
    if isinstance(value, float):
        return _DOUBLE.pack(0x21, value)
    return _block(_ARRAY, b"".join([_block(_ITEM, _any(item)) for item in value]))


def _text(tag: bytes, text: str) -> bytes:
    return _block(tag, text.encode("utf-8", "replace"))


def _block(tag: bytes, content: bytes) -> bytes:
    """A field of wire type 2."""
    return b"%b%b%b" % (tag, _varint(len(content)), content)


def _varint(number: int) -> bytes:
    """A number from 0 on: seven bits a byte, the lowest first, the highest bit set on all but the last."""
    if number < 0x80:
        return number.to_bytes(1, "little")
    if number < 0x4000:
        return (number & 0x7F | 0x80 | number >> 7 << 8).to_bytes(2, "little")
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)
