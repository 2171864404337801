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


def _spread(objects: object, kind: type[Struct], name: str, empty: object) -> list[object]:
    """The members of this name of all the objects, which are of that kind. `empty` stands for a missing one.

    Of an array that is such a member, its elements. Whatever is no such object has no members.
    """
    if not isinstance(objects, list):
        raise Unfit
    found: list[object] = []
    for each in objects:
        if each.__class__ is kind:
            value = getattr(each, name)
            if value is empty:
                continue
            if isinstance(value, list):
                found += value
            elif empty is UNSET and isinstance(value, Struct):
                raise Unfit  # an object where a value is looked for, of which too little was decoded
            else:
                found.append(value)
    return found


def _leaf(value: object) -> object:
    """The value of a member, for an element of an array that is looked at as a whole."""
    if isinstance(value, list | dict | Struct):
        raise Unfit
    return value


def _no_array(value: object) -> object:
    """`UNSET`, which a value is that is decoded as an object."""
    if isinstance(value, list):
        raise Unfit
    return UNSET


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
    "leaf": _leaf,
    "length": _length,
    "list": list,
    "lower": _lower,
    "no_array": _no_array,
    "not_object": _not_object,
    "spread": _spread,
    "str": str,
    "tuple": tuple,
}
"""The globals of generated code."""
