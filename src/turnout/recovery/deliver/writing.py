"""Replay into a file: one line of JSON an event, for whatever reads it next. A line is on disk before it counts."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path

from turnout.message import Attribute
from turnout.recovery.deliver.address import refuse_incomplete
from turnout.recovery.deliver.api import NONE_MISSING, Outcome, Work
from turnout.recovery.deliver.composing import original
from turnout.recovery.ledger.records import Action

__all__ = ["Writing"]


class Writing:
    """Implements `turnout.recovery.deliver.api.Act`: appends to a file that only its owner can read.

    A line is `{"body": "...", "attributes": {...}, "letter": "...", "replay": "..."}`; after a crash the last letters
    may be in it twice.
    """

    action = Action.REPLAY
    batch = 100
    missing = NONE_MISSING
    ordered = True

    def __init__(self, path: Path, *, replay: str) -> None:
        self._path = path
        self._label = str(path)
        self._replay = replay

    def aims(self, work: Work) -> tuple[str, ...]:
        """See `Act.aims`."""
        refuse_incomplete(work.letter)
        return () if self._label in work.reached else (self._label,)

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        """See `Act.__call__`."""
        lines = "".join(self._line(work) for work in works if self._label not in work.reached)
        try:
            await asyncio.to_thread(self._append, lines)
        except OSError as error:
            return [Outcome((), {self._label: error.strerror or str(error)})] * len(works)
        return [Outcome((self._label,))] * len(works)

    def _append(self, lines: str) -> None:
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with open(descriptor, "ab", buffering=0) as file:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # another replay may write there, too; closing lets go
            size = os.fstat(descriptor).st_size
            # A process that was killed may have left half a line, which must not swallow the next.
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            rest = memoryview((b"\n" if torn else b"") + lines.encode("ascii"))
            try:
                while rest:
                    rest = rest[file.write(rest) :]
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise

    def _line(self, work: Work) -> str:
        body, attributes = original(work.letter)
        record = {
            "body": body,
            "attributes": {name: _written(value) for name, value in attributes.items()},
            "letter": work.letter.id,
            "replay": self._replay,
        }
        return json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"


def _written(attribute: Attribute) -> dict[str, str]:
    if attribute.text is not None:
        return {"type": attribute.data_type, "text": attribute.text}
    return {"type": attribute.data_type, "data": base64.b64encode(attribute.data or b"").decode()}
