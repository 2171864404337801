"""Reads files of events: one body per line, taken as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["bodies"]


def bodies(events: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The line numbers and the bodies, blank lines left out. A line need not be JSON, nor UTF-8."""
    for number, line in enumerate(events, start=1):
        body = line.strip(b" \t\r\n")
        if body:
            yield number, body
