"""How HTTP endpoints are reached: whose certificates are trusted, and through which proxy.

By the variables that other programs go by: `SSL_CERT_FILE` and `SSL_CERT_DIR` instead of the usual authorities,
`HTTPS_PROXY` and `HTTP_PROXY` by the endpoint's scheme, with what is in `NO_PROXY` excepted. A proxy's URL may have a
password in it: it is in no message.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

import httpx

from turnout.errors import SettingsError

__all__ = ["problems_on_the_way", "proxy_for", "trusted_authorities"]

_PORT = re.compile(r"(.+):([0-9]{1,5})")


def proxy_for(url: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy on the way to an endpoint; empty when there is none. Raises `SettingsError`."""
    parts = urlsplit(url)
    name, proxy = _variable(environ, f"{parts.scheme}_proxy")
    if not proxy or _excepted(parts, _variable(environ, "no_proxy")[1]):
        return ""
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    try:
        known = httpx.URL(proxy)
        usable = known.scheme in ("http", "https") and known.host != ""
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise SettingsError([f"{name}: names no proxy that can be used; it looks like http://proxy.example.com:3128"])
    return proxy


def trusted_authorities(environ: Mapping[str, str]) -> ssl.SSLContext:
    """TLS that trusts the authorities that the environment names, else the usual ones. Raises `SettingsError`."""
    file, folder = environ.get("SSL_CERT_FILE") or None, environ.get("SSL_CERT_DIR") or None
    if not file and not folder:
        return httpx.create_ssl_context(trust_env=False)
    try:
        return ssl.create_default_context(cafile=file, capath=folder)
    except (OSError, ValueError) as error:  # no such file, or nothing in it that is a certificate
        why = getattr(error, "strerror", None) or getattr(error, "reason", None) or str(error)
        name, place = ("SSL_CERT_FILE", file) if file else ("SSL_CERT_DIR", folder)
        raise SettingsError([f"{name}: the certificate authorities in {place} cannot be read: {why}"]) from error


def problems_on_the_way(urls: Iterable[str], environ: Mapping[str, str]) -> list[str]:
    """Why these endpoints cannot be reached as the environment says, one sentence a variable; empty when they can."""
    found: dict[str, None] = {}
    for number, url in enumerate(urls):
        try:
            if not number:
                trusted_authorities(environ)
            proxy_for(url, environ)
        except SettingsError as error:
            found.update(dict.fromkeys(error.problems))
    return list(found)


def _excepted(url: SplitResult, names: str) -> bool:
    """Whether `NO_PROXY` has the endpoint: by its host, a domain that the host is in, its address, a range (CIDR) of
    addresses, each but ranges with or without a port, or by `*`.

    So curl, Go and requests read it. Names are not looked up: a range is for endpoints that are written as addresses.
    """
    host, address = (url.hostname or "").lower(), _address(url.hostname or "")
    for name in re.split(r"[\s,]+", names.lower()):
        if name == "*" or ("/" in name and address is not None and _within(address, name)):
            return True
        if _address(name) is None and (split := _PORT.fullmatch(name)):
            name, port = split.groups()
            if int(port) != _port(url):
                continue
        if (named := _address(name)) is not None:
            if named == address:
                return True
        elif (domain := name.removeprefix("*").lstrip(".")) and (host == domain or host.endswith(f".{domain}")):
            return True
    return False


def _port(url: SplitResult) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _within(address: IPv4Address | IPv6Address, text: str) -> bool:
    try:
        return address in ip_network(text, strict=False)
    except ValueError:
        return False


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable in lower or upper case, by its name as found, and its value: the lower one counts, as everywhere."""
    found = name if environ.get(name) else name.upper()
    return found, environ.get(found, "")
