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

    What is no file, such as a pipe or `/dev/stdout`, is written to as it is: nothing may take its place.
    """
    try:
        if path.exists() and (not path.is_file() or path.parent == Path("/dev")):
            with path.open("w", encoding="utf-8") as there:
                there.writelines(texts)
            return
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
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from error
