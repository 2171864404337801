"""A value that shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

__all__ = ["MASK", "Secret", "masked"]

MASK = "***"


class Secret:
    """Text that `str`, `repr`, formatting, pickling and JSON encoders do not give away. Compares like its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: only for the request that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled")


def masked(text: str, secrets: Iterable[str]) -> str:
    """Text that a server sent, without the secrets that were sent to it: it may have echoed them."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
