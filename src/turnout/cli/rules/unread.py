"""Says which files of a directory of rules a command does not read, as `turnout check` does.

Other warnings are `check`'s alone: they are about what the rules say. This one is about what the command did not see,
and without it tests that are not read have passed.
"""

from __future__ import annotations

from pathlib import Path

import click

from turnout.rules.files.unread import unread_files

__all__ = ["note_unread"]


def note_unread(*directories: Path) -> None:
    """Note each on standard error, before anything is read: it may be why that fails."""
    for directory in dict.fromkeys(directories):
        for found in unread_files(directory):
            click.echo(f"note: {found}", err=True)
