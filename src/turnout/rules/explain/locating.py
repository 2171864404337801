"""Follows a path like condition/walking.py does, and keeps where each value was found.

It says where a path that finds nothing ends. For people only (`explain`): nothing here is fast. A property test holds
the values equal to what condition/walking.py finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from turnout.rules.condition.ast import (
    Children,
    Condition,
    Descend,
    Item,
    Items,
    Key,
    Keys,
    Path,
    Root,
    Scalars,
    Segment,
    Slice,
    Spread,
    Where,
)
from turnout.rules.condition.render import render_path
from turnout.rules.showing import kind_of, printable
from turnout.rules.spelling import nearest
from turnout.words import count

__all__ = ["Keep", "Located", "locate", "why_nothing"]

Keep = Callable[[Condition, "Located"], bool]
"""Whether the condition of a filter holds for an element."""


class Located:
    """A value and the way to it, from its `root`. The steps are kept as a chain: an event may be deep and wide."""

    __slots__ = ("_parent", "_step", "root", "value")

    def __init__(self, value: object, root: Root, parent: Located | None = None, step: str | int = "") -> None:
        self.value = value
        self.root = root
        self._parent = parent
        self._step = step

    @property
    def steps(self) -> tuple[str | int, ...]:
        """Names of members and positions in arrays, from the root to the value."""
        steps: list[str | int] = []
        place: Located = self
        while place._parent is not None:
            steps.append(place._step)
            place = place._parent
        return tuple(reversed(steps))

    @property
    def path(self) -> str:
        """The place as an expression writes it: `detail.participants[1].purpose`."""
        segments = tuple(Item(step) if isinstance(step, int) else Key(step) for step in self.steps)
        if not segments:
            return "the metadata" if self.root is Root.METADATA else "the event"
        return printable(render_path(Path(self.root, segments)))

    def below(self, step: str | int, value: object) -> Located:
        """The member or element of this value that the step leads to."""
        return Located(value, self.root, self, step)


def locate(segments: Iterable[Segment], start: Located, keep: Keep) -> list[Located]:
    """The values that the segments lead to, with their places, in document order."""
    found = [start]
    for segment in segments:
        found = [below for place in found for below in _step(segment, place, keep)]
        if not found:
            break
    return found


def _step(segment: Segment, place: Located, keep: Keep) -> Iterable[Located]:
    value = place.value
    match segment:
        case Key(name=name):
            return _members(place, (name,))
        case Keys(names=names):
            return _members(place, names)
        case Item(index=index):
            return _elements(place, (index,))
        case Items(indices=indices):
            return _elements(place, indices)
        case Slice(start=start, stop=stop, step=step):
            if not isinstance(value, list):
                return ()
            return _elements(place, range(*slice(start, stop, step).indices(len(value))))
        case Children():
            return _children(place)
        case Where(condition=condition):
            return [child for child in _children(place) if keep(condition, child)]
        case Spread(deep=deep):
            return _spread(place, deep)
        case Scalars():
            return () if isinstance(value, dict | list) else (place,)
        case Descend():
            return _descend(place)


def _members(place: Located, names: Iterable[str]) -> Iterable[Located]:
    value = place.value
    return [place.below(name, value[name]) for name in names if name in value] if isinstance(value, dict) else ()


def _elements(place: Located, indices: Iterable[int]) -> Iterable[Located]:
    value = place.value
    if not isinstance(value, list):
        return ()
    size = len(value)
    positions = dict.fromkeys(index % size for index in indices if -size <= index < size)
    return [place.below(position, value[position]) for position in positions]


def _children(place: Located) -> Iterable[Located]:
    value = place.value
    if isinstance(value, dict):
        return [place.below(name, member) for name, member in value.items()]
    return [place.below(index, element) for index, element in enumerate(value)] if isinstance(value, list) else ()


def _spread(place: Located, deep: bool) -> Iterable[Located]:
    if not isinstance(place.value, list):
        return (place,)
    return _flat(place) if deep else _children(place)


def _flat(array: Located) -> Iterator[Located]:
    stack = [iter(_children(array))]
    while stack:
        for place in stack[-1]:
            if isinstance(place.value, list):
                stack.append(iter(_children(place)))
                break
            yield place
        else:
            stack.pop()


def _descend(place: Located) -> Iterator[Located]:
    stack = [place]
    while stack:
        place = stack.pop()
        yield place
        stack.extend(reversed(list(_children(place))))


# --------------------------------------------------------------------------------------------------- finding nothing


def why_nothing(segments: Iterable[Segment], start: Located, keep: Keep, *, name_members: bool = True) -> str:
    """Where a path that finds nothing ends, as a sentence. `name_members` allows naming a member of the event that
    the rule does not name, when it looks like the one that is missing.
    """
    found = [start]
    for segment in segments:
        below = [next_place for place in found for next_place in _step(segment, place, keep)]
        if not below:
            return printable(_dead_end(found[0], len(found), segment, name_members))
        found = below
    return ""


def _dead_end(place: Located, places: int, segment: Segment, name_members: bool) -> str:
    value, where = place.value, place.path
    if places > 1 and isinstance(segment, Key):
        return f"none of the {places} values before '{segment.name}' has it"
    match segment:
        case Key(name=name) if isinstance(value, dict):
            hint = nearest(name, value) if name_members else ""
            return f"{where} has no '{name}'{hint}"
        case Key(name=name) if isinstance(value, list):
            return f"{where} is {kind_of(value)}, not an object; {where}[*] is each of its elements"
        case Key() | Keys():
            what = "has none of these members" if isinstance(value, dict) else f"is {kind_of(value)}, not an object"
            return f"{where} {what}"
        case Item() | Items() | Slice() if isinstance(value, list):
            return f"{where} has {count(len(value), 'element')}"
        case Item() | Items() | Slice():
            return f"{where} is {kind_of(value)}, not an array"
        case Where():
            return f"nothing in {where} fits the filter"
        case Scalars():
            return f"{where} is {kind_of(value)}"
        case _:
            return f"{where} is {kind_of(value) if value or not isinstance(value, dict) else 'an empty object'}"
