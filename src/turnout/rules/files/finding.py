"""Finds the rule files of a directory and reads their text. It may be a ConfigMap as Kubernetes mounts it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from turnout.rules.files.places import Source, line_and_column
from turnout.rules.files.reporting import Reporter
from turnout.rules.limits import Limits
from turnout.rules.problems import Code, Problem

__all__ = ["RuleFile", "files_in", "read_text", "rule_files"]

_SUFFIXES = (".yaml", ".yml")
"""In small or capital letters: a file that comes from a system where they are the same must not be passed over."""


@dataclass(frozen=True)
class RuleFile:
    """`shown` is the name that operators know, `real` where the text is read from."""

    shown: Path
    real: Path


def rule_files(path: Path, problems: list[Problem]) -> Iterable[RuleFile]:
    """The rule files at a path, in file-name order; hidden ones do not count."""
    if not os.path.isdir(path):  # what cannot even be looked at is told by who reads it
        return [RuleFile(path, path)]
    before = len(problems)
    found = files_in(path, _SUFFIXES, problems)
    if not found and len(problems) == before:
        problems.append(_file_problem(path, Code.NO_RULES, "no rule files here; they end in .yaml or .yml"))
    return found


def files_in(folder: Path, suffixes: Collection[str], problems: list[Problem]) -> list[RuleFile]:
    """The files in a folder that end so, in file-name order; hidden ones do not count."""
    try:
        names = sorted(
            entry.name for entry in folder.iterdir() if entry.suffix.lower() in suffixes and entry.name[0] != "."
        )
        # Kubernetes mounts a ConfigMap as links through `..data`, which it swaps: follow that link once, so that all
        # files are of one version.
        version = folder / "..data"
        data = version.resolve() if version.is_dir() else folder
    except OSError as error:
        problems.append(_file_problem(folder, Code.UNREADABLE, f"cannot be read: {error.strerror or error}"))
        return []
    found = [RuleFile(folder / name, data / name if (data / name).exists() else folder / name) for name in names]
    # To open a pipe would wait for ever; named by itself, as `<(...)` is, it is what somebody wants read.
    for odd in [file for file in found if file.real.exists() and not file.real.is_file()]:
        problems.append(_file_problem(odd.shown, Code.UNREADABLE, "cannot be read: it is no ordinary file"))
        found.remove(odd)
    return found


def read_text(file: RuleFile, limits: Limits, problems: list[Problem]) -> str | None:
    """The text of a file; None, and a problem, when it cannot be read."""
    try:
        with file.real.open("rb") as stream:
            raw = stream.read(limits.file_bytes + 1)
    except OSError as error:
        problems.append(_file_problem(file.shown, Code.UNREADABLE, f"cannot be read: {error.strerror or error}"))
        return None
    if len(raw) > limits.file_bytes:
        problems.append(_file_problem(file.shown, Code.UNREADABLE, f"larger than {limits.file_bytes} bytes"))
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reporter = Reporter(Source(str(file.shown), raw.decode("utf-8-sig", "replace")))
        line, column = line_and_column(error.object[: error.start].decode())
        reporter.at(Code.UNREADABLE, "this is not UTF-8; save the file as UTF-8", line, column)
        problems += reporter.problems
        return None


def _file_problem(path: Path, code: Code, message: str) -> Problem:
    return Problem(str(path), 0, 0, "", code, message)
