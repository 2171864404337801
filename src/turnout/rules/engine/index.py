"""The tables that rules are filed in, by what they ask of one term: equality, affixes, ranges of numbers.

A table leads from a value to buckets. It does so twice: `emit` writes the lookup into the function that the fast way
runs, `find` does the same for one value of an event that goes the slow way. A bucket holds the rules that are found
for certain, and what remains to be verified for others (checks.py). What is filed where is filing.py's choice.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

from turnout.rules.condition.ast import Bound, Literal, Range
from turnout.rules.condition.folding import fold
from turnout.rules.engine.checks import Remainder, Step, left_of
from turnout.rules.engine.filing import KeyValue, bounds
from turnout.rules.engine.packing import near, packed
from turnout.rules.engine.source import Function

__all__ = ["Affixes", "Bucket", "Equals", "Item", "Make", "Ranges", "Table"]

Bucket: TypeAlias = "int | Step"
"""What is found for certain, or else a step to take."""
Item: TypeAlias = tuple[tuple[int, ...], Remainder | None]
"""Rules filed in a bucket, and what remains of their condition."""
Make: TypeAlias = Callable[[Sequence[Item]], Bucket]
"""Makes a bucket."""

_FLAT_ITEMS = 10_000
"""Rules that may be listed, counted per stretch, before ranges become a tree."""


class Table(Protocol):
    """Leads from a value to buckets."""

    def emit(self, function: Function, depth: int, value: str, *, once: bool = False) -> None:
        """Write the lookup of the variable `value`. With `once` it is one of many, and `done` has the steps taken."""

    def find(self, value: object) -> Iterable[Bucket]:
        """The buckets for a value."""


class Equals:
    """Values equal to a literal; or texts equal but for case."""

    def __init__(self, items: Mapping[KeyValue, Sequence[Item]], make: Make, *, folds: bool) -> None:
        """`items` are filed under texts, folded if `folds`, and under literals that are no texts."""
        self._folds = folds
        self._bools: dict[bool, Bucket] = {}
        others: dict[object, Bucket] = {}
        for key, filed in items.items():
            value = key.value if isinstance(key, Literal) else key
            if isinstance(value, bool):
                self._bools[value] = make(filed)
            else:
                others[value] = make(filed)
        self._others = packed(others)

    def emit(self, function: Function, depth: int, value: str, *, once: bool = False) -> None:
        """As in `Table`."""
        get = function.constant(self._others.get)
        if self._folds:
            function.line(depth, f"k = {get}(fold({value})) if {value}.__class__ is str else None")
        elif once and not self._bools and all(isinstance(key, str) for key in self._others):
            # Of many values many may be objects, and an error for each would cost more than all the rest.
            function.line(depth, f"k = {get}({value}) if {value}.__class__ is str else None")
        else:
            found = f"{get}({value})"
            if self._bools or 0 in self._others or 1 in self._others:
                # Python takes True for 1, as a key too.
                found += f" if {value}.__class__ is not bool else {function.constant(self._bools.get)}({value})"
            # An array equals nothing, and cannot be looked up; to try costs nothing where there is none.
            function.line(depth, "try:")
            function.line(depth + 1, f"k = {found}")
            function.line(depth, "except TypeError:")
            function.line(depth + 1, "k = None")
        _emit_hit(function, depth, [*self._others.values(), *self._bools.values()], once)

    def find(self, value: object) -> Iterable[Bucket]:
        """As in `Table`."""
        if isinstance(value, dict | list):
            return ()
        if isinstance(value, bool):
            bucket = self._bools.get(value)
        elif self._folds:
            bucket = self._others.get(fold(value)) if isinstance(value, str) else None
        else:
            bucket = self._others.get(value)
        return () if bucket is None else (bucket,)


class Affixes:
    """Texts that begin (or, with `at_end`, end) with a text: one hash table per length."""

    def __init__(self, items: Mapping[KeyValue, Sequence[Item]], make: Make, *, at_end: bool, folds: bool) -> None:
        """`items` are filed under texts of at least one character, folded if `folds`."""
        self._at_end = at_end
        self._folds = folds
        by_length: dict[int, dict[object, Bucket]] = {}
        for text, filed in items.items():
            assert isinstance(text, str)  # noqa: S101  # affixes are filed under texts
            by_length.setdefault(len(text), {})[text] = make(filed)
        self._by_length = {length: packed(buckets) for length, buckets in by_length.items()}

    def emit(self, function: Function, depth: int, value: str, *, once: bool = False) -> None:
        """As in `Table`."""
        function.line(depth, f"if {value}.__class__ is str:")
        if self._folds:
            function.line(depth + 1, f"w = fold({value})")
            value = "w"
        for length, buckets in sorted(self._by_length.items()):
            get = function.constant(buckets.get)
            cut = f"{value}[-{length}:]" if self._at_end else f"{value}[:{length}]"
            function.line(depth + 1, f"k = {get}({cut})")
            _emit_hit(function, depth + 1, buckets.values(), once)

    def find(self, value: object) -> Iterable[Bucket]:
        """As in `Table`."""
        if not isinstance(value, str):
            return
        text = fold(value) if self._folds else value
        for length, buckets in self._by_length.items():
            bucket = buckets.get(text[-length:] if self._at_end else text[:length])
            if bucket is not None:
                yield bucket


class Ranges:
    """Numbers in ranges.

    The bounds cut the line of numbers into stretches: position 2i is the open stretch before bound i, 2i + 1 is the
    bound itself. While that is little, each position lists its rules; otherwise the positions are leaves of a binary
    tree, every range is filed in the few nodes that make it up, and a lookup walks from the leaf to the root.
    """

    def __init__(self, items: Mapping[KeyValue, Sequence[Item]], make: Make) -> None:
        self._bounds = near(bounds(items))
        # What is compared with where bisection ends, which may be one further than the last bound.
        self._ends = [*self._bounds, None]
        stretches = {key: self._stretch(key) for key in items if isinstance(key, Range)}
        count = 2 * len(self._bounds) + 1
        listed = sum((last - first + 1) * len(items[key]) for key, (first, last) in stretches.items() if first <= last)
        self._size = 0 if listed <= _FLAT_ITEMS + 4 * len(items) else 1 << count.bit_length()
        nodes: dict[int, list[Item]] = {}
        for key, (first, last) in stretches.items():
            if key.high is None and self._size:
                # Leaves that no number leads to; with them, a range without end is fewer nodes.
                last = self._size - 1
            for node in _cover(first, last, self._size):
                nodes.setdefault(node, []).extend(items[key])
        self._nodes: list[Bucket | None] = [None] * (2 * self._size or count)
        made: Bucket | None = None
        before: list[Item] = []
        for node, filed in sorted(nodes.items()):
            # Neighbours often hold the same rules: the two bounds of a range, and what is between them.
            if filed != before:
                made, before = make(filed), filed
            self._nodes[node] = made

    def _stretch(self, key: Range) -> tuple[int, int]:
        """The first and the last position in the range."""
        first, last = 0, 2 * len(self._bounds)
        if key.low is not None:
            first = 2 * self._index(key.low) + (1 if key.low.inclusive else 2)
        if key.high is not None:
            last = 2 * self._index(key.high) + (1 if key.high.inclusive else 0)
        return first, last

    def _index(self, bound: Bound) -> int:
        return bisect_left(self._bounds, bound.value)

    def emit(self, function: Function, depth: int, value: str, *, once: bool = False) -> None:
        """As in `Table`."""
        bounds = function.constant(self._bounds)
        ends, nodes = function.constant(self._ends), function.constant(self._nodes)
        function.line(depth, f"if {value}.__class__ is int or {value}.__class__ is float:")
        function.line(depth + 1, f"i = {function.constant(bisect_left)}({bounds}, {value})")
        function.line(depth + 1, f"i += i + ({ends}[i] == {value})")
        if self._size:
            function.line(depth + 1, f"i += {function.constant(self._size)}")
            function.line(depth + 1, "while i:")
            function.line(depth + 2, f"k = {nodes}[i]")
            _emit_hit(function, depth + 2, self._nodes, once)
            function.line(depth + 2, "i >>= 1")
        else:
            function.line(depth + 1, f"k = {nodes}[i]")
            _emit_hit(function, depth + 1, self._nodes, once)

    def find(self, value: object) -> Iterable[Bucket]:
        """As in `Table`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        index = bisect_left(self._bounds, value)
        node = 2 * index + (self._ends[index] == value) + self._size
        while True:
            bucket = self._nodes[node]
            if bucket is not None:
                yield bucket
            node >>= 1
            if not self._size or not node:
                return


def _cover(first: int, last: int, size: int) -> Iterable[int]:
    """The nodes that make up the positions from first to last."""
    if not size:
        yield from range(first, last + 1)
        return
    left, right = first + size, last + size + 1
    while left < right:
        if left & 1:
            yield left
            left += 1
        if right & 1:
            right -= 1
            yield right
        left >>= 1
        right >>= 1


def _emit_hit(function: Function, depth: int, buckets: Iterable[Bucket | None], once: bool) -> None:
    """Write what is done with the bucket `k`. Most tables hold buckets of one kind only.

    A step that looks through an array must not be taken anew for each of its elements that lead to it.
    """
    kinds = {isinstance(bucket, tuple) for bucket in buckets if bucket is not None}
    function.line(depth, "if k is not None:")
    depth += 1
    if len(kinds) > 1:
        function.line(depth, "if k.__class__ is not tuple:")
        function.line(depth + 1, "out.append(k)")
    if True not in kinds:
        function.line(depth, "out.append(k)")
        return
    if once or len(kinds) > 1:
        word = "elif" if len(kinds) > 1 else "if"
        function.line(depth, f"{word} id(k) not in done:" if once else "else:")
        depth += 1
    if once:
        # For the first bucket, nearly always the only one, nothing has to be compared.
        function.line(depth, f"f, y = {function.constant(left_of)}(k, done) if done else k")
        function.line(depth, "done[id(k)] = k")
    else:
        function.line(depth, "f, y = k")
    function.line(depth, "f(e, b, m, y, out)")
