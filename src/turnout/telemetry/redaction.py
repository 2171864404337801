"""Takes secrets and contact data out of text that is about to be logged.

This is the second line of defence. The first is that nothing of a body, and no credential, is given to a logger; but
the sentences of libraries and services are not ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ["MASK", "cut", "is_secret", "redactor"]

MASK = "***"

_SECRET_WORD = (
    r"(?:secret|password|passwd|passphrase|token|signature|credential"  # noqa: S105 - names, not a value
    r"|pwd|private_?key|api[_-]?key|access[_-]?key|account[_-]?key)"
)
_SECRET_NAME = re.compile(rf"{_SECRET_WORD}|^(?:proxy-)?authorization$|^(?:set-)?cookie$", re.IGNORECASE)
_NO_SECRETS = ("PWD", "OLDPWD")
"""Folders, as every shell names them."""
_SHORTEST_SECRET = 8
"""A shorter value would be found in ordinary words."""

_PATTERNS = re.compile(
    rf"""
      (?P<header>
        \b(?:proxy-)?(?:authorization|x-amz-security-token|x-api-key|cookie|set-cookie)
        (?:\\{{0,8}}["'])?\s{{0,4}}[:=]\s{{0,4}}(?:b?\\{{0,8}}["'])?)
        (?:(?:bearer|basic|token|api-?key|negotiate|ntlm)\s+)?[^\s,;"'}}\\]+
        (?:;\s{{0,4}}[^\s,;"'}}\\=]{{1,256}}=[^\s,;"'}}\\]*)*                           # further cookies
    | (?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{{8,}}
    | \b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{{12,}}\b                                    # AWS access key ids
    | (?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*       # JSON web tokens
    | (?P<userinfo>\b[a-z][a-z0-9+.-]{{1,15}}://)[^\s/@:]{{0,256}}:[^\s/]{{1,256}}(?=@)   # user:password in a URL
    | (?P<query>[?&](?:sig|code)=)[^\s&"'<>]+                                         # keys in Azure's URLs
    | (?P<tag><[\w-]{{0,64}}?{_SECRET_WORD}[\w-]{{0,64}}>)[^<]+                         # in XML, as STS answers
      # name=value; with a colon only in quotes, because "ExpiredToken: The ..." is a sentence. Quotes are escaped
      # where JSON stands in a text of JSON, and are not closed where somebody has cut it.
    | (?P<name>{_SECRET_WORD}[\w-]{{0,64}}(?:\\{{0,8}}["']\s{{0,4}}:|\s{{0,4}}=)\s{{0,4}})
        (?:b?(?P<quote>\\{{0,8}}["'])(?s:.*?)(?:(?<!\\)(?P=quote)|\Z)|[^\s,;&"'}}\])]+)
    | (?P<contact>
        # Telephone numbers with a +, written in one or in groups: +49 (0) 30 123-456.
        (?:\btel:\+?|(?<![\w+])\+)[1-9](?:[ .()/-]{{0,3}}[0-9]){{7,14}}(?!\w)
      | \b(?:tel|sips?):[^\s"',;>)\]}}]+                                           # addresses of participants
      | (?<![\w.+-])[\w.+-]{{1,64}}@[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,8}}               # mail addresses
      )
    """,
    re.IGNORECASE | re.VERBOSE,
)

_APART = " \t\r\n\"'<>,;()[]{}"
"""What is in no secret and no address, and comes between them and the rest of a text."""


def cut(text: str, most: int) -> str:
    """The text, or its beginning, without half a secret or half an address at the end, which `redactor` cannot know."""
    if len(text) <= most:
        return text
    if text[most] in _APART:
        return text[:most]
    last = max(text.rfind(mark, 0, most) for mark in _APART)
    return text[: last + 1] if last > 0 else text[:most]


def redactor(environ: Mapping[str, str], *, contact_data: bool = True) -> Callable[[str], str]:
    """A function that masks what looks like a secret or contact data, and every secret value of this environment.

    `contact_data` False leaves contact data as it is, for those who asked to see it.
    """
    values = sorted(_secret_values(environ), key=len, reverse=True)
    known = re.compile("|".join(re.escape(value) for value in values)) if values else None

    def redact(text: str) -> str:
        if known is not None:
            text = known.sub(MASK, text)
        return _PATTERNS.sub(_mask if contact_data else _mask_secret, text)

    return redact


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret by its name alone."""
    return _SECRET_NAME.search(name) is not None


def _mask(match: re.Match[str]) -> str:
    named = ("header", "scheme", "userinfo", "query", "tag", "name")
    return "".join(match[name] or "" for name in named) + MASK


def _mask_secret(match: re.Match[str]) -> str:
    return match[0] if match["contact"] else _mask(match)


def _secret_values(environ: Mapping[str, str]) -> set[str]:
    values = set()
    for name, value in environ.items():
        if is_secret(name) and not name.endswith("_FILE") and name not in _NO_SECRETS:
            values.add(value.strip())
        if name.startswith("OTEL_EXPORTER_OTLP") and name.endswith("HEADERS"):
            values |= {pair.partition("=")[2].strip() for pair in value.split(",")}
    return {value for value in values if len(value) >= _SHORTEST_SECRET}
