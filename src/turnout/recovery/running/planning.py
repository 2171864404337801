"""Finds out what a command is to do: which letters are selected, which of them fit, what the ledger knows of them.

Planning changes nothing. Letters stay held by their source, so that the run can act on them without another receive.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from turnout.recovery.deliver.api import Act, Unfit, Work
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Action, Item, ItemState, Phase, Record, Status
from turnout.recovery.letter import Letter
from turnout.recovery.running.expiry import gone_at_ms
from turnout.recovery.sources.api import Source

__all__ = ["Draft", "anew", "draft", "draft_again", "records_of"]

_ACTS = frozenset({Action.RETRY, Action.REPLAY, Action.ARCHIVE})
_PAGE = 200
_UNREADABLE = "no letter can be read in it, as the note says"


class Draft(msgspec.Struct):
    """What is to do."""

    works: list[Work] = []
    """Letters to act on, the oldest first."""
    finishing: list[Letter] = []
    """Letters whose outcome is durable already: they are only to be deleted."""
    anew: dict[str, Record] = {}
    """Those of `works` that were dealt with before, and are to be dealt with once more: what was known of them."""
    begun: int = 0
    """How many of `works` somebody has begun to deliver and told nothing more of: they may arrive twice."""
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
    absent_until_ms: int | None = None
    """From when on all of these are gone for sure, if they do not turn up again; None when nothing proves that."""
    expired: tuple[str, ...] = ()
    """Ids of letters that a plan was still to act on, and that are gone: no queue keeps a letter for so long."""
    gone: tuple[str, ...] = ()
    """Ids of letters that the source has not, because they are dealt with: by this plan, which could not note that they
    were deleted, or by another one."""

    @property
    def items(self) -> list[Item]:
        """The plan's items."""
        works = [Item(work.letter.id, self.aims.get(work.letter.id, ())) for work in self.works]
        return works + [Item(letter.id, (), ItemState.DONE) for letter in self.finishing]


def anew(letter: Letter, record: Record) -> Work:
    """The work of a letter that was dealt with, and is to be dealt with once more: it counts as reaching nothing."""
    return Work(letter, attempt=record.attempts + 1)


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
    if source.unreadable:
        made.unfit[_UNREADABLE] = source.unreadable
    # Not before all are read: they would come round again.
    await source.give_back(others)
    await _sort(made, selected, source, ledger, act, before_ms=math.inf if again else 0)
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
    wait: Callable[[int], Awaitable[bool]] | None = None,
) -> Draft:
    """A draft of what is left of a plan: its items that have neither failed nor been resolved.

    `made_ms` is when the plan was made: with `again`, what was dealt with since is not dealt with once more. `wait` is
    called once when so many letters are absent, while the others are held, and says whether to look again.
    """
    left = {item.letter: item for item in items if item.state not in (ItemState.FAILED, ItemState.RESOLVED)}
    made = Draft()
    selected: list[Letter] = []
    others: list[Letter] = []
    # What is to be dealt with once more may have been resolved before this plan was made.
    since_ms = 0 if not again else math.inf if made_ms is None else made_ms
    while left:
        async for letter in source.letters(limit - made.read):
            made.read += 1
            (selected if letter.id in left else others).append(letter)
            if len(selected) == len(left) or (stop is not None and stop.is_set()):
                break
        made.limited = made.read >= limit
        found = {letter.id for letter in selected}
        missing = [item for each, item in left.items() if each not in found]
        await _account_for(made, missing, source, ledger, since_ms=since_ms, made_ms=made_ms)
        if wait is None or not made.absent or made.limited or not await wait(len(made.absent)):
            break
        wait = None
    await source.give_back(others)
    done = {item.letter for item in left.values() if item.state is ItemState.DONE}
    finishing = [letter for letter in selected if letter.id in done]
    await _sort(made, [letter for letter in selected if letter.id not in done], source, ledger, act, before_ms=since_ms)
    made.finishing += finishing
    return made


async def _account_for(
    made: Draft, missing: Sequence[Item], source: Source, ledger: Ledger, *, since_ms: float, made_ms: int | None
) -> None:
    """Note in a draft why the source has not these items: dealt with, expired, or absent for now."""
    open_ = [item.letter for item in missing if item.state is not ItemState.DONE]
    records = await records_of(ledger, open_)
    elsewhere = {each.letter for each in records.values() if each.resolved_ms and each.resolved_ms >= since_ms}
    made.gone = tuple(item.letter for item in missing if item.state is ItemState.DONE or item.letter in elsewhere)
    gone_at = {
        letter: gone_at_ms(records.get(letter), source.name, source.retention_seconds, made_ms)
        for letter in open_
        if letter not in elsewhere
    }
    now_ms = time.time() * 1000
    made.expired = tuple(letter for letter, at_ms in gone_at.items() if at_ms is not None and at_ms < now_ms)
    made.absent = tuple(letter for letter, at_ms in gone_at.items() if at_ms is None or at_ms >= now_ms)
    until = [at_ms for at_ms in gone_at.values() if at_ms is not None and at_ms >= now_ms]
    made.absent_until_ms = max(until, default=None) if len(until) == len(made.absent) else None


async def records_of(ledger: Ledger, letters: Sequence[str]) -> dict[str, Record]:
    """What the ledger knows of these letters. It is asked page by page: where it fails, soon. Raises `LedgerError`."""
    records: dict[str, Record] = {}
    for first in range(0, len(letters), _PAGE):
        records.update(await ledger.records(letters[first : first + _PAGE]))
    return records


async def _sort(
    made: Draft,
    letters: list[Letter],
    source: Source,
    ledger: Ledger,
    act: Act,
    *,
    before_ms: float,
) -> None:
    """Sort letters into a draft. What was dealt with before a moment is to be dealt with once more."""
    unfit = []
    letters.sort(key=_age)
    for first in range(0, len(letters), _PAGE):
        page = letters[first : first + _PAGE]
        records = await ledger.records([letter.id for letter in page])
        for letter in page:
            record = records.get(letter.id)
            before = record if record is not None and await _was_dealt_with(ledger, record, before_ms) else None
            if not _fits(made, letter, record, act, before):
                unfit.append(letter)
    await source.give_back(unfit)


def _age(letter: Letter) -> tuple[int, str]:
    """Sorts the oldest first; of a FIFO queue exactly, as its sequence numbers all have 20 digits."""
    return letter.message.sent_ms, letter.message.system.get("SequenceNumber", "")


def _fits(made: Draft, letter: Letter, record: Record | None, act: Act, before: Record | None) -> bool:
    """Whether there is something to do with a letter. `before` is its record if it is to be dealt with once more."""
    if record is not None and record.settled and before is None:
        made.finishing.append(letter)
        return True
    work = Work.of(letter, record) if before is None else anew(letter, before)
    try:
        made.aims[letter.id] = act.aims(work)
    except Unfit as reason:
        made.unfit[str(reason)] += 1
        return False
    made.works.append(work)
    made.begun += record is not None and record.status is Status.IN_PROGRESS and act.action is not Action.ARCHIVE
    if before is not None:
        made.anew[letter.id] = before
    return True


async def _was_dealt_with(ledger: Ledger, record: Record, before_ms: float) -> bool:
    """Whether a letter was dealt with before a moment, and not since; also where a run has begun to do so once more."""
    if record.settled and max(record.changed_ms, record.resolved_ms) < before_ms:
        return True
    if not before_ms or not (record.resolved_ms or record.reached):
        return False
    # That it was taken out may have been noted much later, and again by each run that finds it listed. Who finds that
    # all targets have it, since it was not asked to deal with it once more, is done without sending anything.
    lines = await ledger.history(record.letter)
    done = [line.at_ms for line in lines if line.action in _ACTS and line.phase is Phase.DONE and line.targets]
    return 0 < max(done, default=record.resolved_ms) < before_ms
