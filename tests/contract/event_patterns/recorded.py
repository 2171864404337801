"""The recorded verdicts and refusals of aws/event-ruler, where they are, and what is known to differ from them.

They are third-party data in `shared/corpus` beside the checkout, read where they are and never copied. In repositories
without them these tests say so and are skipped; tests/unit/rules holds cases of the same kinds.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

Record = TypeVar("Record", bound=msgspec.Struct)

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus"


class Verdict(msgspec.Struct, frozen=True):
    """A pattern, an event, and whether they match. The texts are authoritative where they are given."""

    name: str
    pattern: msgspec.Raw
    event: msgspec.Raw
    matches: bool
    pattern_text: str = ""
    event_text: str = ""

    @property
    def pattern_source(self) -> str:
        return self.pattern_text or bytes(self.pattern).decode()

    @property
    def event_source(self) -> str:
        return self.event_text or bytes(self.event).decode()


class Refusal(msgspec.Struct, frozen=True):
    """A pattern that is refused, and in which words."""

    name: str
    pattern_text: str
    error: str

    @property
    def words(self) -> str:
        """The first line; the others say where, in the words of a JSON parser."""
        return self.error.split("\n")[0]


def read_verdicts() -> list[Verdict]:
    return _read("event_patterns.jsonl", Verdict)


def read_refusals() -> list[Refusal]:
    return _read("event_patterns_invalid.jsonl", Refusal)


def _read(name: str, kind: type[Record]) -> list[Record]:
    path = CORPUS / name
    if not path.is_file():
        pytest.skip(f"shared/corpus/{name} is absent beside the checkout")
    return [msgspec.json.decode(line, type=kind) for line in path.read_bytes().splitlines()]


TEXT_AFTER_THE_END = "the engine ignores text after the pattern's end; here the text is refused, its pattern agrees"
MISLEADING_WORDS = "the engine speaks of numeric expressions where anything-but has a second key"
ANOTHER_PROBLEM_FIRST = "the engine stops at its first problem; here all are told in document order, this one later"
OWN_JSON_WORDS = "text that is not JSON is told in words of our own, with line and column"

KNOWN_DIFFERENCES: dict[str, int] = {
    TEXT_AFTER_THE_END: 71,
    MISLEADING_WORDS: 7,
    ANOTHER_PROBLEM_FIRST: 1,
    OWN_JSON_WORDS: 48,
}
"""Every way in which the product and the recordings differ, with how many recorded cases show it."""
