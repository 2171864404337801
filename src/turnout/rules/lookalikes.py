"""Texts that look like something else than a text: a path, a reference to the environment, a text with its quotes."""

from __future__ import annotations

import re

from turnout.rules.environment import REFERENCE
from turnout.rules.expression.paths import METADATA_FIELDS

__all__ = ["broken_reference", "looks_like_path", "quoted_by_typography"]

_PATH = re.compile(
    rf"\$\.?[.\[]\S+ | @({'|'.join(METADATA_FIELDS)}) ([.\[]\S+)? | detail (\.[\w-]+ | \[\S+\])+", re.ASCII | re.VERBOSE
)

_TYPOGRAPHIC = re.compile(
    "[\u2018\u201a\u201c\u201d\u201e\u00ab\u00bb](.+)[\u2018\u2019\u201c\u201d\u00ab\u00bb]", re.DOTALL
)

_SHELL = re.compile(r"\$[A-Z][A-Z0-9_]+")


def looks_like_path(text: str) -> bool:
    """Whether hardly anything else can be meant by the text: it begins as a path into the event does."""
    return _PATH.fullmatch(text) is not None


def broken_reference(text: str) -> str:
    """What a warning says when the text looks like a reference to the environment and stays as it is; else nothing."""
    if "${" in text and "${" in REFERENCE.sub(" ", text):
        return "'${' begins no reference to the environment here and stays as it is; write ${NAME} or ${NAME:-default}"
    if _SHELL.fullmatch(text):
        return f"'{text}' is no reference to the environment and stays as it is; write ${{{text[1:]}}}"
    return ""


def quoted_by_typography(text: str) -> str:
    """What a warning says when the text stands in the quotes that word processors and chats make; else nothing."""
    if found := _TYPOGRAPHIC.fullmatch(text):
        return f'these quotes are a part of the text; write straight ones, "{found[1]}", or none'
    return ""
