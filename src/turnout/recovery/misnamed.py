"""Options that select letters by a name which no letter has, as after a slip, and what was probably meant."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.recovery.letter import Letter
from turnout.recovery.selection import Selection, all_targets, is_named, last_part
from turnout.rules.spelling import nearest

__all__ = ["Noticing"]


class Noticing:
    """A selection that takes note of how the letters it is asked about are named."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._targets: set[str] = set()
        self._rules: set[str] = set()
        self._asked = False

    def __call__(self, letter: Letter) -> bool:
        """Whether a letter is selected."""
        self._asked = True
        self._targets.update(all_targets(letter))
        self._rules.update(letter.rules)
        return self._selection(letter)

    def misnamed(self) -> tuple[str, ...]:
        """A sentence for each target and rule that was asked for, and that no letter names; none without letters."""
        if not self._asked:
            return ()
        return (
            *_strangers("--target", self._selection.targets, self._targets, "is owed to it"),
            *_strangers("--rule", self._selection.rules, self._rules, "is of it"),
        )


def _strangers(option: str, wanted: Iterable[str], names: set[str], what: str) -> list[str]:
    known = names | {last_part(name) for name in names}
    return [
        f"{option} {name}: no letter that was read {what}{nearest(name, sorted(known))}"
        for name in sorted(wanted)
        if not is_named({name}, names)
    ]
