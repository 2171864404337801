"""Makes a report of letters. Pure: what it is made of is given to it, nothing is asked or read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from turnout.recovery.causes import CauseTable, Disposition
from turnout.recovery.ledger.records import Record, Status
from turnout.recovery.letter import Letter, Payload
from turnout.recovery.redaction import Redaction
from turnout.recovery.report.correlation import FAILED
from turnout.recovery.report.diagnosis import diagnosis, failed_at
from turnout.recovery.report.health import health
from turnout.recovery.report.model import Group, Interaction, Report, Sample
from turnout.recovery.report.outlook import outlook
from turnout.recovery.report.shares import shares
from turnout.recovery.report.steps import Command, steps, targets_of
from turnout.recovery.report.timeline import ages, timeline
from turnout.words import count

__all__ = ["Sources", "build_report"]

_MOST_SAMPLES = 8
_MOST_ERRORS = 1_000
"""Different sentences that are counted per group."""
_LONGEST_BODY = 2_000
_LONGEST_ERROR = 400


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """What a report is made of."""

    letters: Sequence[Letter]
    read: int = 0
    """How many were read, selected or not."""
    source: str
    """Where they were read, in words: a queue's name, a file."""
    selection: str = ""
    again: Command = Command()
    """How commands name these letters again."""
    records: Mapping[str, Record] = {}
    """What the ledger knows of these letters, by their id."""
    known: Sequence[Record] | None = None
    """All that the ledger knows of the queue; None: nobody asked it."""
    gone: Callable[[Record], bool] = lambda _: False
    """Which of these can be in the queue no more."""
    settled: Collection[str] = ()
    """Ids of letters that are dealt with and lie here all the same, since nothing is taken out."""
    interactions: Mapping[str, Interaction] = {}
    caveats: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def build_report(
    sources: Sources,
    *,
    causes: CauseTable,
    redaction: Redaction,
    redacted: bool,
    now: datetime,
    one_by_one: bool = True,
) -> Report:
    """The report on these letters. `redacted` says what `redaction` does; `now` is in UTC.

    Without `one_by_one` there are no `records`, which take most of the time of a large report.
    """
    letters = sources.letters
    moments = [(letter.cause.value, failed_at(letter)) for letter in letters]
    dated = [moment for _, moment in moments if moment is not None]

    def counted(values: Iterable[str]) -> Counter[str]:
        return Counter(redaction.line(value) for value in values)

    waiting = [letter for letter in letters if letter.id not in sources.settled]
    next_steps, unshown = steps(waiting, causes, sources.again, redaction.line)
    return Report(
        generated_at=now,
        source=redaction.line(sources.source),
        selection=redaction.line(sources.selection),
        redacted=redacted,
        total=len(letters),
        oldest=min(dated, default=None),
        newest=max(dated, default=None),
        incomplete=sum(letter.payload is not Payload.WHOLE for letter in letters),
        outlook=outlook(letters, sources.again, sources.settled),
        conversations=len({letter.conversation_id for letter in letters} - {""}),
        groups=_groups(letters, redaction),
        causes=shares(counted(letter.cause for letter in letters)),
        dispositions=shares(counted(letter.disposition for letter in letters)),
        origins=shares(counted(letter.origin for letter in letters)),
        event_types=shares(counted(letter.event_type or "(none)" for letter in letters)),
        rules=shares(counted(rule for letter in letters for rule in letter.rules)),
        targets=shares(counted(target for letter in letters for target in targets_of(letter))),
        statuses=shares(Counter(_status(letter, sources.records) for letter in letters)),
        timeline=timeline(moments, now),
        ages=ages(letter.age_seconds(now) for letter in letters),
        health=health(sources.known, sources.gone) if sources.known is not None else None,
        steps=next_steps,
        samples=_samples(letters, sources.records, redaction),
        records=tuple(
            diagnosis(
                letter,
                causes=causes,
                redaction=redaction,
                record=sources.records.get(letter.id),
                interaction=sources.interactions.get(letter.conversation_id),
            )
            for letter in (letters if one_by_one else ())
        ),
        correlations=shares(Counter(one.presence for one in sources.interactions.values())),
        caveats=tuple(map(redaction.line, sources.caveats)),
        notes=(
            *sources.notes,
            *_unshown_steps(unshown),
            *_failed_lookups(sources.interactions.values(), redaction),
        ),
    )


def _unshown_steps(number: int) -> tuple[str, ...]:
    if not number:
        return ()
    which = "1 step more is" if number == 1 else f"{number:,} steps more are"
    return (f"{which} not shown: report again when these are done, or narrow the report with --cause or --target",)


def _failed_lookups(interactions: Iterable[Interaction], redaction: Redaction) -> tuple[str, ...]:
    """That conversations could not be looked up, and why."""
    errors = Counter(redaction.line(one.error) for one in interactions if one.presence == FAILED)
    if not errors:
        return ()
    which = count(sum(errors.values()), "conversation")
    said = "" if len(errors) == 1 else " (said most often)"
    return (f"{which} could not be looked up: {errors.most_common(1)[0][0]}{said}",)


def _status(letter: Letter, records: Mapping[str, Record]) -> str:
    record = records.get(letter.id)
    return str(record.status if record is not None else Status.PENDING)


def _groups(letters: Sequence[Letter], redaction: Redaction) -> tuple[Group, ...]:
    piles: dict[tuple[str, Disposition], list[Letter]] = {}
    for letter in letters:
        piles.setdefault((letter.cause.value, letter.disposition), []).append(letter)
    ordered = sorted(piles.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(_group(cause, disposition, pile, redaction) for (cause, disposition), pile in ordered)


def _group(cause: str, disposition: Disposition, pile: Sequence[Letter], redaction: Redaction) -> Group:
    dated = [moment for moment in map(failed_at, pile) if moment is not None]
    errors: Counter[str] = Counter()
    for letter in pile:
        if letter.error and (len(errors) < _MOST_ERRORS or letter.error in errors):
            errors[letter.error] += 1
    error = errors.most_common(1)[0][0] if errors else ""
    return Group(
        cause=cause,
        disposition=disposition,
        count=len(pile),
        oldest=min(dated, default=None),
        newest=max(dated, default=None),
        targets=shares(Counter(redaction.line(target) for letter in pile for target in targets_of(letter))),
        error=_cut(redaction.line(error), _LONGEST_ERROR),
        because=redaction.line(pile[0].verdict.because),
    )


def _samples(letters: Sequence[Letter], records: Mapping[str, Record], redaction: Redaction) -> tuple[Sample, ...]:
    """One letter of every group, the largest groups first: the newest that carries its event."""
    best: dict[tuple[str, str], tuple[bool, float, Letter]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for letter in letters:
        key = (letter.cause.value, letter.disposition.value)
        counts[key] += 1
        moment = failed_at(letter)
        rank = (letter.body is not None, moment.timestamp() if moment else 0.0)
        if key not in best or rank > best[key][:2]:
            best[key] = (*rank, letter)
    chosen = [best[key][2] for key, _ in counts.most_common(_MOST_SAMPLES)]
    return tuple(
        Sample(
            id=redaction.line(letter.id),
            cause=letter.cause.value,
            disposition=letter.disposition,
            origin=letter.origin.value,
            event_type=redaction.line(letter.event_type),
            event_id=redaction.line(letter.event_id),
            conversation_id=redaction.line(letter.conversation_id),
            failed=failed_at(letter),
            target=redaction.line(", ".join(targets_of(letter))),
            code=redaction.line(letter.code),
            error=_cut(redaction.line(letter.error), _LONGEST_ERROR),
            status=_status(letter, records),
            notes=tuple(redaction.text(note) for note in letter.notes),
            body="" if letter.body is None else _cut(redaction.body(letter.body, indent=2), _LONGEST_BODY),
        )
        for letter in chosen
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]} ... ({len(text) - longest:,} more characters)"
