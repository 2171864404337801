"""Why something failed for good: the reasons that letters and metrics name, and the record that carries one."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from turnout.errors import Fault

__all__ = ["Failure", "Reason"]


class Reason(StrEnum):
    """Why a message became a letter. The names are part of the letter format and of the metrics."""

    INVALID_JSON = "INVALID_JSON"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    TOO_DEEP = "TOO_DEEP"
    MISSING_FIELD = "MISSING_FIELD"
    UNMATCHED = "UNMATCHED"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    MESSAGE_REJECTED = "MESSAGE_REJECTED"
    ACCESS_DENIED = "ACCESS_DENIED"
    QUEUE_MISSING = "QUEUE_MISSING"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    LETTER_UNREADABLE = "LETTER_UNREADABLE"
    """It is a letter that another version of Turnout wrote: who has the event already, only that one knows."""
    INTERNAL_ERROR = "INTERNAL_ERROR"


class Failure(msgspec.Struct, frozen=True):
    """Why something failed for good: a reason, who must act, and a sentence for the operator.

    `code` is the service's own error code where one was given (it becomes `error.type` on spans).
    """

    reason: Reason
    fault: Fault
    message: str
    code: str = ""
