"""Lowering: the tree that jsonpath-ng made of a path becomes the segments of condition/ast.py.

Filters become conditions with JSONPath's own semantics (RFC 9535: in a filter, `@.a != 'x'` is true when `a` is
missing), apart from one difference: objects and arrays are never equal to each other. What has no segment is refused.
"""

from __future__ import annotations

from jsonpath_ng import jsonpath
from jsonpath_ng.ext import filter as jsonpath_filter

from turnout.rules.condition.ast import (
    And,
    Bound,
    Children,
    Compare,
    Condition,
    Constant,
    Descend,
    Except,
    Item,
    Items,
    Key,
    Keys,
    Kind,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Present,
    Range,
    Root,
    Segment,
    Slice,
    Test,
    Where,
    literal,
)
from turnout.rules.condition.building import conjunction, disjunction
from turnout.rules.expression.path_errors import PathError
from turnout.rules.problems import Code

__all__ = ["Lowering"]

_ORDERS = {"<": Order.LT, "<=": Order.LE, ">": Order.GT, ">=": Order.GE}
_NAMES = {
    "Operation": "arithmetic",
    "SortedThis": "sorting",
    "_Union": "a union ('|')",
    "_Intersect": "an intersection ('&')",
    "Where": "'where'",
    "WhereNot": "'wherenot'",
    "Parent": "'parent'",
}


class Lowering:
    """Turns one jsonpath-ng tree into segments. `root` is what `$` means; filters nest `depth` deep at most."""

    def __init__(self, root: Root, depth: int) -> None:
        self._root = Root.EVENT if root is Root.ELEMENT else root
        self._room = depth

    def path(self, tree: jsonpath.JSONPath) -> tuple[Segment, ...]:
        """The segments of a path; a leading `$` or `@` is the caller's business."""
        segments: list[Segment] = []
        stack: list[jsonpath.JSONPath | Descend] = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, Descend):
                segments.append(node)
            elif isinstance(node, jsonpath.Child):
                stack += (node.right, node.left)
            elif isinstance(node, jsonpath.Descendants):
                stack += (node.right, Descend(), node.left)
            elif type(node) in (jsonpath.Root, jsonpath.This) and not segments:
                continue
            else:
                segments.append(self._segment(node))
        return tuple(segments)

    def _segment(self, node: jsonpath.JSONPath) -> Segment:
        match node:
            case jsonpath.Fields(fields=fields):
                return Key(fields[0]) if len(fields) == 1 else Keys(tuple(fields))
            case jsonpath.Index(indices=indices):
                return Item(indices[0]) if len(indices) == 1 else Items(tuple(indices))
            case jsonpath.Wildcard():
                return Children()
            case jsonpath.Slice(start=start, end=stop, step=step):
                if step == 0:
                    raise PathError(Code.PATH, "the step of a slice cannot be 0")
                return Slice(start, stop, step)
            case jsonpath_filter.Filter(expressions=expressions):
                return Where(conjunction([self._condition(expression) for expression in expressions]))
        name = type(node).__name__
        raise PathError(Code.PATH_REFUSED, f"{_NAMES.get(name, f'{name!r}')} is not supported in a path")

    def _condition(self, node: jsonpath.JSONPath) -> Condition:
        if self._room <= 0:
            raise PathError(Code.LIMIT, "the filters of the path are nested too deep")
        self._room -= 1
        condition = self._filter(node)
        self._room += 1
        return condition

    def _filter(self, node: jsonpath.JSONPath) -> Condition:
        match node:
            case jsonpath_filter.And(operands=operands):
                return conjunction([self._condition(operand) for operand in operands])
            case jsonpath_filter.Or(operands=operands):
                return disjunction([self._condition(operand) for operand in operands])
            case jsonpath_filter.Expression(target=target, op=operator, value=value):
                path = self._operand(target)
                if operator is None:
                    return Present(path)
                if operator == "!":
                    return Not(Present(path))
                if isinstance(value, jsonpath.JSONPath):
                    return _against_path(path, operator, self._operand(value))
                return _against_constant(path, operator, value)
        raise PathError(Code.PATH_REFUSED, f"{type(node).__name__!r} is not supported in a filter")

    def _operand(self, node: jsonpath.JSONPath) -> Path:
        first = node
        while isinstance(first, jsonpath.Child | jsonpath.Descendants):
            first = first.left
        root = self._root if type(first) is jsonpath.Root else Root.ELEMENT
        return Path(root, self.path(node))


def _against_constant(path: Path, operator: str, value: str | int | float | bool | None) -> Condition:
    item = literal(value)
    same = Test(path, OneOf((item,)))
    if operator in ("==", "="):
        return same
    if operator == "!=":
        return Or((Not(Present(path)), Test(path, Except(OneOf((item,))))))
    if item.kind in (Kind.NULL, Kind.BOOL):
        # Only numbers and strings are ordered; for the others `<=` and `>=` come down to equality.
        return same if operator in ("<=", ">=") else Constant(False)
    assert isinstance(value, str | int | float)  # noqa: S101  # what the kind says, for the type checker
    bound = Bound(value, inclusive=operator in ("<=", ">="))
    return Test(path, Range(high=bound) if operator in ("<", "<=") else Range(low=bound))


def _against_path(left: Path, operator: str, right: Path) -> Condition:
    neither = And((Not(Present(left)), Not(Present(right))))
    if operator in ("==", "="):
        return Or((neither, Compare(left, Order.EQ, right)))
    if operator == "!=":
        only_left = And((Present(left), Not(Present(right))))
        only_right = And((Not(Present(left)), Present(right)))
        return Or((only_left, only_right, Compare(left, Order.NE, right)))
    order = _ORDERS[operator]
    if order in (Order.LE, Order.GE):
        return Or((neither, Compare(left, order, right), Compare(left, Order.EQ, right)))
    return Compare(left, order, right)
