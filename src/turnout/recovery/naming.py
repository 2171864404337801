"""The ids by which a log line names the letter it is about: the same fields as in the worker's log."""

from __future__ import annotations

from turnout.recovery.letter import Letter
from turnout.telemetry.propagation import extract

__all__ = ["about_letter"]


def about_letter(letter: Letter, **fields: object) -> dict[str, object]:
    """The `extra` of a log line about a letter: its ids, as far as they are known, and these further fields."""
    context = extract(letter.message)
    trace = context.trace if context else next((layer.trace_id for layer in letter.chain if layer.trace_id), "")
    found: dict[str, object] = {"message_id": letter.id}
    found |= {
        name: value
        for name, value in (
            ("event_id", letter.event_id),
            ("conversation_id", letter.conversation_id),
            ("trace_id", trace),
        )
        if value
    }
    return found | fields
