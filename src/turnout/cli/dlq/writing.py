"""Files that commands write: whole or not at all, and readable for their owner only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import click

__all__ = ["write_whole"]


def write_whole(path: Path, texts: Iterable[str]) -> None:
    """Write a file of these texts, all or nothing: a file that is there is whole. Raises `click.ClickException`.

    A device or a pipe, which is no file, is written to as it stands, and so is what `/dev/stdout` is; a link stays, and
    what it leads to is written.
    """
    try:
        if path.exists() and (not path.is_file() or path.parent == Path("/dev")):
            # Replaced it would be gone: root would take /dev/null away from the whole machine.
            with path.open("a", encoding="utf-8") as stream:  # what is in it already, of others, stays
                stream.writelines(texts)
        else:
            _replace(Path(os.path.realpath(path)), texts)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error


def _replace(path: Path, texts: Iterable[str]) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}-", delete=False
    ) as file:
        try:
            file.writelines(texts)
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
