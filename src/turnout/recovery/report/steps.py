"""What to do next: letters that need the same are put together, with the commands for them.

Nothing here does anything, and no command that changes something is given without its dry run before it.
"""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from turnout.recovery.causes import Cause, CauseTable, Disposition
from turnout.recovery.letter import Letter, Payload
from turnout.recovery.report.model import Step
from turnout.recovery.report.words import short

__all__ = ["Command", "steps", "targets_of"]

_MOST_STEPS = 12
_ORDER = (Disposition.NEEDS_FIX, Disposition.TRANSIENT, Disposition.UNKNOWN, Disposition.PERMANENT)
"""A repair first: what lies behind it fails again until it is made."""
_ALL_TARGETS = ""
_WITHOUT_EVENT = ("", "", "", False)


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """How a command names the letters of a report again: options, as words of a command line."""

    source: tuple[str, ...] = ()
    """Where they are (`--queue URL`); empty for the queue of the settings."""
    narrowing: tuple[str, ...] = ()
    """What else selected them, but for cause, disposition, target and `--where`."""
    targets: tuple[str, ...] = ()
    """Those that were selected."""
    dispositions: bool = False
    """Whether only some dispositions were selected."""
    where: str = ""

    def delivery(self, letter: Letter) -> tuple[str, ...]:
        """The command that delivers letters like this one, and where to."""
        if self.source[:1] == ("--failed-events",):
            return ("replay", "--to-api", self.source[1])
        return ("retry",) if letter.delivery is not None else ("replay", "--to-source")

    def __call__(self, verb: str, *options: str, where: str = "") -> str:
        """A command line, quoted for a shell."""
        targets = () if "--target" in options or verb == "show" else self.targets
        narrowing = () if verb == "show" else self.narrowing
        conditions = [condition for condition in (self.where, where) if condition and verb != "show"]
        joined = " and ".join(f"({one})" for one in conditions) if len(conditions) > 1 else "".join(conditions)
        words = [*self.source, *narrowing, *(word for target in targets for word in ("--target", target))]
        words += ["--where", joined] if joined else []
        return shlex.join(["turnout", "dlq", verb, *words, *options])


class _Pile(msgspec.Struct):
    """Letters that need the same."""

    cause: Cause
    disposition: Disposition
    target: str
    whole: bool
    count: int
    first: Letter


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
    piles: dict[tuple[str, str, str, bool], _Pile] = {}
    for letter in letters:
        whole = letter.payload is Payload.WHOLE
        # Something is to be repaired at each target on its own.
        targets = targets_of(letter) if letter.disposition is Disposition.NEEDS_FIX and whole else ()
        for target in targets or (_ALL_TARGETS,):
            key = (letter.cause.value, letter.disposition.value, target, whole) if whole else _WITHOUT_EVENT
            pile = piles.setdefault(
                key,
                _Pile(letter.cause, letter.disposition, target, whole, 0, letter),
            )
            pile.count += 1
    ordered = sorted(
        piles.values(), key=lambda pile: (not pile.whole, _ORDER.index(pile.disposition), -pile.count, pile.target)
    )
    kinds = {(pile.cause, pile.disposition) for pile in piles.values() if pile.whole}
    mixed = {cause for cause, count in Counter(cause for cause, _ in kinds).items() if count > 1}
    shown = tuple(
        _step(pile, causes, again, redact, exactly=again.dispositions or pile.cause in mixed)
        for pile in ordered[:_MOST_STEPS]
    )
    return shown, len(ordered) - len(shown)


def _step(pile: _Pile, causes: CauseTable, again: Command, redact: Callable[[str], str], *, exactly: bool) -> Step:
    """The step for a pile. `exactly`: there are letters of the same cause that need something else."""
    selection = ["--cause", pile.cause]
    if exactly:
        selection += ["--disposition", pile.disposition]
    if pile.target:
        selection += ["--target", pile.target]
    letters = f"{pile.count:,} letter{'' if pile.count == 1 else 's'}"
    advice = causes.advice(pile.cause)

    def command(verb: str, *options: str, where: str = "") -> str:
        return redact(again(verb, *options, where=where))

    way = again.delivery(pile.first)
    dry, real = (*selection, "--dry-run"), tuple(selection)
    if not pile.whole:
        return Step(
            f"{letters} without the event",
            "They carry a pointer to it, or a part of it: nothing here can deliver them. Find the event at its source, "
            "then archive the letter.",
            (
                command("show", pile.first.id),
                command("archive", "--dry-run", where='@payload != "whole"'),
                command("archive", where='@payload != "whole"'),
            ),
            pile.count,
            pile.disposition,
        )
    commands: tuple[str, ...]
    match pile.disposition:
        case Disposition.TRANSIENT:
            title, commands = f"{letters} can be retried", (command(*way, *dry), command(*way, *real))
        case Disposition.NEEDS_FIX:
            wait = f" for a repair at {redact(short(pile.target))}" if pile.target else " for a repair"
            title = f"{letters} wait{'s' if pile.count == 1 else ''}{wait}"
            commands = (command("show", pile.first.id), command(*way, *dry), command(*way, *real))
        case Disposition.PERMANENT:
            title = f"{letters} cannot be delivered as {'it is' if pile.count == 1 else 'they are'}"
            commands = (command("archive", *dry), command("archive", *real))
        case Disposition.UNKNOWN:
            title = f"{letters} need{'s' if pile.count == 1 else ''} somebody to look"
            commands = (command("show", pile.first.id),)
            if pile.cause is not Cause.LETTER_UNREADABLE:  # which this Turnout delivers to nothing but a chosen target
                commands += (command(*way, "--id", pile.first.id, "--dry-run"),)
    return Step(f"{title} ({pile.cause})", advice, commands, pile.count, pile.disposition)
