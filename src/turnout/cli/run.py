"""`turnout run`: the worker. Its options are the settings, one for one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import click

from turnout.cli.startable import startable_settings
from turnout.cli.stray import WithoutArguments, rules_are_meant
from turnout.settings import SECRETS, Settings, variable

__all__ = ["run"]


def _settings_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option per setting, in the order of `Settings`. Values stay text: settings judge them, all at once."""
    for name, field in reversed(Settings.model_fields.items()):
        if name in SECRETS:  # what is on a command line, every user of the machine can read
            continue
        default = field.get_default()
        shown = f"  [default: {_text(default)}]" if default not in (None, "") and not field.is_required() else ""
        command = click.option(
            "--" + name.replace("_", "-"),
            name,
            metavar=_metavar(field.annotation, default),
            help=f"{field.description}  [{variable(name)}]{shown}",
        )(command)
    return command


def _metavar(annotation: object, default: object) -> str:
    if get_origin(annotation) is Literal:
        return f"[{'|'.join(get_args(annotation))}]"
    if annotation is bool:
        return "[true|false]"
    return "VALUE" if default is None or isinstance(default, int | float) else "TEXT"


def _text(default: object) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)


@click.command(cls=WithoutArguments, stray=rules_are_meant, short_help="Run the worker.")
@_settings_options
def run(**options: Any) -> None:
    """Read events from the source queue and route them until told to stop.

    Each option can be given by the environment variable in brackets; an option wins. AWS's own settings
    (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, roles) and OpenTelemetry's (OTEL_EXPORTER_OTLP_ENDPOINT, ...) are
    read from the environment. SIGTERM or Ctrl-C drains and exits 0; a second one exits at once. Changed rule files are
    reloaded by themselves, and at a SIGHUP; changed settings need a restart.
    """
    settings = startable_settings({name: value for name, value in options.items() if value is not None})
    if settings.processes > 1:
        from turnout.fleet import serve_fleet

        sys.exit(serve_fleet(settings))
    from turnout.app import serve

    sys.exit(serve(settings))
