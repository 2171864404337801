"""Where to connect to for an endpoint URL: address, TLS, `Host` header, path."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import msgspec

from turnout.errors import SqsMisconfigured
from turnout.sqs.session import trusting
from turnout.sqs.wire.pool import Address

__all__ = ["Endpoint", "parse_endpoint"]

_PORTS = {"http": 80, "https": 443}


class Endpoint(msgspec.Struct, frozen=True):
    """`authority` is what the `Host` header says; `path` is asked for, and signed."""

    address: Address
    authority: str
    path: str


def parse_endpoint(url: str, ca_bundle: str) -> Endpoint:
    """Take an endpoint URL apart. `ca_bundle` is a file of CAs.

    Raises `SqsMisconfigured` when it is no HTTP URL, or there are no CAs to read.
    """
    refusal = SqsMisconfigured(f"{url!r} is not an http or https URL with a host", code="InvalidEndpoint")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise refusal from error
    if parts.scheme not in _PORTS or not host or not url.isascii() or not url.isprintable() or " " in url:
        raise refusal
    authority = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        authority += f":{port}"
    tls = _tls_context(ca_bundle) if parts.scheme == "https" else None
    path = f"{parts.path.removesuffix('/')}/"
    return Endpoint(Address(host, port or _PORTS[parts.scheme], tls), authority, path)


def _tls_context(ca_bundle: str) -> ssl.SSLContext:
    context = trusting(ca_bundle)
    context.set_alpn_protocols(["http/1.1"])
    return context
