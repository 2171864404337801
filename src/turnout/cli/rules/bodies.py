"""Reads files of events: one body per line, taken as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import click

from turnout.cli.rules.envelopes import in_place_of_an_event

__all__ = ["bodies"]


def bodies(events: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The line numbers and the bodies, blank lines left out. A line need not be JSON, nor UTF-8.

    What was probably given in place of events is said on standard error.
    """
    first = True
    for number, line in enumerate(events, start=1):
        body = line.strip(b" \t\r\n")
        if not body:
            continue
        if first and body in (b"{", b"["):
            said = f"line {number} is only the beginning of an event: each stands in one line, as 'jq -c .' writes it"
            click.echo(said, err=True)
        elif first and (said := in_place_of_an_event(body, "")):
            click.echo(f"note: line {number}: {said}", err=True)
        first = False
        yield number, body
