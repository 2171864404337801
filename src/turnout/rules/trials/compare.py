"""What a change of rules does to events: which ones would go elsewhere, counted by kind of change.

An event goes elsewhere when the set of queues (or other addresses) that it is sent to differs, or what becomes of it
instead: dropped, or dead-lettered. Names of targets do not matter for that; what is sent along (group, deduplication
id, delay, attributes) does, as a change of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from turnout.failures import Reason
from turnout.rules.model import NOTHING_EXTRA, Kind, Send, Unmatched
from turnout.rules.ruleset import Match, Ruleset
from turnout.rules.shaping import taken_by

__all__ = ["Change", "Comparison", "Sample", "compare"]

Metadata: TypeAlias = Mapping[str, object] | None
_Address: TypeAlias = tuple[Kind | None, str]
"""Of what kind, and which; without a kind it says what becomes of the event instead."""


class Sample(NamedTuple):
    """An event to try both sets of rules with. `place` says where it is from: a line, a message id."""

    place: str
    body: str | bytes
    metadata: Metadata = None


class Change(msgspec.Struct):
    """What happens to `count` of the events alike, and the first of them as an example.

    `before` and `after` are the names of targets, or in parentheses what becomes of the event instead. When the event
    goes to the same places, `differs` names what is sent along and differs: `group of high`.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    rules_gone: tuple[str, ...]
    rules_new: tuple[str, ...]
    differs: tuple[str, ...]
    moved: tuple[str, ...]
    """Targets before and after that have another address than before: the same name, another queue."""
    count: int
    place: str
    event_id: str | None
    event_type: str | None
    body: str | bytes

    @property
    def is_elsewhere(self) -> bool:
        """Whether these events go to other places, not only otherwise to the same ones."""
        return not self.differs


class Comparison(msgspec.Struct):
    """What became of all events. `changes` are sorted: those that go elsewhere first, then the most frequent first."""

    events: int
    rejected: int
    """Events that neither set takes, because they are no JSON or too little of an event: nothing is known by them."""
    elsewhere: int
    otherwise: int
    """Events that go to the same places, with other groups, deduplication ids, delays or attributes."""
    other_rules: int
    """Events that other rules match, which makes no difference to what is sent."""
    changes: tuple[Change, ...]


class _Outcome(NamedTuple):
    names: tuple[str, ...]
    addresses: Mapping[_Address, tuple[str, Send]]
    """For each address the name of the first target there, and what goes with the message."""


def compare(old: Ruleset, new: Ruleset, samples: Iterable[Sample]) -> Comparison:
    """Hold every event against both sets of rules. Never raises for what an event holds."""
    events = rejected = other_rules = 0
    changes: dict[tuple[object, ...], Change] = {}
    for sample in samples:
        events += 1
        matches = old.match(sample.body, sample.metadata), new.match(sample.body, sample.metadata)
        rejected += all(match.rejected is not None for match in matches)
        before, after = _outcome(old, matches[0]), _outcome(new, matches[1])
        differs = _differences(new, before, after)
        rules = _ids(matches[0]), _ids(matches[1])
        if before.addresses.keys() == after.addresses.keys() and not differs:
            other_rules += rules[0] != rules[1]
            continue
        gone = tuple(name for name in rules[0] if name not in rules[1])
        arrived = tuple(name for name in rules[1] if name not in rules[0])
        key = before.names, after.names, gone, arrived, differs, _moved(old, new, before, after)
        found = changes.get(key)
        if found is None:
            match = matches[1] if matches[0].rejected else matches[0]
            identity = sample.place, match.event_id, match.event_type, sample.body
            found = changes[key] = Change(*key, 0, *identity)
        found.count += 1
    ordered = sorted(changes.values(), key=lambda change: (not change.is_elsewhere, -change.count))
    return Comparison(
        events=events,
        rejected=rejected,
        elsewhere=sum(change.count for change in ordered if change.is_elsewhere),
        otherwise=sum(change.count for change in ordered if not change.is_elsewhere),
        other_rules=other_rules,
        changes=tuple(ordered),
    )


def _ids(match: Match) -> tuple[str, ...]:
    return (*match.rules, *(f"{name} (shadow)" for name in match.shadow))


def _outcome(ruleset: Ruleset, match: Match) -> _Outcome:
    if match.targets:
        addresses: dict[_Address, tuple[str, Send]] = {}
        for name in match.targets:
            addresses.setdefault(_address(ruleset, name), (name, match.send(name)))
        return _Outcome(match.targets, addresses)
    if match.rejected is not None:
        instead = f"(dead-lettered as {match.rejected.reason})"
    elif match.rules or ruleset.unmatched == Unmatched.DROP:
        instead = "(dropped)"
    else:
        instead = f"(dead-lettered as {Reason.UNMATCHED})"
    return _Outcome((instead,), {(None, instead): (instead, NOTHING_EXTRA)})


def _moved(old: Ruleset, new: Ruleset, before: _Outcome, after: _Outcome) -> tuple[str, ...]:
    """The targets of both that are called the same and are not."""
    if before.addresses.keys() == after.addresses.keys():
        return ()
    both = (name for name in before.names if name in after.names and name in old.targets and name in new.targets)
    return tuple(name for name in both if _address(old, name) != _address(new, name))


def _address(ruleset: Ruleset, name: str) -> _Address:
    target = ruleset.targets[name]
    return target.kind, target.address


def _differences(new: Ruleset, before: _Outcome, after: _Outcome) -> tuple[str, ...]:
    """What is sent along otherwise, of what these places take, when the event goes to the same ones."""
    if before.addresses.keys() != after.addresses.keys():
        return ()
    found: list[str] = []
    for address, (_, sent) in before.addresses.items():
        name, other = after.addresses[address]
        if sent != other:
            taken = taken_by(new.targets[name])
            found += [f"{part} of {name}" for part in taken if _given(sent, part) != _given(other, part)]
    return tuple(found)


def _given(sent: Send, part: str) -> object:
    return getattr(sent, part) or None  # a delay of 0 seconds is none
