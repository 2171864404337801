"""Reads what a running worker says at `/metrics`: the few metrics that commands ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

__all__ = ["Scraped", "read_scrape"]

_MATCHES = "turnout_rule_matches_total"
_INFO = "turnout_rules_info"
_LINE = re.compile(rf'({_MATCHES}|{_INFO})\{{(rule|fingerprint)="((?:[^"\\]|\\.)*)"\}} (\S+)')
_ESCAPED = re.compile(r"\\(.)")


class Scraped(msgspec.Struct, frozen=True):
    """How often each rule matched since the worker began, and the fingerprint of its active rules."""

    matches: Mapping[str, int]
    fingerprint: str


def read_scrape(text: str) -> Scraped:
    """What a scrape says; a line that is not understood is left out."""
    matches: dict[str, int] = {}
    fingerprint = ""
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        name, label, number = found[1], _ESCAPED.sub(_unescape, found[3]), found[4]
        if name == _INFO:
            fingerprint = label
        elif number.isascii() and number.isdigit():
            matches[label] = int(number)
    return Scraped(matches, fingerprint)


def _unescape(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
