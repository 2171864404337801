"""A message body in, an event or a rejection out. Nothing a producer writes can raise here.

What is accepted is JSON (RFC 8259) in UTF-8 whose outermost value is an object:

- `NaN` and `Infinity` are not JSON and are refused; a number beyond a 64-bit float is taken as infinite (an integer
  beyond 4,300 digits likewise), because a producer's odd number is no reason to lose an event.
- Half of a surrogate pair written as an escape is accepted. Of a key that stands twice, the last value counts.
- Nesting is too deep when the decoders' guard against it trips: with CPython 3.11 at some 900 levels, with 3.13 at some
  10,000. Counting levels here would cost more than decoding just the members that rules look at
  (engine/projection.py), which skips the rest of an event under the same guard.
- A byte order mark is refused: JSON must not begin with one, and the body is forwarded byte for byte.
"""

from __future__ import annotations

import json
from typing import NoReturn

import msgspec

from turnout.failures import Reason
from turnout.rules.model import Json, Rejection

__all__ = ["decode", "decode_json"]

_LONGEST_INTEGER = 4_300

_decode = msgspec.json.Decoder().decode

_DEEP = Rejection(Reason.TOO_DEEP, "objects and arrays are nested too deep")


def decode(body: str | bytes) -> dict[str, Json] | Rejection:
    """The event in a body, or why there is none."""
    value = decode_json(body)
    if isinstance(value, dict | Rejection):
        return value
    return Rejection(Reason.NOT_AN_OBJECT, f"the body is JSON, but {_kind(value)} and not an object")


def decode_json(body: str | bytes) -> Json | Rejection:
    """The value in a body that need not be an event, read as events are."""
    try:
        value: Json = _decode(body)
    except RecursionError:
        return _DEEP
    except (ValueError, msgspec.MsgspecError):
        # Not JSON, or one of the few things that are JSON and that msgspec refuses: the slow decoder tells which.
        return _decode_slowly(body)
    return value


def _kind(value: Json) -> str:
    if isinstance(value, list):
        return "an array"
    if isinstance(value, str):
        return "a string"
    if value is None:
        return "null"
    return "true or false" if isinstance(value, bool) else "a number"


# ---------------------------------------------------------------------------------------------------- the slow decoder


class _NotJson(ValueError):
    pass


def _decode_slowly(body: str | bytes) -> Json | Rejection:
    try:
        text = body if isinstance(body, str) else body.decode()
        if text.startswith("\ufeff"):
            return _invalid("it begins with a byte order mark")
        value: Json = _lenient.decode(text)
    except RecursionError:
        return _DEEP
    except UnicodeDecodeError as error:
        return _invalid(f"it is not UTF-8 at byte {error.start + 1}")
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")  # some end with it
        return _invalid(f"{what} at line {error.lineno} column {error.colno}")
    except _NotJson as error:
        return _invalid(str(error))
    return value


def _invalid(reason: str) -> Rejection:
    return Rejection(Reason.INVALID_JSON, f"the body is not JSON: {reason}")


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise _NotJson(f"{constant} is not a JSON number")


_lenient = json.JSONDecoder(parse_int=_integer, parse_constant=_refuse)
