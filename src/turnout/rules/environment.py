"""References to environment variables in rule files: `${NAME}` and `${NAME:-default}`, `$${` for a literal `${`.

The environment is passed in as a mapping; nothing here reads the process's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from turnout.rules.spelling import nearest

__all__ = ["REFERENCE", "Environment"]

REFERENCE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Environment:
    """Resolves references and remembers which variables were used, because they are part of the fingerprint."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.used: dict[str, str] = {}

    def resolve(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text with its references replaced, and the names of unset variables, whose references stay.

        As in a shell, `${NAME:-default}` also replaces a variable that is set but empty.
        """
        if "${" not in text:
            return text, ()
        missing: list[str] = []

        def replace(reference: re.Match[str]) -> str:
            if reference[0].startswith("$$"):
                return reference[0][1:]
            name, default = reference[1], reference[2]
            value = self._variables.get(name)
            if not value and default is not None:
                value = default
            if value is None:
                missing.append(name)
                return reference[0]
            self.used[name] = value
            return value

        return REFERENCE.sub(replace, text), tuple(dict.fromkeys(missing))

    def unset(self, name: str) -> str:
        """A sentence that says a variable is not set, with the nearest name that is, and that serves nothing else."""
        free = self._variables.keys() - self.used.keys()
        return f"environment variable {name} is not set{nearest(name, sorted(free))}"
