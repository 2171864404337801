"""What a server said: status, headers and body as they came, and careful ways to read them.

Nothing here trusts the body. A gateway in between may answer with HTML, with nothing, or at any length; what an error
means is decided in `turnout.genesys.errors`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import msgspec

from turnout.genesys.secret import masked

__all__ = ["Answer", "ErrorBody", "Json", "JsonObject", "error_body", "read_json", "retry_after", "seconds_in"]

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
JsonObject: TypeAlias = "dict[str, Json]"

_LONGEST_SENTENCE = 300
_LONGEST_RETRY_AFTER = 30 * 86_400.0
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]+")
_CODE = re.compile(r"[A-Za-z0-9._ -]{1,80}")
_CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Answer(msgspec.Struct, frozen=True):
    """One answer. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def correlation_id(self) -> str:
        """`ININ-Correlation-Id`, else nothing."""
        found = self.headers.get("inin-correlation-id", "")
        return found if _CORRELATION.fullmatch(found) else ""


class ErrorBody(msgspec.Struct, frozen=True):
    """What is used of Genesys's ErrorBody, or of the `{error, description}` of its login server."""

    code: str = ""
    message: str = ""
    context_id: str = ""


def read_json(content: bytes | str) -> Json:
    """The JSON in a body; raises `ValueError` when it is none. `NaN` is not JSON; half a surrogate pair is let pass."""
    try:
        value: Json = msgspec.json.decode(content)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except (ValueError, msgspec.MsgspecError):
        try:
            value = json.loads(content, parse_constant=_refuse)
        except RecursionError:
            raise ValueError("nested too deep") from None
    return value


def error_body(answer: Answer, secrets: Sequence[str] = ()) -> ErrorBody | None:
    """The error that a body describes, cut to what fits a log line; None when the body is no JSON object.

    `secrets` were sent, and are masked where the server repeats them.
    """
    try:
        body = read_json(answer.content)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    code = _text(body, secrets, "code", "error", "errorCode")
    context = _text(body, secrets, "contextId")
    return ErrorBody(
        code=code if _CODE.fullmatch(code) else "",
        message=_text(body, secrets, "message", "error_description", "description"),
        context_id=context if _CORRELATION.fullmatch(context) else "",
    )


def retry_after(answer: Answer, now: datetime | None = None) -> float | None:
    """Seconds that the answer asks us to wait: a number or a date (RFC 9110, 10.2.3), at most 30 days."""
    text = answer.headers.get("retry-after", "")
    seconds = seconds_in(text)
    if seconds is None and text:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    return None if seconds is None else min(seconds, _LONGEST_RETRY_AFTER)


def seconds_in(text: str) -> float | None:
    """A number that is finite and not negative; None for any other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _text(body: JsonObject, secrets: Sequence[str], *names: str) -> str:
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value) if abs(value) < 10**18 else None
        if isinstance(value, str) and value.strip():
            return _UNPRINTABLE.sub(" ", masked(value, secrets)[:_LONGEST_SENTENCE]).strip()
    return ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")
