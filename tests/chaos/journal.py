"""The journal of a chaos run: each injected fault, each effect on the queues, and who was told of it.

It is written by the proxy as things happen and read by the audit afterwards, which asks it to explain every duplicate
and every letter. It also catches, on the spot, a worker that deletes a message it has not accounted for.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from tests.chaos.faults import Kind
from tests.chaos.load import DEAD, TARGETS, Fate
from tests.chaos.upstream import Document

__all__ = ["GIVEN_UP_AFTER", "HANDED_BACK", "UNEXPLAINED", "Injected", "Journal", "Letter", "label", "letter_of"]

UNEXPLAINED = "unexplained"
HANDED_BACK = "handed back"
"""Why a message comes again when the worker wants it to: no reason for a duplicate."""

GIVEN_UP_AFTER = 3
"""After so many denials in a row a worker gives up, for a while, what belongs to a queue without trying."""

# A message may lapse when this many extensions of its visibility in a row met a fault.
_LAPSED_AFTER = 2


def label(body: str) -> str:
    """A short name for an event in reports."""
    return body[:40]


class Injected(NamedTuple):
    """One injected fault; `bodies` are the events it touched, where that is known."""

    kind: Kind
    operation: str
    queue: str
    bodies: tuple[str, ...]


class Letter(NamedTuple):
    """What a dead letter says. `reason` is empty when it is not one that the worker wrote."""

    reason: str
    owed: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


def letter_of(message: Document) -> Letter:
    """Read a letter's attribute from a message, as an entry that is sent or as one received."""
    attribute = (message.get("MessageAttributes") or {}).get("Turnout.Letter")
    if attribute is None:
        return Letter("")
    said = json.loads(attribute["StringValue"])
    return Letter(said.get("reason", ""), tuple(said.get("owed", ())), tuple(said.get("done", ())))


class _Custody:
    """One message of a source queue, by its SQS id."""

    __slots__ = ("arrivals", "body", "cause", "handle", "held", "letter_trouble", "refused_extensions", "trail")

    def __init__(self, body: str) -> None:
        self.body = body
        self.handle = ""
        """The newest receipt handle that was given out."""
        self.arrivals = 0
        """How often a worker received it."""
        self.held = False
        """A worker has it, as far as one can know from outside."""
        self.cause = ""
        """Why it may come once more than it should."""
        self.refused_extensions = 0
        self.letter_trouble = False
        self.trail: list[str] = []
        """What happened to it, for the reader of a violation."""

    def note(self, what: str) -> None:
        self.trail.append(what)


class Journal:
    """Everything that happened between worker and queues. `fates` says where each event belongs, by body."""

    def __init__(self, fates: Mapping[str, Fate]) -> None:
        self._fates = fates
        self._custody: dict[str, _Custody] = {}
        self._handles: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._on_the_way = 0
        self._letters: dict[str, list[Letter]] = defaultdict(list)
        self._confirmed: set[tuple[str, str]] = set()
        self.faults: list[Injected] = []
        self.calls: Counter[str] = Counter()
        """Calls by operation."""
        self.untold: dict[tuple[str, str], list[Kind]] = defaultdict(list)
        """By queue and body: sends that took effect and whose sender was not told so."""
        self.troubled: set[tuple[str, str]] = set()
        """By queue and body: sends that met any fault."""
        self.denials: Counter[str] = Counter()
        """By queue: sends that were denied, for which a worker may give up a whole queue for a while."""
        self.again: dict[str, list[str]] = defaultdict(list)
        """By body: why a worker received the message once more, once for each time."""
        self.violations: list[str] = []
        self.deleted: set[str] = set()
        """Ids of the messages whose deletion took effect."""

    # Faults

    def injected(self, kind: Kind, operation: str, queue: str, bodies: Iterable[str] = ()) -> None:
        """A fault was injected into a call."""
        fault = Injected(kind, operation, queue, tuple(bodies))
        self.faults.append(fault)
        if operation == "SendMessageBatch":
            self.troubled.update((queue, body) for body in fault.bodies)
            self.denials[queue] += kind in (Kind.CLOCK_SKEW, Kind.EXPIRED_TOKEN)
        for custody in self._by_body(fault.bodies):
            custody.note(f"{kind} ({operation} {queue})")
            custody.letter_trouble = custody.letter_trouble or queue == DEAD

    def by_kind(self) -> Counter[Kind]:
        """How many faults of each kind were injected."""
        return Counter(fault.kind for fault in self.faults)

    # Source queues

    def handed_out(self, messages: Sequence[Document], *, arrived: bool) -> None:
        """Messages were received; `arrived` is false when the answer was spoilt."""
        for message in messages:
            custody = self._custody.setdefault(message["MessageId"], _Custody(message["Body"]))
            custody.handle = message["ReceiptHandle"]
            self._ids[message["Body"]] = message["MessageId"]
            self._handles[custody.handle] = message["MessageId"]
            custody.note("received" if arrived else "received in vain")
            if not arrived:
                continue
            if custody.arrivals:
                self.again[custody.body].append(self._why_again(custody))
            custody.arrivals += 1
            custody.held = True
            custody.cause = ""
            custody.refused_extensions = 0
            custody.letter_trouble = False

    def _why_again(self, custody: _Custody) -> str:
        if custody.cause:
            return custody.cause
        if custody.refused_extensions >= _LAPSED_AFTER:
            return "extensions refused"
        if custody.letter_trouble or self.denials[DEAD] >= GIVEN_UP_AFTER:
            return "letter not written"
        self.violations.append(f"handed out again without a reason: {label(custody.body)}: {custody.trail}")
        return UNEXPLAINED

    def visible_again(self, message_id: str, cause: str) -> None:
        """A message was, or will be, handed out once more because of an injected fault, or a kill."""
        self._custody[message_id].cause = cause
        self._custody[message_id].note(cause)

    def asked_to_delete(self, handles: Iterable[str]) -> None:
        """A worker wants to delete these: each must be accounted for by what the worker has been told."""
        for handle in handles:
            custody = self._of(handle)
            missing = self._unaccounted(custody.body)
            custody.note("to be deleted")
            if missing:
                what = f"deleted though it still belongs to {missing}: {label(custody.body)}: {custody.trail}"
                self.violations.append(what)
            if handle != custody.handle:
                # It was handed out since, which had its own reason. This delete does nothing, whatever SQS says.
                custody.cause = "older handle"
                custody.note(custody.cause)

    def deleted_from_source(self, handles: Iterable[str]) -> None:
        """These deletions took effect."""
        for handle in handles:
            custody = self._of(handle)
            if handle == custody.handle:
                custody.held = False
                custody.note("deleted")
                self.deleted.add(self._handles[handle])

    def released(self, handles: Iterable[str]) -> None:
        """A worker gave these back, at once or to be seen again later."""
        for handle in handles:
            custody = self._of(handle)
            custody.held = False
            custody.cause = custody.cause or HANDED_BACK
            custody.note(HANDED_BACK)

    def extended(self, handles: Iterable[str]) -> None:
        """The visibility of these was extended, and the worker was told so."""
        for handle in handles:
            self._of(handle).refused_extensions = 0
            self._of(handle).note("extended")

    def extension_refused(self, handles: Iterable[str]) -> None:
        """An extension met a fault."""
        for handle in handles:
            self._of(handle).refused_extensions += 1
            self._of(handle).note("not extended")

    def killed(self) -> None:
        """Every worker is dead: what they held comes back."""
        for custody in self._custody.values():
            if custody.held:
                custody.held = False
                custody.cause = "kill"
                custody.note("kill")

    @contextmanager
    def on_the_way(self, messages: Sequence[Document]) -> Iterator[None]:
        """While this lasts, a slow answer may still bring these messages to a worker."""
        self._on_the_way += len(messages)
        try:
            yield
        finally:
            self._on_the_way -= len(messages)

    def held(self) -> int:
        """Messages that a worker has, as far as one can know, or will have in a moment."""
        return self._on_the_way + sum(custody.held for custody in self._custody.values())

    def trail(self, body: str) -> list[str]:
        """What happened to an event, for the reader of a report."""
        return [note for custody in self._by_body([body]) for note in custody.trail]

    def bodies(self, handles: Iterable[str]) -> tuple[str, ...]:
        """The bodies of the messages with these handles."""
        return tuple(self._of(handle).body for handle in handles)

    def message_id(self, handle: str) -> str:
        """The id of the message with this handle."""
        return self._handles[handle]

    # Targets and the dead-letter queue

    def accepted(self, queue: str, entries: Iterable[Document], untold: Kind | None = None) -> None:
        """A queue took these entries; `untold` is the fault that kept the sender from learning so."""
        for entry in entries:
            body = entry["MessageBody"]
            if untold is not None:
                self.untold[queue, body].append(untold)
            elif queue == DEAD:
                self._letters[body].append(letter_of(entry))
            else:
                self._confirmed.add((queue, body))

    def _by_body(self, bodies: Iterable[str]) -> list[_Custody]:
        return [self._custody[self._ids[body]] for body in bodies if body in self._ids]

    def _of(self, handle: str) -> _Custody:
        return self._custody[self._handles[handle]]

    def _unaccounted(self, body: str) -> str:
        """The targets, or the letter, that an event still lacks; empty when it may be deleted."""
        fate = self._fates[body]
        letters = self._letters[body]
        if fate.reason:
            return "" if any(letter.reason == fate.reason for letter in letters) else f"a letter for {fate.reason}"
        owed = {target for letter in letters for target in letter.owed}
        lacking = [t for t in fate.targets if t not in owed and (TARGETS[t], body) not in self._confirmed]
        return ", ".join(lacking)
