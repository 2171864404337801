"""The settings of a command, with a word about those that were probably meant but are none."""

from __future__ import annotations

from collections.abc import Mapping

from turnout.cli.environment import note_misspelt
from turnout.dlq.settings import DlqSettings, load_dlq_settings

__all__ = ["settings_of_command"]


def settings_of_command(given: Mapping[str, object] | None = None) -> DlqSettings:
    """As `load_dlq_settings`, which raises `SettingsError`; the notes come first, since they may say why it does."""
    note_misspelt()
    return load_dlq_settings(given=given)
