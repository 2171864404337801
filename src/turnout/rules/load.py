"""Rule files in, a `Ruleset` out, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from turnout.rules.ruleset import Ruleset

__all__ = ["load_rules"]


def load_rules(path: str | Path, *, environ: Mapping[str, str] | None = None, require: Sequence[str] = ()) -> Ruleset:
    """Load every `*.yaml` and `*.yml` file of a directory in file-name order, or one file.

    `environ` resolves `${NAME}` references (default: `os.environ`); `require` names paths that every event must have.
    Raises `turnout.errors.RulesError` with all problems.
    """
    raise NotImplementedError
