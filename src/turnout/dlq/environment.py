"""Reads settings that are structs out of the environment, and says in plain words what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_origin

import msgspec

from turnout.settings import SECRETS, first_given
from turnout.urls import without_password

__all__ = ["read_settings"]

_OPTIONS = {
    "interval_seconds": "--interval",
    "report_seconds": "--report-every",
    "archive_bucket": "--bucket",
    "archive_key": "--key",
    "archive_kms_key": "--kms-key",
    "causes": "--causes-file",
}
"""Options of the command line that do not have the name of their setting."""

_BOUNDS = {">=": "{} or more", ">": "more than {}", "<=": "{} or less", "<": "less than {}"}
_KINDS = {"int": "a whole number", "float": "a number"}


def read_settings(
    settings: type[msgspec.Struct],
    names: Callable[[str], Sequence[str]],
    environ: Mapping[str, str],
    given: Mapping[str, object] | None,
    expected: Mapping[str, str],
) -> tuple[dict[str, Any], list[str]]:
    """The values that were set, by field, and a sentence for each one that is wrong.

    `names` are a field's environment variables, the first one that is not empty counts; `given` (field to text or
    value; None: not given) overrides them. `expected` says what a field must be, where its type does not say it well.
    A sentence shows the value that was given, unless it is a secret.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(settings):
        value = (given or {}).get(field.name)
        name = _OPTIONS.get(field.name) or "--" + field.name.replace("_", "-")
        if value is None:
            name, value = first_given(environ, names(field.name))
            if not value:
                continue
        if get_origin(field.type) is Literal and isinstance(value, str):
            value = value.lower()  # as the worker reads the variables that it shares with recovery
        try:
            values[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            shown = "***" if field.name in SECRETS else without_password(str(value))
            wanted = expected.get(field.name)
            problems.append(f"{name}: " + (f"{wanted}, but is {shown!r}" if wanted else _sentence(str(error), shown)))
    return values, problems


def _sentence(problem: str, given: str) -> str:
    bounds = re.fullmatch(r"Expected `[a-z |]+` ([<>]=?) ([0-9.]+?)(?:\.0)?", problem)
    if bounds:
        return f"must be {_BOUNDS[bounds[1]].format(bounds[2])}, but is {given}"
    if problem == "Expected `str` of length >= 1":
        return "must not be empty"
    wanted = re.sub(r"Expected `([a-z]+).*", lambda found: _KINDS.get(found[1], found[0]), problem)
    return f"must be {wanted}, but is {given!r}"
