"""Which parts of an event are contact data or what people said: by the names under which Genesys and others keep them.

For excerpts and explanations that others than the operator may see. It errs on the side of hiding.
"""

from __future__ import annotations

import json
import re

from turnout.rules.decode import decode
from turnout.rules.explain.locating import Located
from turnout.rules.model import Json, Rejection
from turnout.rules.showing import printable

__all__ = ["MASK", "excerpt", "hide_contact_data", "is_contact_data"]

MASK = "***"

_NAMES = re.compile(
    r"""
      ani | dnis | .*address.* | .*phone.* | .*mobile.* | .*e-?mail.* | callback.* | .*number(s|formatted)?
    | (display|callback|from|to)?[_-]?name([_-]?raw)? | .*(participant|user|agent|customer|contact|caller)[_-]?name
    | .*(first|last|full|given|family|sur|nick)[_-]?name | caller[_-]?id([_-]?name)?
    | subject | .*notes? | .*comments? | .*transcripts? | .*utterances? | text(body)? | message(body|text|content)
    | .*street.* | city | zip | (post(al)?|zip)[_-]?code
    | .*attributes | participantdata | customfields | .*birth.* | .*ssn | iban | .*card.*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MEASURES = re.compile(r".*duration([_-]?(ms|seconds))?|.*(sequence|page)[_-]?number", re.IGNORECASE)
"""How long something took and where it stands in a row, whatever it is: callbackDurationMs, endSequenceNumber."""
_LONGEST = 600
_DEEPEST = 40


def is_contact_data(name: str) -> bool:
    """Whether what stands under this name is contact data, or may be."""
    return _NAMES.fullmatch(name) is not None and _MEASURES.fullmatch(name) is None


def hide_contact_data(place: Located) -> str | None:
    """For `explain`: hides a value when it, or anything it stands in, is named like contact data."""
    return MASK if any(isinstance(step, str) and is_contact_data(step) for step in place.steps) else None


def excerpt(body: str | bytes) -> str:
    """The beginning of an event, as JSON in one line with contact data masked; empty for what is no event."""
    event = decode(body)
    if isinstance(event, Rejection):
        return ""
    text = printable(json.dumps(_masked(event, _DEEPEST), ensure_ascii=False))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _masked(value: Json, depth: int) -> Json:
    if isinstance(value, dict):
        if not depth:
            return MASK
        return {name: MASK if is_contact_data(name) else _masked(inner, depth - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, depth - 1) for inner in value] if depth else MASK
    return value
