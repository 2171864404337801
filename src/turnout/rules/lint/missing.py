"""Finds `not` and `!=` over paths that may be missing, where the rule does not say what it makes of that.

`not (x == 'a')` is true when there is no `x`; `x != 'a'` is then false. Both may be meant, and both surprise. A rule
that anywhere asks `exists(x)` or compares `x` with null has made up its mind; so has one that demands a value of `x`
beside the `not`. Event patterns are left alone: there `anything-but` and `exists` are AWS's own words for it.

`list[*].x == null` is about all elements together: false as soon as one of them has an `x`.
"""

from __future__ import annotations

from dataclasses import replace

from turnout.rules.condition.ast import (
    Absent,
    And,
    Children,
    Compare,
    Condition,
    Every,
    Except,
    Items,
    Key,
    Kind,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Present,
    Root,
    Slice,
    Some,
    Spread,
    Term,
    Test,
    Where,
    plain_path,
    terms,
    walk,
)
from turnout.rules.condition.render import render_path
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Rule
from turnout.rules.problems import Code

__all__ = ["warn_of_missing", "warn_of_null_of_several"]

_SEVERAL = Children | Items | Slice | Where
_ALWAYS_THERE = ("receive_count", "queue", "message_id", "sent_timestamp")


def warn_of_missing(rule: Rule, findings: Findings) -> None:
    """One warning per path, at the first `not` or `!=` that is silent about its being missing."""
    if not rule.source.startswith("{"):
        _Search(rule, findings).look(rule.condition, frozenset())


def warn_of_null_of_several(rule: Rule, findings: Findings) -> None:
    """A warning per `== null` over a member of several elements, which asks for neither one of them nor each."""
    for condition in walk(rule.condition):
        path = condition.term if isinstance(condition, Absent) else None
        if not isinstance(path, Path):
            continue
        last = max((at for at, step in enumerate(path.segments) if isinstance(step, _SEVERAL)), default=None)
        if last is None or not isinstance(path.segments[-1], Key):
            continue
        elements = path.segments[: last if isinstance(path.segments[last], Children) else last + 1]
        member = render_path(Path(Root.ELEMENT, path.segments[last + 1 :]))
        findings.condition(
            Code.NULL_OF_SEVERAL,
            f"this is false as soon as one of them has a value; write any({render_path(Path(path.root, elements))}, "
            f"{member} == null) if one is to be without, not exists({render_path(path)}) if all are",
            rule,
            condition,
        )


class _Search:
    def __init__(self, rule: Rule, findings: Findings) -> None:
        self._rule = rule
        self._findings = findings
        self._settled = {path for node in walk(rule.condition) for path in _decided(node)}

    def look(self, condition: Condition, demanded: frozenset[Path]) -> None:
        """Look at a condition beside which values of the `demanded` paths are asked for."""
        match condition:
            case And(items=items):
                demanded |= {path for item in items for path in _demands(item)}
                for item in items:
                    self.look(item, demanded)
            case Or(items=items):
                for item in items:
                    self.look(item, demanded)
            case Some(path=path, condition=inner) | Every(path=path, condition=inner):
                # Inside, '@' is something else than outside.
                self.look(inner, frozenset(known for known in demanded if known.root is not Root.ELEMENT))
            case Not(item=item):
                for path in _seen(item):
                    name = render_path(path)
                    self._warn(
                        path,
                        demanded,
                        condition,
                        f"this is also true when {name} is missing; add 'and exists({name})' if it is not meant to be",
                    )
            case Test(term=term, predicate=Except(predicate=OneOf(items=literals))):
                # `x != null` is a question for existence itself.
                if any(item.kind is not Kind.NULL for item in literals):
                    self._unequal(_whole(term), demanded, condition)
            case Compare(left=left, order=Order.NE, right=right):
                for term in (left, right):
                    self._unequal(_whole(term), demanded, condition)

    def _unequal(self, path: Path, demanded: frozenset[Path], condition: Condition) -> None:
        name = render_path(path)
        text = self._findings.text(self._rule, condition)
        equal = text.replace("!=", "==", 1) if "!=" in text else text.replace("not in", "in", 1)
        self._warn(
            path,
            demanded,
            condition,
            f"this is false when {name} is missing; write 'not ({equal})' if that is to match, "
            f"else say so: 'exists({name}) and ...'",
        )

    def _warn(self, path: Path, demanded: frozenset[Path], part: Condition, message: str) -> None:
        if path in self._settled or path in demanded or _is_always_there(path):
            return
        self._settled.add(path)
        self._findings.condition(Code.MISSING_IS_FALSE, message, self._rule, part)


def _decided(node: Condition) -> tuple[Path, ...]:
    """The paths whose absence the node speaks of."""
    match node:
        case Present(path=path):
            return (_whole(path),)
        case Absent(term=term):
            return (_whole(term),)
        case Test(term=term, predicate=Except(predicate=OneOf(items=items))) if any(
            item.kind is Kind.NULL for item in items
        ):
            return (_whole(term),)
    return ()


def _demands(condition: Condition) -> tuple[Path, ...]:
    """The paths that the condition plainly asks a value of; `!=` is what is being looked into."""
    match condition:
        case Test(predicate=Except()) | Compare(order=Order.NE):
            return ()
        case Test() | Compare() | Present() | Some() | Every():
            return tuple(map(_whole, terms(condition)))
        case And(items=items):
            return tuple(path for item in items for path in _demands(item))
    return ()


def _seen(condition: Condition) -> list[Path]:
    """The paths that a negated condition looks at, in order, without those inside any(...) and all(...)."""
    if isinstance(condition, And | Or):
        return [path for item in condition.items for path in _seen(item)]
    if isinstance(condition, Not):
        return []  # twice negated: demanded again
    return [_whole(term) for term in terms(condition)]


def _whole(term: Term) -> Path:
    """The path inside a term; for the elements of an array, the array's."""
    path = plain_path(term)
    return replace(path, segments=path.segments[:-1]) if path.segments[-1:] == (Spread(),) else path


def _is_always_there(path: Path) -> bool:
    first = path.segments[0] if path.segments else None
    if path.root is Root.METADATA:
        return isinstance(first, Key) and first.name in _ALWAYS_THERE
    return path.root is Root.ELEMENT and first is None
