"""The projection: a `msgspec.Struct` type, generated for a ruleset, that decodes what the rules look at, and no more.

The rest of a body is skipped in C, yet still checked: msgspec refuses the same texts whether it skips or builds, but
for numbers beyond a double and bytes that are not UTF-8 (whoever decodes checks those first). An object that rules look
into is a Struct of its own. One that is missing is an empty instance, so that `e.f0.f3` needs no check on the way, and
a missing value is `UNSET`. Where patterns look into it, an array of such objects may be in its place. An array of
objects of which rules look at members is a list of Structs, which takes a fraction of the time that dicts take; not if
some rule looks at that array in another way as well. What is no object there is decoded as it is: one null among ten
thousand elements is no reason to match the event the slow way. A body that does not fit raises
`msgspec.ValidationError`.

Field names are generated; the names of members are only ever passed as values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from turnout.rules.engine.prepared import Compares, Fits, Lone, Missing, Opaque, Prepared, There, inside
from turnout.rules.engine.terms import Reading, Values, Wrap

__all__ = ["Access", "Projection"]

_MOST_FIELDS = 64
"""Of one Struct. msgspec compares a member's name with the fields one by one, so a wide object is decoded in full."""


class _Object(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An object that no rule looks into. It fits what an object fits: no predicate, but `!=` and the like."""


# What decoding lets through, from what one use of a member needs to what any use needs.
_SCALAR: Any = str | int | float | bool | None
_LEAF: Any = _SCALAR | list[Any]
_VALUE: object = _Object | _LEAF
_KINDS = (Any, _VALUE, _LEAF)


class Access(NamedTuple):
    """How to get at a member: fields to follow from the decoded event, then names to look up in plain dicts.

    `empty` is set where the member is an object decoded as a Struct: the instance that stands for a missing one.
    """

    fields: tuple[str, ...]
    names: tuple[str, ...] = ()
    empty: msgspec.Struct | None = None
    is_open: bool = False
    """Whether an array may be in place of the object."""

    @property
    def is_object(self) -> bool:
        """Whether the member is decoded as a Struct, and so is no JSON value that could be looked at."""
        return self.empty is not None


@dataclass(slots=True)
class _Node:
    """A member that is looked at, or looked into."""

    name: str
    """Of the field that it becomes."""
    members: dict[str, _Node] = field(default_factory=dict)
    type: object = None
    """What a value may be, as far as the rules need it; None when it is only looked into."""
    empty: msgspec.Struct | None = None
    """Set once the member has a Struct type."""
    is_open: bool = False
    """Whether an array of objects may stand in place of the object: a pattern goes through it."""
    elements: _Node | None = None
    """What is looked at in each element, where the member is an array of objects."""
    stands_for: set[str] = field(default_factory=set)
    """What an object in place of the array stands for: `itself` in `any(a, @.b == 1)`, its `members` in `a[*].b`."""


class Projection:
    """Collects what all rules look at, then decodes that. First `add` everything, then `build`, then ask."""

    def __init__(self) -> None:
        self._root = _Node("")
        self._count = 0

    def add(self, condition: Prepared) -> None:
        """Have everything decoded that the condition looks at."""
        for node in inside(condition):
            match node:
                case Fits(reading=Reading(elements=(_, *_)) as reading):
                    self._need_elements(reading)
                case Fits(reading=reading) | There(reading=reading) | Missing(reading=reading) | Lone(reading=reading):
                    self._need(reading.names, _kind(reading))
                    self._open(reading)
                case Compares(left=left, right=right):
                    self._need(left.names, _kind(left))
                    self._need(right.names, _kind(right))
                case Opaque(base=Reading(names=names)):
                    self._need(names, Any)

    def add_member(self, *names: str) -> None:
        """Have a member decoded: a scalar as it is, an object as one that is there."""
        self._need(names, _VALUE)

    def _need(self, names: tuple[str, ...], kind: object) -> None:
        if names:
            node = self._node(self._root, names)
            node.type = next(each for each in _KINDS if each in (node.type, kind))

    def _open(self, reading: Reading) -> None:
        for count in reading.opened:
            self._node(self._root, reading.names[:count]).is_open = True

    def _need_elements(self, reading: Reading) -> None:
        node = self._node(self._root, reading.names)
        node.stands_for.add("itself" if reading.itself else "members")
        if node.elements is None:
            node.elements = _Node("")
        self._node(node.elements, reading.elements).type = _VALUE

    def _node(self, node: _Node, names: tuple[str, ...]) -> _Node:
        for name in names:
            if name not in node.members:
                node.members[name] = _Node(f"f{self._count}")
                self._count += 1
            node = node.members[name]
        return node

    def build(self) -> Callable[[str | bytes], Any]:
        """The decoder. Raises ValueError or RecursionError for a body that is not JSON, or does not fit."""
        if _is_narrow(self._root):
            return msgspec.json.Decoder(_struct(self._root)).decode
        return msgspec.json.Decoder(dict[str, Any]).decode

    def access(self, names: tuple[str, ...]) -> Access:
        """How to get at a member that was added."""
        node = self._root
        fields: list[str] = []
        for position, name in enumerate(names):
            if node.empty is None:
                return Access(tuple(fields), names[position:])
            node = node.members[name]
            fields.append(node.name)
        return Access(tuple(fields), empty=node.empty, is_open=node.is_open)

    def standing_for(self, fields: tuple[str, ...]) -> object:
        """What stands for the member when it is missing: the empty instance of an object, else `UNSET`."""
        node = self._root
        for name in fields:
            node = next(member for member in node.members.values() if member.name == name)
        return UNSET if node.empty is None else node.empty

    def element_fields(self, reading: Reading) -> tuple[tuple[type, str], ...]:
        """The fields to follow from each element of the array that a reading begins with, to the reading's values.

        With each is the type that has it: elements, and members on the way, may be of others. Empty when the array is
        decoded in full, or the reading is not about elements.
        """
        node = self._root
        for name in reading.names:
            if node.empty is None:
                return ()
            node = node.members[name]
        if not reading.elements or node.elements is None or node.elements.empty is None:
            return ()
        node = node.elements
        fields: list[tuple[type, str]] = []
        for name in reading.elements:
            kind, node = type(node.empty), node.members[name]
            fields.append((kind, node.name))
        return tuple(fields)

    def is_leaf(self, names: tuple[str, ...]) -> bool:
        """Whether decoding makes sure that the member is a scalar or an array."""
        node = self._root
        for name in names:
            if node.empty is None:
                return False
            node = node.members[name]
        return node.type is _LEAF and not node.members and node.elements is None


def _kind(reading: Reading) -> object:
    if reading.steps or reading.values is Values.MANY or reading.wrap is Wrap.LENGTH:
        return Any
    return _LEAF if reading.scalars else _VALUE


def _struct(node: _Node, *, in_array: bool = False) -> type[msgspec.Struct]:
    """The Struct type of an object, and of those inside it. Paths are short (a limit), so recursion is shallow.

    `in_array`: it is one of many, of which some may have a scalar where others have an object.
    """
    fields: list[tuple[str, Any, Any]] = []
    for member in node.members.values():
        if member.members and _is_narrow(member):
            inner = _struct(member, in_array=in_array)
            array = _LEAF if in_array else list[inner | _SCALAR] if member.is_open else inner  # type: ignore[valid-type]
            fields.append((member.name, inner | array, member.empty))
        elif member.elements is not None and member.type is None and not member.members and _is_pure(member.elements):
            fields.append((member.name, _array(_struct(member.elements, in_array=True), member.stands_for), UNSET))
        else:
            fields.append((member.name, Any if member.members or member.elements else member.type, UNSET))
    names = {member.name: name for name, member in node.members.items()}
    made = msgspec.defstruct("Projected", fields, rename=names, module=__name__, frozen=True, eq=False, gc=False)
    node.empty = made()
    return made


def _array(element: Any, stands_for: set[str]) -> object:
    """The type of an array of such elements, and of what may be in its place."""
    array = list[element | _LEAF] | _SCALAR
    if stands_for == {"itself"}:
        return array | element
    # Where it stands for both there is no type for it.
    return array | dict[str, element | _LEAF] if stands_for == {"members"} else array


def _is_pure(node: _Node) -> bool:
    """Whether every member of it is either looked at or looked into, so that a Struct has all that is needed."""
    inner = [member for member in node.members.values() if member.members]
    return _is_narrow(node) and all(member.type is None and _is_pure(member) for member in inner)


def _is_narrow(node: _Node) -> bool:
    return len(node.members) <= _MOST_FIELDS and all(map(_is_plain, node.members))


def _is_plain(name: str) -> bool:
    """Whether msgspec takes the name for a field: it refuses what would need an escape."""
    return not any(character in '"\\' or character < " " or "\ud800" <= character <= "\udfff" for character in name)
