"""Generated events, paths and conditions. Names and values are few, so that paths and tests often hit."""

from __future__ import annotations

from hypothesis import strategies as st

from turnout.rules.condition.ast import (
    Absent,
    And,
    Bound,
    Compare,
    Condition,
    Contains,
    Every,
    Except,
    InNetwork,
    Kind,
    Length,
    Literal,
    Lower,
    Matches,
    Not,
    OneOf,
    Or,
    Order,
    Path,
    Predicate,
    Prefix,
    Present,
    Range,
    Root,
    Some,
    Spread,
    Suffix,
    Term,
    Test,
    Wildcard,
    literal,
)
from turnout.rules.expression.paths import PathReader

READER = PathReader()

NAMES = ("a", "b", "c", "detail", "detail-type", "x y", "in", "0", "it's")
TEXTS = (
    "",
    "a",
    "ab",
    "abab",
    "A",
    "5",
    "voice",
    "10.1.2.3",
    "2001:db8::1",
    "é",
    "\ud800",
    "😀",
    "a\nb",
    "${A}",
    "'\"\\",
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, 1e308, float("inf"), 10**30, 2**53, 2**53 + 1]),
    st.sampled_from(TEXTS),
    st.text(max_size=4),
)

values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    ),
    max_leaves=20,
)

events = st.dictionaries(st.sampled_from(NAMES), values, max_size=5)

_ROOTS = {Root.EVENT: "$", Root.ELEMENT: "@"}


def _quoted(name: str) -> str:
    escaped = name.replace("'", "\\'")
    return f"['{escaped}']"


_singular_steps = st.one_of(
    st.sampled_from(NAMES).map(_quoted),
    st.sampled_from([".a", ".b", ".detail-type", "[0]", "[-1]", "[2]"]),
)
_steps = st.one_of(
    _singular_steps,
    st.sampled_from(
        ["[*]", ".*", "[0:2]", "[::-1]", "[0,-1]", "['a','b']", "[?(@.a == 'a')]", "[?(@.b > 1)]", "[?(@ != null)]"]
    ),
)


@st.composite
def paths(draw: st.DrawFn, *, root: Root = Root.EVENT, singular: bool = False) -> Path:
    """A path in its text's form, as the parser would read it."""
    steps = draw(st.lists(_singular_steps if singular else _steps, max_size=3))
    if root is Root.EVENT and not singular and draw(st.integers(0, 9)) == 0:
        steps.insert(draw(st.integers(0, len(steps))), "..*")
    return READER.read(_ROOTS[root] + "".join(steps))


metadata_paths = st.sampled_from(["@attributes.a", "@receive_count", "@queue", "@attributes[*]"]).map(READER.read)

numbers = st.one_of(st.integers(-5, 2**60), st.floats(allow_nan=False, allow_infinity=False))
strings = st.one_of(st.sampled_from(TEXTS), st.text(max_size=5))
literals = st.one_of(scalars.filter(lambda value: value != float("inf")), numbers, strings).map(literal)
non_null = literals.filter(lambda item: item.kind is not Kind.NULL)


@st.composite
def _ranges(draw: st.DrawFn) -> Range:
    kind = draw(st.sampled_from([numbers, strings]))
    bounds = st.builds(Bound, kind, st.booleans())
    low, high = draw(st.tuples(st.none() | bounds, st.none() | bounds).filter(any))
    return Range(low, high)


def _distinct(items: list[Literal]) -> tuple[Literal, ...]:
    return tuple(dict.fromkeys(items))


predicates: st.SearchStrategy[Predicate] = st.one_of(
    st.lists(non_null, min_size=1, max_size=4).map(lambda items: OneOf(_distinct(items))),
    st.lists(literals, min_size=1, max_size=4).map(lambda items: Except(OneOf(_distinct(items)))),
    _ranges(),
    literals.map(Contains),
    strings.map(Prefix),
    strings.map(Suffix),
    st.sampled_from(["", "*", "a*", "*b", "a*b", r"\*", "*a*b*"]).map(Wildcard),
    st.sampled_from(["", "a", "^a+$", "(a|b)*", "é", r"\d", r"[\x{10000}-\x{10ffff}]"]).map(Matches),
    st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"]).map(InNetwork),
)


@st.composite
def _terms(draw: st.DrawFn, root: Root, *, inside: bool) -> Term:
    path: Path = draw(
        st.one_of(
            paths(root=root),
            paths(root=Root.EVENT, singular=inside),
            metadata_paths.filter(lambda found: not inside or found.is_singular),
        )
    )
    choices: list[Term] = [path, path, Lower(path), Length(path), Lower(Lower(path))]
    return draw(st.sampled_from(choices))


@st.composite
def _plain(draw: st.DrawFn, root: Root) -> Condition:
    inside = root is Root.ELEMENT
    term = _terms(root, inside=inside)
    kind = draw(st.integers(0, 6))
    if kind <= 2:
        return Test(draw(term), draw(predicates))
    if kind == 3:
        return Compare(draw(term), draw(st.sampled_from(Order)), draw(term))
    if kind == 4:
        return Absent(draw(term))
    if kind == 5:
        path = draw(paths(root=root))
        inner = Path(path.root, (*path.segments, Spread()), path.text)
        return Test(inner, OneOf((draw(literals),)))
    return Present(draw(paths(root=root)))


def _join(kind: type[And | Or], items: list[Condition]) -> Condition:
    flat = [part for item in items for part in (item.items if isinstance(item, kind) else (item,))]
    return kind(tuple(flat))


@st.composite
def conditions(draw: st.DrawFn, root: Root = Root.EVENT, depth: int = 3) -> Condition:
    """A condition that an expression can say, in the form in which the parser builds it."""
    choice = draw(st.integers(0, 9)) if depth else 0
    if choice <= 4:
        return draw(_plain(root))
    if choice == 5:
        return Not(draw(conditions(root, depth - 1)))
    if choice <= 7:
        items = draw(st.lists(conditions(root, depth - 1), min_size=2, max_size=3))
        return _join(And if choice == 6 else Or, items)
    over = draw(paths(root=root).filter(lambda path: ".." not in path.text))
    if over.is_singular:
        over = Path(over.root, (*over.segments, Spread()), over.text)
    inner = draw(conditions(Root.ELEMENT, depth - 1))
    return Some(over, inner) if choice == 8 else Every(over, inner)
