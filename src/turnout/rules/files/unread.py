"""Finds files beside the rules that look as if they were to be read, and are not.

Read are the YAML files of the directory of rules and the tables in its folder `tests`, both without what lies deeper.
Other folders may hold the events of examples: only YAML in them is pointed out. A JSON file may be such an event: it is
pointed out when it holds what a rule file or a table holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from turnout.rules.files import schema
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.model import Json
from turnout.rules.problems import Code, Problem, Severity

__all__ = ["unread_files"]

_YAML = (".yaml", ".yml")
_TABLES = (*_YAML, ".jsonl")
_MOST_LOOKED_AT = 10_000


def unread_files(rules: Path, limits: Limits = DEFAULT_LIMITS) -> tuple[Problem, ...]:
    """A warning per folder with files that are not read, and per file so named. None for rules that are one file."""
    try:
        return tuple(_unread(rules, limits)) if rules.is_dir() else ()
    except OSError:  # what cannot be looked at is told, where it matters, by who reads it
        return ()


def _unread(rules: Path, limits: Limits) -> Iterator[Problem]:
    for entry in _entries(rules):
        if entry.is_dir():
            if entry.name != schema.TABLES_FOLDER:
                yield from _folder(entry, _YAML, "rule files", rules)
        elif entry.suffix.lower() == ".json" and _is_rule_file(_content(entry, limits)):
            yield _warning(entry, f"this looks like a rule file and is not read; name it {entry.stem}.yaml")
        elif _ends_twice(entry, _YAML):
            yield _warning(entry, f"this is not read; name it {entry.stem}")
    for entry in _entries(rules / schema.TABLES_FOLDER):
        if entry.is_dir():
            yield from _folder(entry, _TABLES, "tables of tests", rules / schema.TABLES_FOLDER)
        elif _ends_twice(entry, _TABLES):
            yield _warning(entry, f"this is not read; name it {entry.stem}")
        elif entry.suffix.lower() == ".csv":
            yield _warning(entry, "this is not read; tables of tests are YAML or JSON lines (.jsonl)")
        elif entry.suffix.lower() == ".json":
            found = _content(entry, limits)
            if isinstance(found, dict) and isinstance(found.get("tests"), list):
                yield _warning(entry, f"this looks like a table of tests and is not read; name it {entry.stem}.yaml")
            elif isinstance(found, list) and any(map(_is_case, found)):
                yield _warning(
                    entry,
                    "this looks like a table of tests and is not read; write one test in each line of "
                    f"{entry.stem}.jsonl",
                )


def _ends_twice(entry: Path, kinds: tuple[str, ...]) -> bool:
    """Whether an editor added an ending of its own, which not everybody sees: `rules.yaml.txt`."""
    return entry.suffix.lower() == ".txt" and Path(entry.stem).suffix.lower() in kinds


def _entries(folder: Path) -> list[Path]:
    """What is in a folder, by name, without what is hidden: Kubernetes mounts what it swaps so."""
    return sorted(entry for entry in folder.iterdir() if entry.name[0] != ".") if folder.is_dir() else []


def _folder(folder: Path, kinds: tuple[str, ...], what: str, place: Path) -> Iterator[Problem]:
    """A warning when a folder, or one in it, holds a file of these kinds."""
    left = _MOST_LOOKED_AT
    folders = [folder]
    while folders:
        for entry in _entries(folders.pop(0)):
            left -= 1
            if not left:
                return
            if entry.is_dir():
                if not entry.is_symlink():  # it may lead back to where it stands
                    folders.append(entry)
            elif entry.suffix.lower() in kinds:
                where = entry.relative_to(folder)
                yield _warning(
                    folder, f"{where} in this folder is not read: {what} stand in {place} itself; move it there"
                )
                return


def _content(path: Path, limits: Limits) -> Json:
    """What a JSON file holds; nothing when it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > limits.file_bytes:
            return None
        value: Json = msgspec.json.decode(path.read_bytes())
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError):
        return None
    return value


def _is_rule_file(found: Json) -> bool:
    return isinstance(found, dict) and (
        isinstance(found.get("rules"), list) or {"targets", "unmatched"} <= found.keys()
    )


def _is_case(item: Json) -> bool:
    expected = {"rules", "targets", "shadow", "rejected"}
    return isinstance(item, dict) and item.keys() <= schema.CASE.keys() and bool(expected & item.keys())


def _warning(path: Path, message: str) -> Problem:
    return Problem(str(path), 0, 0, "", Code.NOT_READ, message, Severity.WARNING)
