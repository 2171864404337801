"""JSONPath in, lowered `Path` out: parsed once per distinct text by `jsonpath_ng.ext`, refused where it could hang.

Lowering turns jsonpath-ng's tree into the segments of condition/ast.py; no jsonpath-ng object is alive when events
are matched.
Filters become conditions with JSONPath's own semantics (RFC 9535: in a filter, `@.a != 'x'` is true when `a` is
missing), apart from one difference: objects and arrays are never equal to each other.

Refused, because they run backtracking regular expressions, can blow up or can raise: `=~`, everything in backquotes
(`sub`, `split`, `str`, `len`, `keys`, `sorted`, `parent`, ...), arithmetic, sorting, unions, `where`.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence

from jsonpath_ng import jsonpath
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext import filter as jsonpath_filter
from jsonpath_ng.ext.parser import ExtendedJsonPathParser

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
    paths,
)
from turnout.rules.condition.building import conjunction, disjunction
from turnout.rules.environment import REFERENCE
from turnout.rules.limits import DEFAULT_LIMITS, Limits
from turnout.rules.problems import Code
from turnout.rules.spelling import nearest

__all__ = ["METADATA_FIELDS", "PathError", "PathReader"]

METADATA_FIELDS = ("attributes", "receive_count", "queue", "message_id", "sent_timestamp", "group_id")
"""What `@` paths may begin with."""

_POSITION = re.compile(r"at 1:(\d+)|col (\d+)")
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


class PathError(ValueError):
    """The text is not a path that Turnout takes. `offset` counts characters from the start of the path."""

    def __init__(self, code: Code, message: str, offset: int = 0) -> None:
        self.code = code
        self.offset = offset
        super().__init__(message)


class PathReader:
    """Parses and lowers paths, each distinct text once. One per load: it holds the parser and the cache.

    `metadata` is what `@` paths may begin with.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, metadata: Sequence[str] = METADATA_FIELDS) -> None:
        self._limits = limits
        self._metadata = metadata
        self._parser = ExtendedJsonPathParser()
        self._known: dict[str, Path] = {}

    def read(self, text: str) -> Path:
        """The path. `@name` begins at the message's metadata, `@`, `@.x` and `@[...]` at the current element,
        everything else at the event. Raises `PathError`.
        """
        path = self._known.get(text)
        if path is None:
            path = self._known[text] = self._read(text)
        return path

    def _read(self, text: str) -> Path:
        root, query, shift = Root.EVENT, text, 0
        if text.startswith("@"):
            if text[1:2] in ("", ".", "["):
                root, query = Root.ELEMENT, "$" + text[1:]
            else:
                root, query, shift = Root.METADATA, text[1:], 1
        elif not text:
            raise PathError(Code.PATH, "a path is expected, not nothing")
        if len(text) > self._limits.path_length:
            raise PathError(Code.LIMIT, f"the path has more than {self._limits.path_length} characters")
        self._refuse_operators(text)
        try:
            with warnings.catch_warnings():
                # What jsonpath-ng deprecates (unquoted words in filters, unions) is ambiguous: refused from the start.
                warnings.simplefilter("error", DeprecationWarning)
                tree = self._parser.parse(query)
            segments = _Lowering(root, self._limits.depth).path(tree)
        except JSONPathError as error:
            raise _syntax_error(str(error), query, shift) from error
        except DeprecationWarning as warning:
            raise _deprecated(str(warning)) from warning
        path = Path(root, segments, text)
        self._check(path)
        return path

    def _refuse_operators(self, text: str) -> None:
        if REFERENCE.search(text):
            raise PathError(Code.PATH_REFUSED, "references to the environment are not replaced inside a path")
        unquoted = _without_quoted(text)
        if "`" in unquoted:
            raise PathError(
                Code.PATH_REFUSED, "operators in backquotes are not supported in a path", unquoted.index("`")
            )
        if "=~" in unquoted:
            raise PathError(
                Code.PATH_REFUSED,
                "'=~' runs backtracking regular expressions; write matches(path, 'expression') outside the path",
                unquoted.index("=~"),
            )

    def _check(self, path: Path) -> None:
        segments = list(path.segments)
        for segment in path.segments:
            if isinstance(segment, Where):
                for inner in paths(segment.condition):
                    if inner.root is not Root.ELEMENT and not inner.is_singular:
                        raise PathError(
                            Code.PATH_REFUSED, "in a filter, a path that begins with '$' must name one value"
                        )
                    segments.extend(inner.segments)
        if len(segments) > self._limits.path_segments:
            raise PathError(Code.LIMIT, f"the path has more than {self._limits.path_segments} steps")
        if sum(isinstance(segment, Descend) for segment in segments) > 1:
            raise PathError(Code.PATH_REFUSED, "'..' may stand only once in a path: two can take quadratic time")
        for segment in segments:
            if isinstance(segment, Keys) and len(set(segment.names)) < len(segment.names):
                raise PathError(Code.PATH_REFUSED, "a name is listed twice in brackets")
        if path.root is Root.METADATA:
            first = path.segments[0] if path.segments else None
            if not isinstance(first, Key) or first.name not in self._metadata:
                name = first.name if isinstance(first, Key) else path.text[1:]
                known = f"; there are {', '.join('@' + field for field in self._metadata)}"
                raise PathError(
                    Code.METADATA, f"a message has no metadata '{name}'{nearest(name, self._metadata) or known}"
                )


def _without_quoted(text: str) -> str:
    """The text with everything inside quotes blanked, so that offsets stay."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", lambda found: " " * len(found[0]), text)


def _syntax_error(message: str, query: str, shift: int) -> PathError:
    """jsonpath-ng's error with its position, in words of ours."""
    position = _POSITION.search(message)
    offset = min(int(position[1] or position[2]), len(query)) if position else len(query)
    token = re.search(r"near token (\S+)", message)
    if token and token[1] in ("where", "wherenot"):
        reason = f"'{token[1]}' is a reserved word of JSONPath; write ['{token[1]}']"
    elif token:
        reason = f"unexpected '{token[1]}'{_in_brackets(query, offset)}"
    elif "Unexpected character" in message:
        reason = f"unexpected character {query[offset : offset + 1]!r}; quote unusual names: detail['name']"
    elif "operator requires" in message:
        reason = message
    else:
        reason = "it ends too early"
    return PathError(Code.PATH, f"not a valid path: {reason}", offset + shift)


def _in_brackets(query: str, offset: int) -> str:
    """What to write instead in the brackets that the place is in, or closes; empty when that is not to be seen."""
    opened = query.rfind("[", 0, offset)
    content = query[opened + 1 :].partition("]")[0]
    if opened < 0 or offset > opened + 1 + len(content):
        return ""
    if not content.strip():
        return "; write [*] for every element, [0] for the first"
    return f"; write ['{content}']" if re.fullmatch(r"[A-Za-z_][^'\"\[(,]*", content) else ""


def _deprecated(message: str) -> PathError:
    """What jsonpath-ng still takes but will not for long, in words of ours."""
    word = re.search(r"Write `(.+)` instead", message)
    if "unquoted word" in message and word:
        return PathError(Code.PATH_REFUSED, f"text in a filter must be quoted: write {word[1]}")
    operator = re.search(r"`([|&])`", message)
    reason = f"the operator '{operator[1]}' is not supported in a path" if operator else message
    if "`&&`" in message:
        reason = "in a filter, '&' is written '&&'"
    return PathError(Code.PATH_REFUSED, reason)


class _Lowering:
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
