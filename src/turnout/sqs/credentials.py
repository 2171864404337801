"""Credentials for signing, and keeping them fresh. Where they come from (`turnout.sqs.session`) is passed in."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import msgspec

from turnout.errors import SqsError

__all__ = ["Credentials", "CredentialsKeeper"]

CHECK_SECONDS = 30.0

_log = logging.getLogger("turnout.sqs")


class Credentials(msgspec.Struct, frozen=True):
    """An access key, its secret, and the session token of temporary credentials."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return f"Credentials(access_key={self.access_key!r})"


class CredentialsKeeper:
    """Hands out credentials at no cost, and looks after them every `CHECK_SECONDS`.

    `load(anew)` returns the current ones; botocore, behind it, renews temporary credentials a quarter of an hour before
    they expire. With `anew` it starts over: environment, files and roles are read again.
    """

    def __init__(
        self, load: Callable[[bool], Awaitable[Credentials]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._current: Credentials | None = None
        self._check_at = 0.0
        self._loading = asyncio.Lock()

    def at_hand(self) -> Credentials | None:
        """The credentials, unless it is time to look after them: then `get` must be awaited."""
        return self._current if self._clock() < self._check_at else None

    async def get(self) -> Credentials:
        """The credentials, looked after. Raises `SqsError` when there are none; keeps old ones as long as it can."""
        if self._current is not None and self._loading.locked():
            return self._current  # another call is at it; these are good for a while yet
        async with self._loading:
            at_hand = self.at_hand()
            if at_hand is not None:
                return at_hand
            try:
                self._current = await self._load(False)
            except SqsError as error:
                if self._current is None:
                    raise
                _log.warning("credentials could not be looked after, the old ones stay in use: %s", error)
            self._check_at = self._clock() + CHECK_SECONDS
            return self._current

    async def renew(self, rejected: Credentials) -> bool:
        """After SQS called `rejected` expired: read everything again. Returns whether there are others now."""
        async with self._loading:
            if self._current != rejected:
                return True
            self._current = await self._load(True)
            self._check_at = self._clock() + CHECK_SECONDS
            return self._current != rejected
