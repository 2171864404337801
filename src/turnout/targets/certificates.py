"""The certificate with which we show an endpoint who we are (mTLS): two PEM files, or one with both.

The rules name the variables of a target, which name the files, as `SSL_CERT_FILE` does for authorities. What is in the
files is in no message. They are looked at again while events are sent, so that a certificate can be renewed in place;
connections that are open keep the one that they were opened with.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple

from turnout.errors import SettingsError
from turnout.rules.model import Target

__all__ = ["ClientCertificate", "Renewing", "client_certificate", "problems_with_certificates"]

log = logging.getLogger(__name__)

_LOOK_SECONDS = 10.0
"""How often, at most, the files are looked at: a renewed certificate is valid long before the old one ends."""


class _Locked(Exception):
    """The key has a passphrase. OpenSSL would ask for it at the terminal, and nobody is there."""


class ClientCertificate(NamedTuple):
    """The files, each with the variable that names it; both are the same when one file holds both."""

    certificate: str
    key: str
    certificate_variable: str
    key_variable: str

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let connections that are opened from now on show the certificate. Raises `SettingsError`."""
        for file, variable in ((self.certificate, self.certificate_variable), (self.key, self.key_variable)):
            _try_to_read(file, variable)
        try:
            context.load_cert_chain(self.certificate, self.key, password=_ask_nobody)
        except _Locked:
            raise _unusable(self.key_variable, "the key has a passphrase; store it without one") from None
        except ssl.SSLError as error:
            variables = " and ".join(dict.fromkeys((self.certificate_variable, self.key_variable)))
            what = "must name PEM files of a certificate and its key, or one file with both"
            if error.reason == "KEY_VALUES_MISMATCH":
                what = "the certificate and the key do not belong together"
            raise _unusable(variables, what) from None
        except (OSError, ValueError) as error:  # gone since
            raise _unusable(self.certificate_variable, f"cannot be read: {error}") from None

    def stamp(self) -> tuple[tuple[int, int, int], ...]:
        """Changes when one of the files does; empty while one cannot be looked at."""
        with suppress(OSError, ValueError):
            found = [os.stat(file) for file in (self.certificate, self.key)]
            return tuple((each.st_ino, each.st_size, each.st_mtime_ns) for each in found)
        return ()


class Renewing:
    """Keeps a context's certificate that of the files. What cannot be used is told once, and the one before is kept."""

    def __init__(
        self, files: ClientCertificate, context: ssl.SSLContext, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises `SettingsError`."""
        self._files = files
        self._context = context
        self._clock = clock
        self._seen = files.stamp()
        files.load_into(context)
        self._next_look = clock() + _LOOK_SECONDS

    def look(self) -> None:
        """Take over what has changed, now and then."""
        now = self._clock()
        if now < self._next_look:
            return
        self._next_look = now + _LOOK_SECONDS
        stamp = self._files.stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            # Aside first: halves that do not belong together would leave the context without any.
            self._files.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
            self._files.load_into(self._context)
        except SettingsError as error:
            log.error("%s; the client certificate of before is kept", error.problems[0])
        else:
            log.info("%s: the client certificate was renewed", self._files.certificate_variable)


def client_certificate(target: Target, environ: Mapping[str, str]) -> ClientCertificate | None:
    """The files of a target that wants a certificate of ours. Raises `SettingsError` when a variable is not set."""
    variable = target.client_certificate_from
    if not variable:
        return None
    key_variable = target.client_key_from or variable
    for name, what in ((variable, "client certificate"), (key_variable, "key of the client certificate")):
        if not environ.get(name):
            raise SettingsError([f"{name} is not set: let it name the PEM file with the {what} for {target.name}"])
    return ClientCertificate(environ[variable], environ[key_variable], variable, key_variable)


def problems_with_certificates(targets: Iterable[Target], environ: Mapping[str, str]) -> list[str]:
    """Why targets cannot be shown the certificates that the rules name, one sentence each; empty when they can."""
    found: dict[str, None] = {}
    for target in targets:
        try:
            if files := client_certificate(target, environ):
                files.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        except SettingsError as error:
            found.update(dict.fromkeys(error.problems))
    return list(found)


def _try_to_read(file: str, variable: str) -> None:
    """Raises `SettingsError`, without the name of the file: who misunderstands has put the key itself there."""
    if "-----BEGIN" in file:
        raise _unusable(variable, "holds the PEM itself; write that into a file, and let the variable name it")
    try:
        with open(file, "rb"):
            pass
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no name of a file"
        raise _unusable(variable, f"the file that it names cannot be read: {why}") from None


def _ask_nobody() -> bytes:
    raise _Locked


def _unusable(variable: str, what: str) -> SettingsError:
    return SettingsError([f"{variable}: {what}"])
