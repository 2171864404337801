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

__all__ = ["steps", "targets_of"]

_MOST_STEPS = 12
_ORDER = (Disposition.NEEDS_FIX, Disposition.TRANSIENT, Disposition.UNKNOWN, Disposition.PERMANENT)
"""A repair first: what lies behind it fails again until it is made."""
_ALL_TARGETS = ""


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
    letters: Sequence[Letter], causes: CauseTable, arguments: Sequence[str], redact: Callable[[str], str]
) -> tuple[Step, ...]:
    """What to do with these letters. `arguments` name their source in a command (`--queue URL`), and narrow it."""
    piles: dict[tuple[str, str, str, bool], _Pile] = {}
    for letter in letters:
        whole = letter.payload is Payload.WHOLE
        # Something is to be repaired at each target on its own.
        targets = targets_of(letter) if letter.disposition is Disposition.NEEDS_FIX and whole else ()
        for target in targets or (_ALL_TARGETS,):
            pile = piles.setdefault(
                (letter.cause, letter.disposition, target, whole),
                _Pile(letter.cause, letter.disposition, target, whole, 0, letter),
            )
            pile.count += 1
    ordered = sorted(
        piles.values(), key=lambda pile: (not pile.whole, _ORDER.index(pile.disposition), -pile.count, pile.target)
    )
    mixed = {cause for cause, count in Counter(cause for cause, _ in {key[:2] for key in piles}).items() if count > 1}
    return tuple(_step(pile, causes, arguments, redact, exactly=pile.cause in mixed) for pile in ordered[:_MOST_STEPS])


def _step(
    pile: _Pile, causes: CauseTable, arguments: Sequence[str], redact: Callable[[str], str], *, exactly: bool
) -> Step:
    """The step for a pile. `exactly`: there are letters of the same cause that need something else."""
    selection = ["--cause", pile.cause]
    if exactly:
        selection += ["--disposition", pile.disposition]
    if pile.target:
        selection += ["--target", pile.target]
    letters = f"{pile.count:,} letter{'' if pile.count == 1 else 's'}"
    advice = causes.advice(pile.cause)

    def command(verb: str, *more: str) -> str:
        return redact(shlex.join(["turnout", "dlq", verb, *arguments, *more]))

    dry, real = (*selection, "--dry-run"), tuple(selection)
    if not pile.whole:
        return Step(
            f"{letters} without the event",
            "They carry a pointer to it, or a part of it: nothing here can deliver them. Find the event at its source, "
            "then archive the letter.",
            (command("show", pile.first.id), command("archive", *dry)),
            pile.count,
            pile.disposition,
        )
    commands: tuple[str, ...]
    match pile.disposition:
        case Disposition.TRANSIENT:
            title, commands = f"{letters} can be retried", (command("retry", *dry), command("retry", *real))
        case Disposition.NEEDS_FIX:
            wait = f" for a repair at {redact(short(pile.target))}" if pile.target else " for a repair"
            title = f"{letters} wait{'s' if pile.count == 1 else ''}{wait}"
            commands = (command("show", pile.first.id), command("replay", *dry), command("replay", *real))
        case Disposition.PERMANENT:
            title = f"{letters} cannot be delivered as {'it is' if pile.count == 1 else 'they are'}"
            commands = (command("archive", *dry), command("archive", *real))
        case Disposition.UNKNOWN:
            title = f"{letters} need{'s' if pile.count == 1 else ''} somebody to look"
            commands = (command("show", pile.first.id), command("replay", "--id", pile.first.id, "--dry-run"))
    return Step(f"{title} ({pile.cause})", advice, commands, pile.count, pile.disposition)
