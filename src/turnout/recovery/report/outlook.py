"""What can be done with letters, at a glance. None counts as one to be retried that a retry would leave alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from turnout.recovery.causes import Disposition
from turnout.recovery.letter import Letter
from turnout.recovery.report.model import Outlook
from turnout.recovery.report.steps import Command
from turnout.recovery.report.ways import Way

__all__ = ["outlook"]

_OUTLOOKS: tuple[tuple[str, str, str, Disposition | None], ...] = (
    ("retry", "can be retried", "can be retried", Disposition.TRANSIENT),
    (
        "replay",
        "can be replayed to where it came from",
        "can be replayed to where they came from",
        Disposition.TRANSIENT,
    ),
    ("target", "needs a target", "need a target", Disposition.TRANSIENT),
    ("repair", "waits for a repair", "wait for a repair", Disposition.NEEDS_FIX),
    ("archive", "cannot be delivered", "cannot be delivered", Disposition.PERMANENT),
    ("look", "needs a look", "need a look", Disposition.UNKNOWN),
    ("without-event", "without the event", "without the event", None),
    ("done", "is dealt with already", "are dealt with already", None),
)
"""Names, words for one and for more, and dispositions, in the order in which they are shown."""
_OTHERS = {Disposition.NEEDS_FIX: "repair", Disposition.PERMANENT: "archive", Disposition.UNKNOWN: "look"}


def outlook(letters: Iterable[Letter], again: Command, settled: Collection[str] = ()) -> tuple[Outlook, ...]:
    """The outlooks that there are for these letters; `again` says where they were read, `settled` which need none."""
    counts = Counter(
        "done" if letter.id in settled else _name(letter.disposition, again.way(letter)) for letter in letters
    )
    return tuple(
        Outlook(name, one if counts[name] == 1 else more, counts[name], disposition)
        for name, one, more, disposition in _OUTLOOKS
        if counts[name]
    )


def _name(disposition: Disposition, way: Way) -> str:
    if way is Way.NONE:
        return "without-event"
    if disposition is not Disposition.TRANSIENT:
        return _OTHERS[disposition]
    if way.chosen:
        return "target"
    return "replay" if way is Way.SOURCE else "retry"
