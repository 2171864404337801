"""Reads the files that hold the events of examples and tests. They stay below the directory of rules."""

from __future__ import annotations

import os
from pathlib import Path

from turnout.rules.limits import DEFAULT_LIMITS, Limits

__all__ = ["EventFileError", "read_event_file", "root_of"]


class EventFileError(ValueError):
    """The file cannot be read. `str()` says why, for a message that names the file."""


def root_of(rules: Path) -> Path:
    """The directory of rules, when `rules` is that or one file in it."""
    return rules if os.path.isdir(rules) else rules.parent


def read_event_file(name: str, *, beside: str, root: Path, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """What the file holds. `name` is relative to the file that names it (`beside`) and leads nowhere outside `root`,
    through no link either.

    Raises `EventFileError`.
    """
    path = Path(os.path.normpath(Path(beside).parent / name))
    inside = Path(os.path.normpath(root))
    try:
        real = Path(os.path.realpath(path))
        below = path.is_relative_to(inside) and real.is_relative_to(os.path.realpath(inside))
        if not name or Path(name).is_absolute() or not below:
            raise EventFileError("it must be a relative path to a file below the directory of rules")
        if real.exists() and not real.is_file():  # to open a pipe would wait for ever
            raise EventFileError("it is no ordinary file")
        with real.open("rb") as stream:
            body = stream.read(limits.file_bytes + 1)
    except EventFileError:
        raise
    except (OSError, ValueError) as error:
        raise EventFileError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(body) > limits.file_bytes:
        raise EventFileError(f"larger than {limits.file_bytes} bytes")
    return body.strip()
