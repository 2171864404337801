"""The settings for commands, with a word about variables that were probably meant and are none."""

from __future__ import annotations

from collections.abc import Container, Mapping

import click

from turnout.dlq.settings import DlqSettings, load_dlq_settings
from turnout.errors import SettingsError
from turnout.settings import Settings, load_settings

__all__ = ["note_misspelt", "note_odd_variables", "recovery_settings", "worker_settings"]


def worker_settings() -> Settings:
    """As `load_settings`, which raises `SettingsError`; then odd variables are named first: they may say why."""
    try:
        return load_settings()
    except SettingsError:
        note_odd_variables()
        raise


def recovery_settings(given: Mapping[str, object] | None = None) -> DlqSettings:
    """As `load_dlq_settings`, which raises `SettingsError`; misspelt ones are named first: they may say why."""
    note_misspelt()
    return load_dlq_settings(given=given)


def note_odd_variables(besides: Container[str] = ()) -> None:
    """Name misspelt settings on standard error, and what cannot be used of AWS's and OpenTelemetry's variables.

    `besides` are sentences that are told anyway.
    """
    from turnout.variables import unusable_variables

    note_misspelt()
    for sentence in unusable_variables():
        if sentence in besides:
            continue
        click.echo(f"note: {sentence}", err=True)


def note_misspelt() -> None:
    """Name misspelt settings on standard error."""
    from turnout.variables import misspelt_settings  # here, because it brings the settings of all programs along

    for sentence in misspelt_settings():
        click.echo(f"note: {sentence}", err=True)
