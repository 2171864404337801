"""The settings of the worker for commands, with a word about variables that were probably meant and are none."""

from __future__ import annotations

import click

from turnout.errors import SettingsError
from turnout.settings import Settings, load_settings

__all__ = ["note_misspelt", "worker_settings"]


def worker_settings() -> Settings:
    """As `load_settings`, which raises `SettingsError`; then misspelt variables are named first: they may say why."""
    try:
        return load_settings()
    except SettingsError:
        note_misspelt()
        raise


def note_misspelt() -> None:
    """Name misspelt settings on standard error."""
    from turnout.variables import misspelt_settings  # here, because it brings the settings of all programs along

    for sentence in misspelt_settings():
        click.echo(f"note: {sentence}", err=True)
