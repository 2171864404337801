"""Takes out of finished spans what a log would not show either: secrets, and contact data.

Spans are given no body, but two kinds of text on them are not ours: what a service says about an error, which may
repeat what it was sent, and the ids that events bring along. Done while spans are on their way out, in the exporter's
thread, so that it costs the pipeline nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from turnout.telemetry import semconv
from turnout.telemetry.records import Span

__all__ = ["mask"]

_FROM_EVENTS = (semconv.EVENT_ID, semconv.EVENT_TYPE, semconv.CONVERSATION_ID, semconv.REPLAY_ID)
_TELLING = frozenset("@+:=")
"""One of these is in all contact data. Most ids have none, and need not be searched."""


def mask(span: Span, redact: Callable[[str], str]) -> Span:
    """The span itself, with what `redact` masks masked."""
    if span.error:
        span.error = redact(span.error)
    changed = {}
    for name in _FROM_EVENTS:
        value = span.attributes.get(name)
        if isinstance(value, str) and not _TELLING.isdisjoint(value):
            changed[name] = redact(value)
    if changed:
        span.attributes = {**span.attributes, **changed}
    return span
