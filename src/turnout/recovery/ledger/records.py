"""What a ledger remembers, and how it changes. Pure: the stores differ only in where they keep it.

A letter has a history of entries, which are only ever added, and a record, which is what the entries add up to.
A plan is what a command is going to do, letter by letter; entries that name a plan move its items on.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from turnout.recovery.letter import Letter

__all__ = [
    "FROM_ARCHIVE",
    "RESTORED",
    "Action",
    "Entry",
    "Item",
    "ItemState",
    "Phase",
    "Plan",
    "PlanState",
    "Record",
    "Sighting",
    "Status",
    "changed",
    "item_state",
    "resolves",
    "seen",
]


FROM_ARCHIVE = "archived:"
"""How the id of a letter begins that is read from an archive, before that of the letter that was archived."""
RESTORED = "restored"
"""The note of such a letter that was brought back into a queue, where it is a new message: another letter."""
_LONGEST = 1000


class _Storable(msgspec.Struct, frozen=True):
    """Texts come from messages and from other services: what no store could hold is replaced, what is long is cut."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if type(value) is str and not _is_storable(value):
                msgspec.structs.force_setattr(self, name, _storable(value))
            elif type(value) is tuple and not all(map(_is_storable, value)):
                msgspec.structs.force_setattr(self, name, tuple(map(_storable, value)))


def _is_storable(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii()


def _storable(text: str) -> str:
    return text[:_LONGEST].encode(errors="replace").decode()


class Action(StrEnum):
    """What is done with a letter."""

    SEEN = "seen"
    RETRY = "retry"
    ARCHIVE = "archive"
    REPLAY = "replay"
    PARK = "park"
    """Left for an operator."""
    RESOLVE = "resolve"
    """Taken out of its queue; nothing more is to be done."""


class Phase(StrEnum):
    """How far an action got. Started without an outcome means that its process died: it may have taken effect."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"


class Status(StrEnum):
    """Where a letter stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    RETRIED = "retried"
    FAILED_RETRY = "failed_retry"
    ARCHIVED = "archived"
    FAILED_ARCHIVE = "failed_archive"
    REPLAYED = "replayed"
    FAILED_REPLAY = "failed_replay"
    PARKED = "parked"
    UNKNOWN_CATEGORY = "unknown_category"
    """Parked because nothing says why it failed."""
    PROCESSED = "processed"
    """Resolved without being delivered or archived."""


_SETTLED = frozenset({Status.RETRIED, Status.ARCHIVED, Status.REPLAYED})


class Sighting(_Storable, frozen=True):
    """A letter as it was found in a queue, as far as the ledger wants to know. No personal data."""

    letter: str
    """`Letter.id`."""
    queue: str = ""
    """The queue's name."""
    event_id: str = ""
    event_type: str = ""
    cause: str = ""
    disposition: str = ""
    sent_ms: int = 0
    """When it was sent, as its queue says. 0: nobody says."""
    conversation_id: str = ""

    @classmethod
    def of(cls, letter: Letter) -> Sighting:
        """The sighting of this letter."""
        return cls(
            letter.id,
            letter.queue_name,
            letter.event_id,
            letter.event_type,
            letter.cause,
            letter.disposition,
            letter.message.sent_ms,
            letter.conversation_id,
        )


class Entry(_Storable, frozen=True):
    """One line of a letter's history. Times are milliseconds since the epoch.

    Who repeats an entry, because it does not know whether the first was written, changes nothing: of entries that agree
    in letter, action, attempt, phase and plan only one is kept.
    """

    letter: str
    action: Action
    phase: Phase
    by: str
    """Who or what: a user and command, a worker."""
    attempt: int = 1
    at_ms: int = 0
    """0: now."""
    targets: tuple[str, ...] = ()
    """What has the letter now, of what it was owed. A failed attempt may have reached some of them."""
    plan: str = ""
    note: str = ""
    """The outcome in a sentence: an error, an archive's key."""
    cut: bool = False
    """Of a failed attempt: whether it was cut short, because whoever made it had to end."""

    @property
    def identity(self) -> str:
        """What makes it the same entry, within its letter."""
        return f"{self.action}/{self.attempt}/{self.phase}/{self.plan}"


class Record(_Storable, frozen=True):
    """What a letter's history adds up to."""

    letter: str
    queue: str = ""
    event_id: str = ""
    event_type: str = ""
    cause: str = ""
    disposition: str = ""
    status: Status = Status.PENDING
    sightings: int = 0
    attempts: int = 0
    """Retries and replays that were started; the next one's number is one more."""
    reached: tuple[str, ...] = ()
    """Targets that recovery has delivered it to."""
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    changed_ms: int = 0
    """Of the newest entry."""
    resolved_ms: int = 0
    """0: not resolved. A resolved letter that is seen again was deleted in vain, and only that is to be repeated."""
    by: str = ""
    note: str = ""
    cut: int = 0
    """Of the attempts those that were cut short. They say nothing about the letter, nor about its targets."""
    sent_ms: int = 0
    """`Sighting.sent_ms`."""
    conversation_id: str = ""

    @property
    def settled(self) -> bool:
        """Whether the outcome is durable, so that the letter only has to be deleted."""
        return bool(self.resolved_ms) or self.status in _SETTLED


class PlanState(StrEnum):
    """How a plan ended, if it has."""

    OPEN = "open"
    FINISHED = "finished"
    STOPPED = "stopped"
    """Given up, by an operator or after too many failures."""


class Plan(_Storable, frozen=True):
    """What a command is going to do. `options` are the command's own, as it needs them to go on."""

    id: str
    action: Action
    queue: str
    by: str
    created_ms: int
    options: dict[str, str] = {}
    state: PlanState = PlanState.OPEN
    note: str = ""


class ItemState(StrEnum):
    """How far a plan got with one letter."""

    PENDING = "pending"
    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    RESOLVED = "resolved"


class Item(_Storable, frozen=True):
    """One letter of a plan, and the targets it is to reach."""

    letter: str
    targets: tuple[str, ...] = ()
    state: ItemState = ItemState.PENDING


_OUTCOMES = {
    (Action.RETRY, Phase.DONE): Status.RETRIED,
    (Action.RETRY, Phase.FAILED): Status.FAILED_RETRY,
    (Action.ARCHIVE, Phase.DONE): Status.ARCHIVED,
    (Action.ARCHIVE, Phase.FAILED): Status.FAILED_ARCHIVE,
    (Action.REPLAY, Phase.DONE): Status.REPLAYED,
    (Action.REPLAY, Phase.FAILED): Status.FAILED_REPLAY,
}


def seen(record: Record | None, sighting: Sighting, by: str, at_ms: int) -> tuple[Record, Entry | None]:
    """The record after a sighting, and the entry that a first sighting makes."""
    first = record is None or not record.sightings
    known = record or Record(sighting.letter)
    after = msgspec.structs.replace(
        known,
        queue=sighting.queue,
        event_id=sighting.event_id,
        event_type=sighting.event_type,
        cause=sighting.cause,
        disposition=sighting.disposition,
        sightings=known.sightings + 1,
        first_seen_ms=known.first_seen_ms or at_ms,
        last_seen_ms=at_ms,
        changed_ms=known.changed_ms or at_ms,
        by=known.by or by,
        sent_ms=sighting.sent_ms,
        conversation_id=sighting.conversation_id,
    )
    note = " ".join(part for part in (sighting.cause, sighting.disposition) if part)
    return after, Entry(sighting.letter, Action.SEEN, Phase.DONE, by, at_ms=at_ms, note=note) if first else None


def changed(record: Record | None, entry: Entry) -> Record:
    """The record after an entry."""
    known = record or Record(entry.letter)
    counted = entry.action in (Action.RETRY, Action.REPLAY) and entry.phase is Phase.STARTED
    return msgspec.structs.replace(
        known,
        status=_status(known, entry),
        attempts=max(known.attempts, entry.attempt) if counted else known.attempts,
        reached=tuple(dict.fromkeys((*known.reached, *entry.targets))),
        changed_ms=max(known.changed_ms, entry.at_ms),
        resolved_ms=entry.at_ms if resolves(entry) else known.resolved_ms,
        by=entry.by,
        note=entry.note or known.note,
        cut=known.cut + entry.cut,
    )


def item_state(entry: Entry) -> ItemState | None:
    """What an entry makes of the item of its plan; None leaves it as it is."""
    if entry.action is Action.RESOLVE:
        return ItemState.RESOLVED if entry.phase is Phase.DONE else None
    return ItemState(entry.phase.value)


def _status(record: Record, entry: Entry) -> Status:
    if entry.action is Action.PARK:
        return Status.UNKNOWN_CATEGORY if record.disposition == "unknown" else Status.PARKED
    if entry.action is Action.RESOLVE:
        return Status.PROCESSED if resolves(entry) and record.status not in _SETTLED else record.status
    if entry.action is Action.SEEN:
        return record.status
    return _OUTCOMES.get((entry.action, entry.phase), Status.IN_PROGRESS)


def resolves(entry: Entry) -> bool:
    """Whether nothing more is to be done with the letter."""
    return entry.action is Action.RESOLVE and entry.phase is Phase.DONE
