"""The few functions that generated code calls, and the names it may use. Generated code can reach nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import UNSET, Struct

from turnout.rules.condition.ast import Order
from turnout.rules.condition.folding import fold
from turnout.rules.condition.values import any_pair

__all__ = ["NAMES", "Unfit"]


class Unfit(Exception):
    """The event differs from what the fast way assumes; it is matched the slow way. Never leaves the package."""


def _follow(value: object, steps: Sequence[str | int]) -> object:
    """The member or element that the steps lead to, else `UNSET`."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step, UNSET) if isinstance(value, dict) else UNSET
        elif isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        else:
            return UNSET
    return value


def _follow_objects(value: object, steps: Sequence[str | int]) -> object:
    """Like `_follow`, for paths on which an array stands for its elements: those are for the slow way."""
    for step in steps:
        if isinstance(value, list):
            raise Unfit
        value = _follow(value, (step,))
    return value


def _scalar(value: object) -> object:
    return UNSET if isinstance(value, dict | list | Struct) else value


def _not_object(value: object) -> object:
    return UNSET if isinstance(value, dict | Struct) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else UNSET


def _length(value: object) -> object:
    return len(value) if isinstance(value, str | list | dict) else UNSET


def _compares(left: object, order: Order, right: object) -> bool:
    return left is not UNSET and right is not UNSET and any_pair((left,), order, (right,))


NAMES: Final[dict[str, object]] = {
    "__builtins__": {},
    "TypeError": TypeError,
    "UNSET": UNSET,
    "Unfit": Unfit,
    "any": any,
    "bool": bool,
    "compares": _compares,
    "dict": dict,
    "float": float,
    "fold": fold,
    "follow": _follow,
    "follow_objects": _follow_objects,
    "id": id,
    "int": int,
    "length": _length,
    "list": list,
    "lower": _lower,
    "map": map,
    "not_object": _not_object,
    "scalar": _scalar,
    "str": str,
    "tuple": tuple,
}
"""The globals of generated code."""
