"""References to environment variables in rule files: `${NAME}` and `${NAME:-default}`, `$${` for a literal `${`.

The environment is passed in as a mapping; nothing here reads the process's own. What the worker authenticates itself
with is withheld: who may edit rules says where events go, and must not be able to send the worker's credentials there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from turnout.rules.problems import Code
from turnout.rules.spelling import nearest

__all__ = ["REFERENCE", "Environment", "is_withheld"]

REFERENCE = re.compile(r"\$?\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")

_CREDENTIALS = re.compile(
    "AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SECURITY_TOKEN|CONTAINER_AUTHORIZATION_TOKEN)"
    "|TURNOUT_(HTTP_TOKEN|GENESYS_CLIENT_SECRET)|GENESYS(CLOUD_OAUTHCLIENT|_CLIENT)_SECRET"
    "|OTEL_EXPORTER_OTLP_((TRACES|METRICS|LOGS)_)?HEADERS|(HTTPS?|ALL)_PROXY",
    re.IGNORECASE,  # proxies are written either way
)


def is_withheld(name: str) -> bool:
    """Whether rules may not read the variable of this name, because it is a credential of the worker's own."""
    return _CREDENTIALS.fullmatch(name) is not None


class Environment:
    """Resolves references and remembers which variables were used, because they are part of the fingerprint."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.used: dict[str, str] = {}

    def resolve(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text with its references replaced, and the names of unset and withheld variables, whose references stay.

        As in a shell, `${NAME:-default}` also replaces a variable that is set but empty.
        """
        if "${" not in text:
            return text, ()
        missing: list[str] = []

        def replace(reference: re.Match[str]) -> str:
            if reference[0].startswith("$$"):
                return reference[0][1:]
            name, default = reference[1], reference[2]
            if is_withheld(name):
                missing.append(name)
                return reference[0]
            value = self._variables.get(name)
            if not value and default is not None:
                value = default
            if value is None:
                missing.append(name)
                return reference[0]
            self.used[name] = value
            return value

        return REFERENCE.sub(replace, text), tuple(dict.fromkeys(missing))

    def unusable(self, name: str) -> tuple[Code, str]:
        """Why a variable was not replaced; of an unset one with the nearest that is set and serves nothing else."""
        if is_withheld(name):
            return Code.CREDENTIAL, f"rules may not read {name}: it is what the worker authenticates itself with"
        free = self._variables.keys() - self.used.keys()
        return Code.ENVIRONMENT, f"environment variable {name} is not set{nearest(name, sorted(free))}"
