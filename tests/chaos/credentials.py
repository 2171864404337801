"""Credentials that expire: an endpoint such as ECS offers, and the memory of which key is still good.

Workers find it through AWS_CONTAINER_CREDENTIALS_FULL_URI. botocore renews credentials in the background once they
have less than 15 minutes left, so `life_seconds` come on top of that.
"""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime

__all__ = ["CREDENTIALS_PATH", "Credentials"]

CREDENTIALS_PATH = "/credentials"

_RENEWED_BEFORE_SECONDS = 15 * 60
_GRACE_SECONDS = 2.0  # calls signed just before a renewal are still under way
_KEY = re.compile(r"Credential=ASIA(\d+)/")


class Credentials:
    """Issues keys, numbered from 1, to any number of workers.

    A key is good for `life_seconds` and a moment more, or until `expire`.
    """

    def __init__(self, life_seconds: float) -> None:
        self._life = life_seconds
        self._issued_at: list[float] = []
        self._dead = 0
        self.refused = 0
        """Calls signed with a key that was no longer good."""

    @property
    def issued(self) -> int:
        """Keys issued so far."""
        return len(self._issued_at)

    def issue(self) -> bytes:
        """A new key, as the JSON of the container credentials protocol."""
        self._issued_at.append(time.monotonic())
        expiration = datetime.fromtimestamp(time.time() + _RENEWED_BEFORE_SECONDS + self._life, UTC)
        return json.dumps(
            {
                "AccessKeyId": f"ASIA{self.issued:016d}",
                "SecretAccessKey": "secret",
                "Token": f"token-{self.issued}",
                "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        ).encode()

    def expire(self) -> None:
        """Make every key issued so far bad at once, before its time."""
        self._dead = self.issued

    def accepts(self, authorization: str) -> bool:
        """Whether a request with this header is signed with a good key."""
        found = _KEY.search(authorization)
        number = int(found[1]) if found else 0
        good = self._dead < number <= self.issued
        good = good and time.monotonic() < self._issued_at[number - 1] + self._life + _GRACE_SECONDS
        self.refused += not good
        return good
