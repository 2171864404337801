"""Conditions back to text: the `when` expression that says what a tree says. Parsing it again gives the same tree.

Conditions that came from an event pattern can hold what no expression says (`Spread(deep=True)`, `fold`, ...); those
parts are rendered readably, not parsably.
"""

from __future__ import annotations

import json
import re

from turnout.rules.condition.ast import (
    Absent,
    And,
    Bound,
    Children,
    Compare,
    Condition,
    Constant,
    Contains,
    Descend,
    EqualsFold,
    Every,
    Except,
    InNetwork,
    Item,
    Items,
    Key,
    Keys,
    Kind,
    Length,
    Literal,
    Lower,
    Matches,
    Not,
    OneOf,
    Or,
    Path,
    Predicate,
    Prefix,
    Present,
    Range,
    Root,
    Scalars,
    Segment,
    Slice,
    Some,
    Spread,
    Suffix,
    Term,
    Test,
    Where,
    Wildcard,
    literal,
)
from turnout.rules.environment import REFERENCE

__all__ = ["render", "render_literal", "render_path", "render_term"]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*")
_RESERVED = frozenset({"and", "or", "not", "in", "true", "false", "null", "where", "wherenot"})


def render(condition: Condition) -> str:
    """The condition as an expression."""
    match condition:
        case Constant(value=value):
            return "1 == 1" if value else "1 == 2"
        case Test(term=term, predicate=predicate):
            return _test(term, predicate)
        case Compare(left=left, order=order, right=right):
            if isinstance(right, Path) and right.segments[-1:] == (Spread(),):
                return f"{render_term(left)} in {render_term(right)}"
            return f"{render_term(left)} {order.value} {render_term(right)}"
        case Present(path=path):
            return f"exists({render_path(path)})"
        case Absent(term=term):
            return f"{render_term(term)} == null"
        case Some(path=path, condition=inner):
            return f"any({render_path(path)}, {render(inner)})"
        case Every(path=path, condition=inner):
            return f"all({render_path(path)}, {render(inner)})"
        case Not(item=item):
            return f"not {_inside(item, And, Or)}"
        case And(items=items):
            return " and ".join(_inside(item, Or) for item in items)
        case Or(items=items):
            return " or ".join(_inside(item) for item in items)


def _inside(condition: Condition, *looser: type[And | Or]) -> str:
    """The condition as part of a larger one, in parentheses when it binds looser."""
    return f"({render(condition)})" if isinstance(condition, looser) else render(condition)


def _test(term: Term, predicate: Predicate) -> str:
    text = render_term(term)
    match predicate:
        case OneOf(items=(item,)):
            if isinstance(term, Path) and term.segments[-1:] == (Spread(),):
                return f"{render_literal(item)} in {text}"
            return f"{text} == {render_literal(item)}"
        case OneOf(items=items):
            return f"{text} in {_list(items)}"
        case Except(predicate=OneOf(items=(item,))):
            return f"{text} != {render_literal(item)}"
        case Except(predicate=OneOf(items=items)):
            return f"{text} not in {_list(items)}"
        case Except(predicate=inner):
            return f"any({text}, not ({_test(Path(Root.ELEMENT, (), '@'), inner)}))"
        case Range(low=Bound() as low, high=Bound() as high):
            return f"{_bound(low)} {_less(low)} {text} {_less(high)} {_bound(high)}"
        case Range(low=Bound() as low):
            return f"{text} {_less(low).replace('<', '>')} {_bound(low)}"
        case Range(high=Bound() as high):
            return f"{text} {_less(high)} {_bound(high)}"
        case Range():
            return f"exists({text})"
        case Contains(item=item):
            return f"contains({text}, {render_literal(item)})"
        case Prefix(text=prefix, fold=fold):
            return f"starts_with({_folded(text, fold)}, {_string(prefix)})"
        case Suffix(text=suffix, fold=fold):
            return f"ends_with({_folded(text, fold)}, {_string(suffix)})"
        case EqualsFold(text=wanted):
            return f"lower({text}) == {_string(wanted)}"
        case Wildcard(pattern=pattern):
            return f"wildcard({text}, {_string(pattern)})"
        case Matches(pattern=pattern):
            return f"matches({text}, {_string(pattern)})"
        case InNetwork(network=network):
            return f"cidr({text}, {_string(network)})"


def _folded(text: str, fold: bool) -> str:
    return f"lower({text})" if fold else text


def _less(bound: Bound) -> str:
    return "<=" if bound.inclusive else "<"


def _bound(bound: Bound) -> str:
    return render_literal(literal(bound.value))


def _list(items: tuple[Literal, ...]) -> str:
    return f"[{', '.join(render_literal(item) for item in items)}]"


def _string(text: str) -> str:
    return render_literal(literal(text))


def render_literal(item: Literal) -> str:
    """A literal as an expression writes it."""
    if item.kind is Kind.STRING:
        # `$${NAME}` is how a `${NAME}` that is no reference to the environment is written.
        value = REFERENCE.sub(lambda found: f"${found[0]}", str(item.value))
        body = json.dumps(value)[1:-1].replace('\\"', '"').replace("'", "\\'")
        # JSON's \b and \f are not escapes of the expression language.
        body = re.sub(r"(?<!\\)((?:\\\\)*)\\([bf])", lambda m: m[1] + ("\\u0008" if m[2] == "b" else "\\u000c"), body)
        return f"'{body}'"
    return json.dumps(item.value)


def render_term(term: Term) -> str:
    """A term as an expression writes it."""
    match term:
        case Lower(term=inner):
            return f"lower({render_term(inner)})"
        case Length(term=inner):
            return f"len({render_term(inner)})"
        case Path():
            return render_path(term)


def render_path(path: Path) -> str:
    """A path: as its author wrote it when that is known, else in plain JSONPath."""
    if path.text:
        return path.text
    if path.root is Root.METADATA:
        first, *rest = path.segments
        return f"@{first.name if isinstance(first, Key) else ''}{''.join(map(_segment, rest))}"
    text = "".join(map(_segment, path.segments)).replace("...", "..")
    if path.root is Root.ELEMENT:
        return f"@{text}"
    first_key = path.segments[0] if path.segments else None
    plain = isinstance(first_key, Key) and text.startswith(".") and first_key.name not in _RESERVED
    return text[1:] if plain else f"${text}"


def _segment(segment: Segment) -> str:
    match segment:
        case Key(name=name):
            return f".{name}" if _PLAIN.fullmatch(name) and name not in _RESERVED else f"[{_name(name)}]"
        case Keys(names=names):
            return f"[{', '.join(map(_name, names))}]"
        case Item(index=index):
            return f"[{index}]"
        case Items(indices=indices):
            return f"[{', '.join(map(str, indices))}]"
        case Children():
            return "[*]"
        case Slice(start=start, stop=stop, step=step):
            parts = ["" if part is None else str(part) for part in (start, stop)]
            return f"[{':'.join(parts if step is None else [*parts, str(step)])}]"
        case Descend():
            return ".."
        case Where(condition=condition):
            return f"[?({render(condition)})]"
        case Spread() | Scalars():
            return ""


def _name(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
