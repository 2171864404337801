"""Reads a page of documentation: its fenced blocks, its sections, its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Block", "Page", "anchor"]

_BLOCK = re.compile(r"^```(\w+)(?: ([^\n]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: its language, the file that it shows (or nothing), its text, and the section it stands in."""

    language: str
    file: str
    text: str
    section: str

    @property
    def commands(self) -> Iterator[tuple[str, str]]:
        """Of a console block, each command and what it prints."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


class Page:
    """A page in Markdown."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text(encoding="utf-8")

    @property
    def sections(self) -> list[str]:
        """The titles of all sections, in order."""
        return _SECTION.findall(_BLOCK.sub("", self.text))

    @property
    def blocks(self) -> list[Block]:
        """The fenced blocks, in order."""
        return [
            Block(found[1], found[2] or "", found[3], self._section(found.start()))
            for found in _BLOCK.finditer(self.text)
        ]

    def _section(self, position: int) -> str:
        before = _BLOCK.sub(lambda found: " " * len(found[0]), self.text)[:position]
        title: str = _SECTION.findall(before)[-1]
        return title

    @property
    def rows(self) -> list[list[str]]:
        """The cells of all tables, row by row."""
        return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)] for row in _ROW.findall(self.text)]


def anchor(title: str) -> str:
    """The anchor that a title has on the page."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
