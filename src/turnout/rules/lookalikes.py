"""Texts that look like something else than a text: a path into the event, or a reference to the environment."""

from __future__ import annotations

import re

from turnout.rules.environment import REFERENCE
from turnout.rules.expression.paths import METADATA_FIELDS

__all__ = ["BROKEN_REFERENCE", "looks_like_path", "looks_like_reference"]

_PATH = re.compile(
    rf"\$\.?[.\[]\S+ | @({'|'.join(METADATA_FIELDS)}) ([.\[]\S+)? | detail (\.[\w-]+ | \[\S+\])+", re.ASCII | re.VERBOSE
)

BROKEN_REFERENCE = (
    "'${' begins no reference to the environment here and stays as it is; write ${NAME} or ${NAME:-default}"
)
"""What a warning says of a text that `looks_like_reference`."""


def looks_like_path(text: str) -> bool:
    """Whether hardly anything else can be meant by the text: it begins as a path into the event does."""
    return _PATH.fullmatch(text) is not None


def looks_like_reference(text: str) -> bool:
    """Whether a reference begins in the text that is none, so that it stays as it is: `${NAME`, `${NAME-default}`."""
    return "${" in text and "${" in REFERENCE.sub(" ", text)
