"""Under which key a letter is archived: a template filled from the letter, with nothing in it that S3 or people stumble
over.

The same letter gets the same key each time, so that archiving it again finds it there: its time is the event's or the
failure's, never that of archiving.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Mapping

from turnout.recovery.letter import Letter

__all__ = ["DEFAULT_TEMPLATE", "FIELDS", "KeyTemplate"]

DEFAULT_TEMPLATE = "dlq/archives/{event_type}/{code}/{event_id}-{timestamp}.json"

_LONGEST_FIELD = 150
"""Of its characters. S3 takes keys of 1,024 bytes; with all fields in it a template stays below that."""
_LONGEST_TEXT = 200
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def _event_time(letter: Letter, form: str) -> str:
    at = letter.event_time or letter.first_failure or letter.sent
    return at.strftime(form) if at else "undated"


_VALUES: Mapping[str, Callable[[Letter], str]] = {
    "event_type": lambda letter: letter.event_type,
    "code": lambda letter: letter.code,
    "event_id": lambda letter: letter.event_id or letter.id,
    "timestamp": lambda letter: _event_time(letter, "%Y%m%dT%H%M%SZ"),
    "date": lambda letter: _event_time(letter, "%Y-%m-%d"),
    "cause": lambda letter: letter.cause,
    "disposition": lambda letter: letter.disposition,
    "origin": lambda letter: letter.origin,
}

FIELDS = tuple(_VALUES)
"""What may stand in braces in a template."""


class KeyTemplate:
    """A key with fields in braces, such as `DEFAULT_TEMPLATE`.

    Raises `ValueError`, with a sentence for the operator, when it cannot be used: without `{event_id}` letters would
    share keys.
    """

    def __init__(self, text: str = DEFAULT_TEMPLATE) -> None:
        self.text = text
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise ValueError(f"{text!r} is no key: {error}") from None
        for _, name, spec, conversion in parts:
            if name is not None and (name not in _VALUES or spec or conversion):
                raise ValueError(f"{{{name}}} cannot stand in a key; {', '.join(FIELDS)} can")
        if "event_id" not in (name for _, name, _, _ in parts):
            raise ValueError(f"{text!r} lacks {{event_id}}: letters would share keys")
        plain = "".join(plain for plain, _, _, _ in parts)
        if len(plain) > _LONGEST_TEXT or plain.startswith("/") or not plain.isascii() or not plain.isprintable():
            raise ValueError(
                f"{text!r} is no key: plain ASCII, not beginning with /, at most {_LONGEST_TEXT} characters"
            )

    def key(self, letter: Letter) -> str:
        """The letter's key. A field that the letter does not have is `unknown`."""
        return self.text.format_map({name: _safe(value(letter)) for name, value in _VALUES.items()})

    @property
    def prefix(self) -> str:
        """What all keys begin with: the part before the first field, up to its last `/`."""
        plain = self.text.partition("{")[0]
        return plain[: plain.rfind("/") + 1]


def _safe(value: str) -> str:
    """`v2.detail.events.conversation.{id}.user.end` becomes `v2.detail.events.conversation.id.user.end`."""
    text = _UNSAFE.sub("-", value.replace("{", "").replace("}", "")).strip("-.")
    return text[:_LONGEST_FIELD] or "unknown"
