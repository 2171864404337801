"""Letters in a file that `turnout dlq export` has written. The file stays as it is; the ledger knows what was done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from turnout.recovery.causes import CauseTable
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter
from turnout.recovery.sources.api import Keeping
from turnout.recovery.sources.export import ExportError, Redacted, read_header, read_line
from turnout.rules.showing import printable

__all__ = ["FileSource", "open_file_source"]


def open_file_source(path: Path, *, causes: CauseTable | None = None) -> FileSource:
    """The letters in this file. Raises `ExportError`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: cannot be read: {error}") from error
    return FileSource(path, lines, causes)


class FileSource(Keeping):
    """Implements `turnout.recovery.sources.api.Source`. Make it with `open_file_source`."""

    def __init__(self, path: Path, lines: list[str], causes: CauseTable | None) -> None:
        self.url = str(path)
        self._header = read_header(lines[0], self.url)
        self.name = printable(self._header.source)
        self._causes = causes
        self._rest = self._read(lines)

    @property
    def redacted(self) -> Redacted:
        """What was taken out of it."""
        return self._header.redacted

    @property
    def undeliverable(self) -> str:
        """See `Source.undeliverable`."""
        if self._header.redacted is Redacted.NOTHING:
            return ""
        return (
            f"{self.url} was exported without {self._header.redacted}, so its letters are no longer what was sent; "
            "export with --whole what is to be delivered"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """See `Source.notes`."""
        said = f"Letters of {self.name}, exported {self._header.exported}"
        if self._header.redacted is not Redacted.NOTHING:
            said += f", without {self._header.redacted}"
        return (f"{said}.",)

    async def letters(self, limit: int | None = None) -> AsyncIterator[Letter]:
        """See `Source.letters`."""
        count = 0
        while limit is None or count < limit:
            letter = next(self._rest, None)
            if letter is None:
                return
            count += 1
            yield letter

    def _read(self, lines: list[str]) -> Iterator[Letter]:
        seen = set()
        for number, line in enumerate(lines[1:], start=2):
            if not line.strip():
                continue
            message, queue = read_line(line, number, self.url)
            letter = read_letter(message, queue=queue, causes=self._causes)
            if letter.id not in seen:
                seen.add(letter.id)
                yield letter
