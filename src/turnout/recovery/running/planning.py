"""Finds out what a command is to do: which letters are selected, which of them fit, what the ledger knows of them.

Planning changes nothing. Letters stay held by their source, so that the run can act on them without another receive.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from turnout.recovery.deliver.api import Act, Unfit, Work
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Item, ItemState, Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.sources.api import Source

__all__ = ["Draft", "anew", "draft", "draft_again", "is_settled"]

_SETTLED = frozenset({Status.RETRIED, Status.ARCHIVED, Status.REPLAYED})
_PAGE = 200


class Draft(msgspec.Struct):
    """What is to do."""

    works: list[Work] = []
    """Letters to act on, the oldest first."""
    finishing: list[Letter] = []
    """Letters whose outcome is durable already: they are only to be deleted."""
    anew: set[str] = set()
    """Ids of those of `works` that were dealt with before, and are to be dealt with once more."""
    aims: dict[str, tuple[str, ...]] = {}
    """By letter id, what each of `works` is to reach."""
    unfit: Counter[str] = msgspec.field(default_factory=Counter)
    """Why others are left alone, and how often."""
    read: int = 0
    unselected: int = 0
    limited: bool = False
    """Whether there may be more letters than were read."""
    absent: tuple[str, ...] = ()
    """Ids of letters that a plan is still to act on, and the source has not (or not now)."""
    gone: tuple[str, ...] = ()
    """Ids of letters that the source has not, because they are dealt with: by this plan, which could not note that they
    were deleted, or by another one."""

    @property
    def items(self) -> list[Item]:
        """The plan's items."""
        works = [Item(work.letter.id, self.aims.get(work.letter.id, ())) for work in self.works]
        return works + [Item(letter.id, (), ItemState.DONE) for letter in self.finishing]


def is_settled(record: Record | None) -> bool:
    """Whether the outcome of a letter is durable, so that it only has to be deleted."""
    return record is not None and (bool(record.resolved_ms) or record.status in _SETTLED)


def anew(letter: Letter, record: Record | None) -> Work:
    """The work of a letter that was dealt with, and is to be dealt with once more: it counts as reaching nothing."""
    return Work(letter, attempt=record.attempts + 1 if record is not None else 1)


async def draft(
    source: Source,
    ledger: Ledger,
    selects: Callable[[Letter], bool],
    act: Act,
    limit: int,
    stop: asyncio.Event | None = None,
    *,
    again: bool = False,
) -> Draft:
    """A draft of acting on what is selected, among at most `limit` letters. `stop` ends the reading early.

    `again` also acts on letters that were dealt with before, as if they had reached nothing. Raises `TurnoutError`.
    """
    made = Draft()
    selected: list[Letter] = []
    others: list[Letter] = []
    async for letter in source.letters(limit):
        made.read += 1
        (selected if selects(letter) else others).append(letter)
        if stop is not None and stop.is_set():
            break
    made.unselected, made.limited = len(others), made.read >= limit
    # Not before all are read: they would come round again.
    await source.give_back(others)
    await _sort(made, selected, source, ledger, act, lambda _, record: again and is_settled(record))
    return made


async def draft_again(
    source: Source,
    ledger: Ledger,
    items: Sequence[Item],
    act: Act,
    limit: int,
    stop: asyncio.Event | None = None,
    *,
    again: bool = False,
    made_ms: int | None = None,
) -> Draft:
    """A draft of what is left of a plan: its items that have neither failed nor been resolved.

    With `again`, `made_ms` is when the plan was made: what was dealt with since is not dealt with once more.
    """
    left = {item.letter: item for item in items if item.state not in (ItemState.FAILED, ItemState.RESOLVED)}
    made = Draft()
    selected: list[Letter] = []
    others: list[Letter] = []
    if left:
        async for letter in source.letters(limit):
            made.read += 1
            (selected if letter.id in left else others).append(letter)
            if len(selected) == len(left) or (stop is not None and stop.is_set()):
                break
    made.limited = made.read >= limit
    await source.give_back(others)
    found = {letter.id for letter in selected}
    missing = [item for each, item in left.items() if each not in found]
    open_ = [item.letter for item in missing if item.state is not ItemState.DONE]
    # Letters to be dealt with once more were resolved before this plan was made.
    elsewhere = set() if again else await _resolved(ledger, open_)
    made.absent = tuple(letter for letter in open_ if letter not in elsewhere)
    made.gone = tuple(item.letter for item in missing if item.state is ItemState.DONE or item.letter in elsewhere)
    done = {item.letter for item in left.values() if item.state is ItemState.DONE}
    finishing = [letter for letter in selected if letter.id in done]

    def once_more(letter: Letter, record: Record | None) -> bool:
        if not again or record is None:
            return False
        if is_settled(record):
            return made_ms is None or (record.resolved_ms or record.changed_ms) < made_ms
        return _was_begun_anew(record, left[letter.id])

    await _sort(made, [letter for letter in selected if letter.id not in done], source, ledger, act, once_more)
    made.finishing += finishing
    return made


async def _resolved(ledger: Ledger, letters: Sequence[str]) -> set[str]:
    resolved: set[str] = set()
    for first in range(0, len(letters), _PAGE):
        records = await ledger.records(letters[first : first + _PAGE])
        resolved.update(letter for letter, record in records.items() if record.resolved_ms)
    return resolved


async def _sort(
    made: Draft,
    letters: list[Letter],
    source: Source,
    ledger: Ledger,
    act: Act,
    once_more: Callable[[Letter, Record | None], bool],
) -> None:
    unfit = []
    letters.sort(key=_age)
    for first in range(0, len(letters), _PAGE):
        page = letters[first : first + _PAGE]
        records = await ledger.records([letter.id for letter in page])
        for letter in page:
            record = records.get(letter.id)
            if not _fits(made, letter, record, act, once_more=once_more(letter, record)):
                unfit.append(letter)
    await source.give_back(unfit)


def _age(letter: Letter) -> tuple[int, str]:
    """Sorts the oldest first; of a FIFO queue exactly, as its sequence numbers all have 20 digits."""
    return letter.message.sent_ms, letter.message.system.get("SequenceNumber", "")


def _fits(made: Draft, letter: Letter, record: Record | None, act: Act, *, once_more: bool) -> bool:
    if is_settled(record) and not once_more:
        made.finishing.append(letter)
        return True
    work = anew(letter, record) if once_more else Work.of(letter, record)
    try:
        made.aims[letter.id] = act.aims(work)
    except Unfit as reason:
        made.unfit[str(reason)] += 1
        return False
    made.works.append(work)
    if once_more:
        made.anew.add(letter.id)
    return True


def _was_begun_anew(record: Record, item: Item) -> bool:
    """Whether a run that died had begun to deal once more with a letter, which it was to send where it had arrived."""
    if item.state is not ItemState.STARTED or record.status is not Status.IN_PROGRESS:
        return False
    return not set(item.targets).isdisjoint(record.reached)
