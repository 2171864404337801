"""Hides personal data in whatever of a letter is shown: in lists, in reports, on the screen.

What counts as personal data is known by name (`turnout.rules.contact`) and by its look (`turnout.telemetry.redaction`).
It errs on the side of hiding. Secrets stay hidden even from those who may see personal data. What is delivered,
archived or replayed never comes through here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from turnout.message import Attribute
from turnout.rules.contact import MASK, is_contact_data
from turnout.rules.decode import decode, decode_json
from turnout.rules.model import Json, Rejection
from turnout.rules.showing import printable
from turnout.telemetry.redaction import is_secret, redactor

__all__ = ["MASK", "Redaction"]

_DEEPEST = 40


class Redaction:
    """How letters are shown. `show_pii` True shows personal data; the environment tells which secrets there are."""

    def __init__(self, environ: Mapping[str, str], *, show_pii: bool = False) -> None:
        self._show = show_pii
        self._text = redactor(environ, contact_data=not show_pii)

    def text(self, text: str) -> str:
        """A sentence, such as an error message."""
        return self._text(text)

    def texts(self, texts: Iterable[str]) -> list[str]:
        """Several of them, such as the names of targets."""
        return [self._text(text) for text in texts]

    def line(self, text: str) -> str:
        """A text in one line, of which a terminal obeys nothing and every file takes all."""
        return printable(" ".join(self._text(text).split()))

    def body(self, body: str, *, indent: int | None = None) -> str:
        """A body as JSON, on one line unless `indent` is given. Of what is no event only the length is shown."""
        event = decode(body)
        if isinstance(event, Rejection):
            return self._text(body) if self._show else f"{MASK} ({len(body)} characters, not an event)"
        return _dumped(self.value(event), indent)

    def value(self, value: Json) -> Json:
        """Any part of an event."""
        return self._masked(value, _DEEPEST)

    def attributes(self, attributes: Mapping[str, Attribute]) -> dict[str, str]:
        """Message attributes, as text by name; of binary ones the length."""
        shown = {}
        for name, attribute in attributes.items():
            if self._hidden(name):
                shown[name] = MASK
            elif attribute.text is not None:
                shown[name] = str(self._string(attribute.text, _DEEPEST))
            else:
                shown[name] = f"({len(attribute.data or b'')} bytes)"
        return shown

    def _hidden(self, name: str) -> bool:
        return is_secret(name) or (not self._show and is_contact_data(name))

    def _masked(self, value: Json, depth: int) -> Json:
        if isinstance(value, str):
            return self._string(value, depth)
        if not isinstance(value, dict | list):
            return value
        if not depth:
            return MASK
        if isinstance(value, list):
            return [self._masked(inner, depth - 1) for inner in value]
        return {
            self._text(name): MASK if self._hidden(name) else self._masked(inner, depth - 1)
            for name, inner in value.items()
        }

    def _string(self, text: str, depth: int) -> str:
        # Wrappers carry events as text, and lists of them.
        if text.lstrip()[:1] in ("{", "[") and depth and not isinstance(held := decode_json(text), Rejection):
            masked = self._masked(held, depth - 1)
            if masked != held:
                return _dumped(masked, None)
        return self._text(text)


def _dumped(value: Json, indent: int | None) -> str:
    # Escaped: half of a surrogate pair cannot be printed.
    return json.dumps(value, ensure_ascii=True, indent=indent)
