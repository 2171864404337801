"""The settings of a worker that can start: all that keeps it from that is told at once, whoever has to be set right."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from turnout.cli.environment import note_odd_variables
from turnout.errors import SettingsError
from turnout.settings import Settings, load_settings, variable

__all__ = ["problems_with_aws", "startable_settings"]


def startable_settings(given: Mapping[str, object]) -> Settings:
    """As `load_settings`; raises `SettingsError` for AWS's own settings, too.

    Variables of the rules that are not set are told with the others. When they are all that is wrong, the rules are
    refused where they are loaded, with all else that is wrong with them.
    """
    settings: Settings | None = None
    problems: list[str] = []
    try:
        settings = load_settings(given)
    except SettingsError as error:
        problems += error.problems
    problems += problems_with_aws(settings)
    if settings is None or problems:
        note_odd_variables(problems)
        raise SettingsError([*problems, *_of_rules(given)])
    return settings


def problems_with_aws(settings: Settings | None) -> list[str]:
    """One sentence for each of AWS's own settings that keeps a worker with these from starting."""
    from turnout.sqs.aws_settings import aws_problems  # only here: the AWS client takes a moment to import

    if settings is None:
        return aws_problems(())
    store = f"{variable('idempotency')}=dynamodb" if settings.idempotency == "dynamodb" else ""
    return aws_problems((*settings.source_queue_url, settings.dead_letter_queue_url), also=store)


def _of_rules(given: Mapping[str, object]) -> Iterator[str]:
    """The variables of the rules that are not set, each with its place."""
    from turnout.rules.files.load import read_rules  # only here: a worker that starts reads its rules elsewhere

    path = given.get("rules") or os.environ.get(variable("rules")) or Settings.model_fields["rules"].get_default()
    yield from map(str, read_rules(Path(str(path))).unresolved)
