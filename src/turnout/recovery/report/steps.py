"""What to do next: letters that need the same are put together, with the commands for them.

Each command takes the letters of its own pile, and no others of the report: whatever else the same options would select
is kept out by `--where`. Nothing here does anything, and no command that changes something is given without its dry run
before it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from turnout.recovery.causes import Cause, CauseTable, Disposition
from turnout.recovery.letter import Letter
from turnout.recovery.report import words
from turnout.recovery.report.model import Step
from turnout.recovery.report.ways import Way, advice, is_owed_to, travels, way_of
from turnout.recovery.selection import Selection, is_named

__all__ = ["Command", "steps", "targets_of"]

_MOST_STEPS = 12
_ORDER = (Disposition.NEEDS_FIX, Disposition.TRANSIENT, Disposition.UNKNOWN, Disposition.PERMANENT)
"""A repair first: what lies behind it fails again until it is made."""
_ALL_TARGETS = ""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """How a command names the letters of a report again: options, as words of a command line."""

    source: tuple[str, ...] = ()
    """Where they are (`--queue URL`); empty for the queue of the settings."""
    narrowing: tuple[str, ...] = ()
    """What else selected them, but for cause, disposition, target and `--where`."""
    targets: tuple[str, ...] = ()
    """Those that were selected."""
    causes: bool = False
    """Whether only some causes were selected."""
    dispositions: bool = False
    """Whether only some dispositions were selected."""
    where: str = ""
    one_source: bool = True
    """Whether the settings name one source queue, which a replay takes for letters that do not say theirs."""
    only_shown: bool = False
    """Whether no command acts on them there, as on those of a redacted export."""

    @property
    def listed(self) -> bool:
        """Whether an API of failed events lists them."""
        return self.source[:1] == ("--failed-events",)

    @property
    def archived(self) -> bool:
        """Whether they are in the archive, into which they cannot be put again."""
        return self.source[:1] == ("--archived",)

    def way(self, letter: Letter) -> Way:
        """How this letter can be delivered, from where it was read."""
        return way_of(letter, listed=self.listed)

    def delivery(self, way: Way) -> tuple[str, ...]:
        """The command that delivers letters of this way, and where to. Of `NAME` nobody but its reader knows more."""
        match way:
            case Way.API:
                return ("replay", "--to-api", self.source[1])
            case Way.SOURCE:
                return ("replay", "--to-source")
            case Way.NOWHERE | Way.UNSAID:
                return ("retry", "--to-target", "NAME")
            case Way.OWED | Way.NONE:
                return ("retry",)

    def __call__(self, redact: Callable[[str], str], verb: str, *options: str, where: str = "") -> str:
        """A command line, quoted for a shell.

        `redact` gets each word before it is quoted: afterwards it could take a quote away, and what some letter names
        would be for the shell to run.
        """
        targets = () if "--target" in options or verb == "show" else self.targets
        narrowing = () if verb == "show" else self.narrowing
        conditions = [condition for condition in (self.where, where) if condition and verb != "show"]
        joined = " and ".join(f"({one})" for one in conditions) if len(conditions) > 1 else "".join(conditions)
        words = [*self.source, *narrowing, *(word for target in targets for word in ("--target", target))]
        words += ["--where", joined] if joined else []
        return shlex.join(["turnout", "dlq", verb, *map(redact, (*words, *options))])


_Kind = tuple[str, str, Way, tuple[str, ...], tuple[str, ...], bool]


class _Pile(msgspec.Struct):
    """Letters that need the same. `way` is None where it makes no difference, as none of them is to be delivered."""

    cause: Cause
    disposition: Disposition
    target: str
    way: Way | None
    first: Letter
    count: int = 0
    elsewhere: int = 0
    """Of these, how many are in the pile of another target, too."""
    kinds: set[_Kind] = msgspec.field(default_factory=set)
    causes: set[str] = msgspec.field(default_factory=set)
    dispositions: set[str] = msgspec.field(default_factory=set)
    origins: set[str] = msgspec.field(default_factory=set)
    """Who wrapped them or failed to deliver them."""


def targets_of(letter: Letter) -> tuple[str, ...]:
    """What did not get it: Turnout's names of targets, or an ARN. Empty when nobody says."""
    delivery = letter.delivery
    if delivery is None:
        return ()
    return delivery.owed or (delivery.target,)


def steps(
    letters: Sequence[Letter], causes: CauseTable, again: Command, redact: Callable[[str], str]
) -> tuple[tuple[Step, ...], int]:
    """What to do with these letters, and how many steps more there would be; `again` names them."""
    piles: dict[tuple[str, str, str, Way | None], _Pile] = {}
    kinds: dict[_Kind, Letter] = {}
    for letter in letters:
        way = again.way(letter)
        kind = _kind(letter, way)
        kinds.setdefault(kind, letter)
        its = _piles_of(letter, way, piles, again)
        for pile in its:
            pile.count += 1
            pile.elsewhere += len(its) > 1
            pile.kinds.add(kind)
            pile.causes.add(letter.cause.value)
            pile.dispositions.add(letter.disposition.value)
            pile.origins.update(layer.origin.value for layer in letter.chain)
    ordered = sorted(
        piles.values(),
        key=lambda pile: (
            pile.way is Way.NONE,
            _ORDER.index(pile.disposition),
            pile.way is not None and pile.way.chosen,
            -pile.count,
            pile.target,
        ),
    )
    whole = {(pile.cause, pile.disposition) for pile in piles.values() if pile.way is not Way.NONE}
    mixed = {cause for cause, count in Counter(cause for cause, _ in whole).items() if count > 1}
    shown = tuple(
        _without_event(pile, causes, again, redact)
        if pile.way is Way.NONE
        else _step(pile, causes, again, redact, kinds, exactly=again.dispositions or pile.cause in mixed)
        for pile in ordered[:_MOST_STEPS]
    )
    if again.only_shown:
        shown = tuple(
            msgspec.structs.replace(step, commands=(again(redact, "show", pile.first.id),))
            for step, pile in zip(shown, ordered, strict=False)
        )
    return shown, len(ordered) - len(shown)


def _kind(letter: Letter, way: Way) -> _Kind:
    """Letters of one kind are in the same piles, and are selected by the same options."""
    named = tuple(layer.target for layer in letter.chain)
    deliverable = letter.delivery is not None
    return (letter.cause.value, letter.disposition.value, way, letter.owed, named, deliverable)


def _piles_of(
    letter: Letter, way: Way, piles: dict[tuple[str, str, str, Way | None], _Pile], again: Command
) -> Sequence[_Pile]:
    def pile(key: tuple[str, str, str, Way | None]) -> _Pile:
        if key not in piles:
            piles[key] = _Pile(letter.cause, letter.disposition, key[2], key[3], letter)
        return piles[key]

    if way is Way.NONE:
        return (pile(("", "", _ALL_TARGETS, way)),)
    needed = None if letter.disposition is Disposition.PERMANENT else way
    # Something is to be repaired at each target on its own.
    targets = targets_of(letter) if letter.disposition is Disposition.NEEDS_FIX else ()
    if again.targets:
        targets = tuple(target for target in targets if is_named(again.targets, (target,)))
    return [
        pile((letter.cause.value, letter.disposition.value, target, needed)) for target in targets or (_ALL_TARGETS,)
    ]


def _without_event(pile: _Pile, causes: CauseTable, again: Command, redact: Callable[[str], str]) -> Step:
    where = travels(Way.NONE)
    if again.listed:
        where += ' and @event_id == ""'
    selection = []
    if again.causes:
        selection += [word for cause in sorted(pile.causes) for word in ("--cause", cause)]
    if again.dispositions:
        selection += [word for each in sorted(pile.dispositions) for word in ("--disposition", each)]
    commands = [again(redact, "show", pile.first.id)]
    if not again.archived:
        commands += [again(redact, "archive", *selection, *dry, where=where) for dry in (("--dry-run",), ())]
    title = f"{words.letters(pile.count)} without the event"
    what_to_do = advice(causes, pile.cause, pile.disposition, Way.NONE, archived=again.archived)
    return Step(title, what_to_do, tuple(commands), pile.count, pile.disposition)


def _where(pile: _Pile, options: Selection, kinds: Mapping[_Kind, Letter], again: Command) -> str:
    """What keeps those letters out that the options select, and that are of another pile; empty when there are none."""
    strangers = {kind for kind, letter in kinds.items() if kind not in pile.kinds and options(letter)}
    ways = {again.way(kinds[kind]) for kind in strangers}
    conditions = []
    if Way.NONE in ways:
        conditions.append(travels(Way.API) if again.listed else '@payload == "whole"')
    # What comes between the report and the command may be owed elsewhere: it must not go to the source queue.
    if pile.way is not None and (pile.way is Way.SOURCE or ways - {Way.NONE, pile.way}):
        origins = pile.origins & {"turnout", "sqs-redrive", "lambda-record"}
        conditions.append(travels(pile.way, origins))
    if pile.target and pile.way in ways:
        conditions.append(is_owed_to(pile.target, pile.first))
    return " and ".join(conditions)


def _step(
    pile: _Pile,
    causes: CauseTable,
    again: Command,
    redact: Callable[[str], str],
    kinds: Mapping[_Kind, Letter],
    *,
    exactly: bool,
) -> Step:
    """The step for a pile. `exactly`: there are letters of the same cause that need something else."""
    selection = ["--cause", pile.cause]
    if exactly:
        selection += ["--disposition", pile.disposition]
    if pile.target:
        selection += ["--target", pile.target]
    options = Selection(
        causes=frozenset({pile.cause}),
        dispositions=frozenset({pile.disposition} if exactly else ()),
        targets=frozenset({pile.target} if pile.target else ()),
    )
    where = _where(pile, options, kinds, again)
    one = pile.count == 1
    letters = words.letters(pile.count)
    chosen = pile.way is not None and pile.way.chosen
    delivery = again.delivery(pile.way or Way.OWED)

    show = again(redact, "show", pile.first.id)

    def both(*command: str) -> tuple[str, ...]:
        """The dry run, and what it is one of; of a target that is still to be chosen the dry run only."""
        dry = again(redact, *command, *selection, "--dry-run", where=where)
        return (dry,) if chosen else (dry, again(redact, *command, *selection, where=where))

    what_to_do = advice(causes, pile.cause, pile.disposition, pile.way or Way.OWED, archived=again.archived)
    if pile.elsewhere:
        some = f"{pile.elsewhere:,} of these wait{'s' if pile.elsewhere == 1 else ''}"
        said = "It waits" if one else "They all wait" if pile.elsewhere == pile.count else some
        what_to_do = f"{what_to_do} {said} for another target as well: counted there, too."
    commands: tuple[str, ...]
    match pile.disposition:
        case Disposition.TRANSIENT if chosen:
            title, commands = f"{letters} need{'s' if one else ''} a target", (show, *both(*delivery))
        case Disposition.TRANSIENT if pile.way is Way.SOURCE:
            title, commands = f"{letters} can be replayed to where {'it' if one else 'they'} came from", both(*delivery)
        case Disposition.TRANSIENT:
            title, commands = f"{letters} can be retried", both(*delivery)
        case Disposition.NEEDS_FIX:
            wait = f" for a repair at {redact(words.short(pile.target))}" if pile.target else " for a repair"
            title = f"{letters} wait{'s' if one else ''}{wait}"
            commands = (show, *both(*delivery))
        case Disposition.PERMANENT:
            title = f"{letters} cannot be delivered as {'it is' if one else 'they are'}"
            commands = (show,) if again.archived else both("archive")
        case Disposition.UNKNOWN:
            title = f"{letters} need{'s' if one else ''} somebody to look"
            commands = (show,)
            if pile.way is not Way.UNSAID:  # which this Turnout delivers to nothing but a chosen target
                way = delivery
                if pile.way is Way.NOWHERE:
                    way = ("replay", "--to-source", *(() if again.one_source else ("--source-queue", "URL")))
                commands += (again(redact, *way, "--id", pile.first.id, "--dry-run"),)
    return Step(f"{title} ({pile.cause})", what_to_do, commands, pile.count, pile.disposition)
