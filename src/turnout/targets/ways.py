"""How HTTP endpoints are reached: whose certificates are trusted, and through which proxy.

By the variables that other programs go by: `SSL_CERT_FILE` and `SSL_CERT_DIR` instead of the usual authorities,
`HTTPS_PROXY` and `HTTP_PROXY` by the endpoint's scheme, with the hosts in `NO_PROXY` excepted. A proxy's URL may have a
password in it: it is in no message.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import httpx

from turnout.errors import SettingsError

__all__ = ["problems_on_the_way", "proxy_for", "trusted_authorities"]


def proxy_for(url: str, environ: Mapping[str, str]) -> str:
    """The URL of the proxy on the way to an endpoint; empty when there is none. Raises `SettingsError`."""
    parts = urlsplit(url)
    name, proxy = _variable(environ, f"{parts.scheme}_proxy")
    if not proxy or _excepted(parts.netloc.rpartition("@")[2], _variable(environ, "no_proxy")[1]):
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


def _excepted(place: str, names: str) -> bool:
    """Whether `NO_PROXY` has the host (and port) or a domain that it is in, or `*`: as urllib and botocore read it."""
    hosts = (place.lower(), (urlsplit(f"//{place}").hostname or "").lower())
    for each in names.lower().split(","):
        name = each.strip().lstrip(".")
        if name == "*" or (name and any(host == name or host.endswith(f".{name}") for host in hosts)):
            return True
    return False


def _variable(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable in lower or upper case, by its name as found, and its value: the lower one counts, as everywhere."""
    found = name if environ.get(name) else name.upper()
    return found, environ.get(found, "")
