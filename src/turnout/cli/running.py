"""Where a running worker is, and how to ask it: address, token, its snapshot, and what went wrong in plain words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import click
import httpx
import msgspec

from turnout.telemetry.snapshot import Snapshot

__all__ = ["address_argument", "asking", "look", "not_a_worker", "told", "worker_url"]

TOKEN = "TURNOUT_HTTP_TOKEN"  # noqa: S105 - a name


address_argument = click.argument("address", required=False)
"""The ADDRESS of the commands that ask a running worker."""


def worker_url(address: str | None) -> str:
    """The URL for `8080`, `host:8080`, `http://host:8080/`; without one, for TURNOUT_HTTP_PORT on this machine.

    Raises `click.UsageError`.
    """
    address = (address or os.environ.get("TURNOUT_HTTP_PORT", "")).strip()
    if not address or address == "0":
        raise click.UsageError("which worker? Give the address that its log names, as in http://127.0.0.1:8080")
    if address.isdigit():
        address = f"127.0.0.1:{address}"
    url = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")  # what cannot be a name would end in a traceback
        usable = parts.scheme in ("http", "https") and host and (parts.port or 80)
        httpx.URL(url)  # as the client reads it, which refuses more
    except (ValueError, httpx.InvalidURL):
        usable = False
    if not usable or parts.username:
        raise click.UsageError("the address of a worker looks like http://127.0.0.1:8080")
    return url.rstrip("/")


@contextmanager
def asking(url: str) -> Iterator[httpx.Client]:
    """A client for the worker at `url`, with the token of TURNOUT_HTTP_TOKEN.

    Raises `click.ClickException` for what goes wrong in between.
    """
    token = os.environ.get(TOKEN, "").strip()
    # As browsers do it: whatever the token is made of, it makes a header, and none that an error would show.
    auth = httpx.BasicAuth("turnout", token) if token else None
    # A proxy's 127.0.0.1 is another machine's.
    host = urlsplit(url).hostname or ""
    here = host in ("localhost", "::1") or host.startswith("127.")
    try:
        client = httpx.Client(base_url=url, auth=auth, timeout=5.0, trust_env=not here)
    except (ImportError, OSError, ValueError) as error:  # a proxy of another kind, a file of authorities that is none
        raise click.ClickException(
            f"{url} cannot be asked with the proxy and SSL_CERT_* variables set: {error}"
        ) from None
    try:
        with client:
            yield client
    except httpx.HTTPStatusError as error:
        raise click.ClickException(_refused(url, error.response)) from None
    except httpx.HTTPError as error:
        raise click.ClickException(f"no answer from {url}: {told(error)}") from None


def look(client: httpx.Client) -> Snapshot:
    """The worker's snapshot. Raises `httpx.HTTPError`, and `click.ClickException` when it is of another version."""
    answer = client.get("/status.json").raise_for_status()
    try:
        return msgspec.json.decode(answer.content, type=Snapshot)
    except msgspec.DecodeError as error:
        raise not_a_worker(client, error) from None


def told(error: httpx.HTTPError) -> str:
    """What went wrong, also where the error itself has no text."""
    return str(error) or type(error).__name__


def not_a_worker(client: httpx.Client, why: Exception) -> click.ClickException:
    """What to raise when an answer is none of a worker's: another program's, or another version's."""
    return click.ClickException(f"{str(client.base_url).rstrip('/')} is not a worker of this version: {why}")


def _refused(url: str, answer: httpx.Response) -> str:
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return f"{url} wants a token: set {TOKEN} to the worker's"
    if answer.status_code == httpx.codes.NOT_FOUND:
        return f"{url} is not a worker of this version"
    if answer.is_redirect:
        return f"{url} redirects, and that is not followed: give the address that it redirects to"
    said = answer.text.strip().splitlines()
    return f"{url}: {said[0] if said else answer.reason_phrase}"
