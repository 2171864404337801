"""Lists that somebody typed into one setting: paths or URLs, separated by commas."""

from __future__ import annotations

import re

__all__ = ["split_items"]

# One of several paths or URLs: whatever stands before a comma that is neither in brackets, which may nest once as in
# `[?(@.x[0] == 1)]`, nor in quotes. What is never closed hides no comma.
_STRING = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_INNER = rf"""\[(?:{_STRING}|[^\]\['"])*\]"""
_ITEM = re.compile(rf"""(?:\[(?:{_STRING}|{_INNER}|[^\]\['"])*\]|{_STRING}|[^,])+""", re.DOTALL)


def split_items(text: str) -> tuple[str, ...]:
    """What is separated by commas, such as required paths, without what is empty."""
    return tuple(item.strip() for item in _ITEM.findall(text) if item.strip())
