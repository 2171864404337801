"""Logging in: OAuth client credentials, the token they give, and when to get another.

A token is kept until 60 s before it expires, or until a call says that it is refused. However many tasks ask at once,
one of them logs in and the others wait for its result, a failure included. Which calls need a token is not known here.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import re
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

import msgspec

from turnout.errors import GenesysDenied, GenesysError, GenesysParked, GenesysUnavailable, GenesysUnsupported
from turnout.genesys.answers import Answer, Json, JsonObject, read_json, seconds_in
from turnout.genesys.config import GenesysConfig
from turnout.genesys.errors import error_of_login, parked, unreadable
from turnout.genesys.retry import Retry
from turnout.genesys.secret import Secret
from turnout.genesys.transport import Request, Transport

__all__ = ["Tokens"]

log = logging.getLogger(__name__)

_EARLY_SECONDS = 60.0
_UNTOLD_SECONDS = 300.0
"""The shortest validity that Genesys lets a client have; for servers that do not tell."""
_LONGEST_SECONDS = 172_800.0
_REFUSED_SECONDS = 30.0
"""How long a refusal, or a long wait that is asked for, is believed: asking again for every message would only lock the
client out."""
_SECOND_TRY_SECONDS = 5.0
"""Between two early refreshes that fail while the old token still works."""
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_OPERATION = "log in"


class _Token(msgspec.Struct, frozen=True):
    value: Secret
    refresh_at: float
    """In the event loop's time, as is `expires_at`."""
    expires_at: float


class Tokens:
    """The current token of one OAuth client, for the tasks of one event loop."""

    def __init__(self, transport: Transport, config: GenesysConfig, retry: Retry) -> None:
        self._transport = transport
        self._config = config
        self._retry = retry
        self._url = config.hosts.login + config.token_path
        self._token: _Token | None = None
        self._lock = asyncio.Lock()
        self._logins = 0
        self._error: GenesysError | None = None
        """How the last login failed, if it did."""
        self._quiet_until = 0.0
        """No login before this time: the last one was refused or parked, or failed while the old token still works."""

    async def token(self) -> str:
        """A token that is good now.

        Raises `GenesysDenied` when the client is refused, `GenesysUnsupported` when what answers is no login server,
        `GenesysUnavailable` or `GenesysParked` when logging in is not possible now.
        """
        logins = self._logins
        if token := self._usable():
            return token
        async with self._lock:
            if token := self._usable():
                return token
            if self._error is not None and (self._logins != logins or _now() < self._quiet_until):
                raise self._error.with_traceback(None)
            self._error = None
            try:
                self._token = await self._log_in()
            except GenesysError as error:
                return self._without_login(error)
            finally:
                self._logins += 1
            return self._token.value.reveal()

    def reject(self, token: str) -> None:
        """Forget a token that a call was refused with, unless it has been replaced already."""
        if self._token is not None and self._token.value == Secret(token):
            self._token = None
            self._quiet_until = 0.0

    def _usable(self) -> str | None:
        token, now = self._token, _now()
        if token is None or now >= token.expires_at or (now >= token.refresh_at and now >= self._quiet_until):
            return None
        return token.value.reveal()

    def _without_login(self, error: GenesysError) -> str:
        """The old token, if it still works; else raises."""
        self._error = error
        now = _now()
        if isinstance(error, (GenesysDenied, GenesysUnsupported)):
            self._token = None
            self._quiet_until = now + _REFUSED_SECONDS
        elif isinstance(error, GenesysParked):
            self._quiet_until = now + min(error.retry_after or 0.0, _REFUSED_SECONDS)
        if self._token is not None and now < self._token.expires_at:
            self._quiet_until = max(self._quiet_until, now + _SECOND_TRY_SECONDS)
            log.warning("the Genesys token could not be refreshed early", extra={"code": error.code})
            return self._token.value.reveal()
        raise error

    async def _log_in(self) -> _Token:
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._log_in_once()
            except GenesysUnavailable as error:
                longest = self._config.longest_wait_seconds
                if error.retry_after is not None and error.retry_after > longest:
                    raise parked(_OPERATION, error.retry_after, longest) from None
                wait = self._retry.wait(error, attempt)
                if wait is None:
                    raise
            await asyncio.sleep(wait)

    async def _log_in_once(self) -> _Token:
        asked = _now()
        request, headers, secrets = self._request()
        answer = await self._transport.send(request, headers)
        if not 200 <= answer.status < 300:
            raise error_of_login(answer, secrets)
        token = _read_token(answer, asked)
        log.info("logged in to Genesys", extra={"valid_seconds": round(token.expires_at - asked)})
        return token

    def _request(self) -> tuple[Request, Mapping[str, str], tuple[str, ...]]:
        """The request, its headers, and what of them must never be shown."""
        name, secret = self._config.client_id, self._config.client_secret.reveal()
        form = {"grant_type": "client_credentials"}
        headers: dict[str, str] = {}
        basic = base64.b64encode(f"{name}:{secret}".encode()).decode()
        if self._config.client_auth == "basic":
            headers["authorization"] = f"Basic {basic}"
        else:
            form |= {"client_id": name, "client_secret": secret}
        if self._config.scope:
            form["scope"] = self._config.scope
        request = Request(method="POST", url=self._url, operation=_OPERATION, form=form)
        return request, headers, (basic, secret, quote(secret, safe=""), quote_plus(secret))


def _read_token(answer: Answer, asked: float) -> _Token:
    body: Json
    try:
        body = read_json(answer.content)
    except ValueError:
        raise unreadable(answer, _OPERATION, "it is not JSON") from None
    value = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise unreadable(answer, _OPERATION, "it holds no access_token")
    valid = _valid_seconds(body)
    # Of a token that is valid for two minutes or less, half its time is left for refreshing.
    return _Token(Secret(value), asked + max(valid - _EARLY_SECONDS, valid / 2), asked + valid)


def _valid_seconds(body: JsonObject) -> float:
    told = body.get("expires_in")
    seconds = None if told is None or isinstance(told, bool) else seconds_in(str(told))
    return min(seconds, _LONGEST_SECONDS) if seconds else _UNTOLD_SECONDS


def _now() -> float:
    return asyncio.get_running_loop().time()
