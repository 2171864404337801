"""Reads settings that are structs out of the environment, and says in plain words what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

__all__ = ["read_settings"]


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
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in msgspec.structs.fields(settings):
        value = (given or {}).get(field.name)
        name = "--" + field.name.replace("_", "-")
        if value is None:
            found = ((each, environ.get(each, "").strip()) for each in names(field.name))
            name, value = next(((each, text) for each, text in found if text), ("", None))
        if value is None:
            continue
        try:
            values[field.name] = msgspec.convert(value, field.type, strict=False)
        except msgspec.ValidationError as error:
            problems.append(f"{name}: {expected.get(field.name) or _in_plain_words(str(error))}")
    return values, problems


def _in_plain_words(problem: str) -> str:
    plain = problem.replace("Expected ", "must be ")
    plain = re.sub(r"`int( \| null)?`", "a whole number", plain).replace("`float`", "a number")
    return re.sub(r", got `\w+`", "", plain)
