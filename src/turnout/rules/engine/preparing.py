"""Prepares conditions for the fast way, which takes for granted that an event has the shape the rules expect.

So `Some(detail; @.a and @.b)` becomes `detail.a and detail.b`. What has no short form becomes `Opaque`: closures
(condition/compile.py), applied to the one member of the event that the condition looks at, or to the event decoded in
full. Nothing here decodes, evaluates or generates code.
"""

from __future__ import annotations

from turnout.rules.condition import ast, interpret
from turnout.rules.condition.ast import Constant, Key, Path, Root, Term
from turnout.rules.engine.prepared import (
    Compares,
    Either,
    Fits,
    Inverse,
    Lone,
    Missing,
    Opaque,
    Prepared,
    There,
    Within,
    all_of,
)
from turnout.rules.engine.rebasing import Joints, cut, element_terms, rebased
from turnout.rules.engine.terms import Reading, Values, in_filters, is_passed, read

__all__ = ["Preparer"]


class Preparer:
    """Prepares the conditions of one ruleset. Recursion is as deep as conditions nest, which the parsers bound."""

    def __init__(self) -> None:
        self._readings: dict[Term, Reading | None] = {}
        # Those of patterns come as the same object again, and comparing them costs more than anything else here.
        self._by_identity: dict[int, tuple[Reading | None, Term]] = {}
        self._joints = Joints()
        self._bases: dict[tuple[str, ...], Reading] = {}

    def reading(self, term: Term) -> Reading | None:
        """How the term is read; None when only the whole event will do."""
        known = self._by_identity.get(id(term))
        if known is None:
            try:
                found = self._readings[term]
            except KeyError:
                found = self._readings[term] = read(term)
            if term.at is not None:
                return found  # written in one place of one rule
            known = self._by_identity[id(term)] = found, term  # the term stays alive, and so its identity its own
        return known[0]

    def prepare(self, condition: ast.Condition) -> Prepared:
        """The condition for the fast way."""
        match condition:
            case Constant():
                return condition
            case ast.And(items=items):
                return all_of(map(self.prepare, items)) or Constant(True)
            case ast.Or(items=items):
                return Either(tuple(map(self.prepare, items)))
            case ast.Not(item=item):
                return Inverse(self.prepare(item))
            case ast.Some():
                flat = _flat(condition, self._joints)
                return self._opaque(condition) if flat is None else self._flattened(condition, flat)
        return self._simple(condition) or self._opaque(condition)

    def _flattened(self, some: ast.Some, flat: ast.Condition) -> Prepared:
        """What `flat` says of a single object, and `some` of the elements of an array.

        What one element satisfies, all of them together do, unless it says that something is not so.
        """
        base = self.reading(some.path)
        if base is None or not base.opened or isinstance(some.condition, ast.Test):
            return self.prepare(flat)
        items = flat.items if isinstance(flat, ast.And) else (flat,)
        together = [self.prepare(item) for item in items if _joins(item)]
        others = [self.prepare(item) for item in items if not _joins(item)]
        single = all_of([*others, Lone(base)])
        assert single is not None  # noqa: S101  # there is one item at least
        whole = Opaque(some, None, missing=False)
        array: Prepared = whole
        tests = tuple(each for each in together if isinstance(each, Fits))
        # `There` of the base, which comes first, says nothing of its members.
        members = [each for each in together if each != There(base)]
        if not others and len(tests) == len(members) and all(_is_member(each.reading, base) for each in tests):
            array = Within(base, tests, whole)
        prepared = all_of([*together, Either((single, array))])
        assert prepared is not None  # noqa: S101
        return prepared

    def _simple(self, condition: ast.Condition) -> Prepared | None:
        match condition:
            case ast.Test(term=term, predicate=predicate):
                reading = self.reading(term)
                return Fits(reading, predicate) if reading else None
            case ast.Present(path=path):
                reading = self.reading(path)
                return There(reading) if reading and reading.values is not Values.MANY else None
            case ast.Absent(term=term):
                reading = self._one(term)
                return Missing(reading) if reading else None
            case ast.Compare(left=left, order=order, right=right):
                sides = self._one(left), self._one(right)
                return Compares(sides[0], order, sides[1]) if sides[0] and sides[1] else None
        return None

    def _one(self, term: Term) -> Reading | None:
        reading = self.reading(term)
        return reading if reading and reading.values is Values.ONE else None

    def _opaque(self, condition: ast.Condition) -> Opaque:
        names = _common_base(condition)
        held = self._held(condition)
        if not names:
            return Opaque(condition, None, False, held)
        base = self._bases.get(names)
        if base is None:
            path = Path(Root.EVENT, tuple(map(Key, names)))
            base = self._bases[names] = Reading(path, Root.EVENT, names, values=Values.MANY)
        missing = interpret.holds(condition, interpret.Scope({}))
        return Opaque(cut(condition, len(names)), base, missing, held)

    def _held(self, condition: ast.Condition, element: Path | None = None) -> tuple[Prepared, ...]:
        """Of what must hold of one element, or of all of them, each test holds of any. `element` is where `@` is."""
        match condition:
            case ast.Some(path=path, condition=inner) | ast.Every(path=path, condition=inner):
                if path.root is Root.ELEMENT:
                    return self._held(inner, self._joints.join(element, path)) if element else ()
                return self._held(inner, path)
            case ast.And(items=items):
                return tuple(found for item in items for found in self._held(item, element))
            case ast.Or(items=items):
                each = [found for item in items if (found := all_of(self._held(item, element)))]
                return (Either(tuple(each)),) if len(each) == len(items) else ()
            case ast.Test(term=term) if element and ast.plain_path(term).root is Root.ELEMENT:
                fits = self._simple(rebased(condition, element, self._joints))
                return (fits,) if isinstance(fits, Fits) else ()
        return ()


def _common_base(condition: ast.Condition) -> tuple[str, ...]:
    """The member that every path of the condition begins with, and that none stops short of; empty if there is none."""
    bases: set[tuple[str, ...]] = set()
    for node in ast.walk(condition):
        for term in ast.terms(node):
            path = ast.plain_path(term)
            if path.root is Root.METADATA or any(i.root is not Root.ELEMENT for i in in_filters(path.segments)):
                return ()
            if path.root is Root.EVENT:
                bases.add(_leading_names(path))
    return bases.pop() if len(bases) == 1 else ()


def _leading_names(path: Path) -> tuple[str, ...]:
    names = []
    for segment in path.segments:
        if not isinstance(segment, Key):
            break
        names.append(segment.name)
    return tuple(names)


def _flat(some: ast.Some, joints: Joints) -> ast.Condition | None:
    """What `Some` comes to over a single object, or for a single test: the paths joined. None when it is not that."""
    base, condition = some.path, some.condition
    if base.root is not Root.EVENT:
        return None
    inner = [path for term in element_terms(condition) if (path := ast.plain_path(term)).root is Root.ELEMENT]
    if isinstance(condition, ast.Test) and inner:
        return rebased(condition, base, joints)
    passed = all(isinstance(segment, Key) or is_passed(segment) for segment in base.segments)
    if not passed or not all(path.segments and isinstance(path.segments[0], Key) for path in inner):
        return None
    joined = rebased(condition, base, joints)
    if _needs_element(condition) or not any(isinstance(segment, Key) for segment in base.segments):
        return joined
    return ast.And((ast.Present(base), *(joined.items if isinstance(joined, ast.And) else (joined,))))


def _is_member(reading: Reading, base: Reading) -> bool:
    return reading.values is Values.SPREAD and reading.names[:-1] == base.names and base.opened <= reading.opened


def _joins(condition: ast.Condition) -> bool:
    """Whether the condition, moved to the paths through all elements, holds whenever it holds for one of them."""
    match condition:
        case ast.Test() | ast.Present() | ast.Constant():
            return True
        case ast.Some(condition=inner):
            return _joins(inner)
        case ast.And(items=items) | ast.Or(items=items):
            return all(map(_joins, items))
        case _:
            return False


def _needs_element(condition: ast.Condition) -> bool:
    """Whether the condition is certainly false for an element without members."""
    match condition:
        case ast.Test() | ast.Present() | ast.Some() | ast.Every():
            return ast.plain_path(ast.terms(condition)[0]).root is Root.ELEMENT
        case ast.Compare(left=left, right=right):
            return Root.ELEMENT in (ast.plain_path(left).root, ast.plain_path(right).root)
        case ast.And(items=items):
            return any(map(_needs_element, items))
        case ast.Or(items=items):
            return all(map(_needs_element, items))
        case _:
            return False
