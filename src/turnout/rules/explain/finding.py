"""What an explanation consists of: the parts of a condition, what became of each, and which is to be repaired first."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["Finding", "Found", "brief", "mark_first_failure", "nearest_of"]


class Found(msgspec.Struct, frozen=True):
    """A value that a term found: where, what kind of value, and how it reads."""

    at: str
    kind: str
    shown: str


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part of a condition and what became of it.

    `kind` is `term`, or `and`, `or`, `not`, `any`, `all` with `parts` inside, or `element` for one value of an `any`
    or `all`. `held` of `asked` terms are as they have to be; of alternatives, the nearest one counts.
    """

    kind: str
    text: str
    verdict: bool
    held: int
    asked: int
    found: tuple[Found, ...] = ()
    more: int = 0
    """Values, or elements, that were found beyond those shown."""
    note: str = ""
    """Why nothing was found, or why what was found does not fit."""
    slip: bool = False
    """Whether the note tells of a usual slip: another type, upper case, blanks, a misspelt name."""
    first_failure: bool = False
    """Whether this is the first thing to repair when the whole condition should be true."""
    parts: tuple[Finding, ...] = ()

    @property
    def nearness(self) -> tuple[float, bool, int]:
        """How near the part is to being true: the share of its terms, then whether a slip keeps it from being true,
        then how many terms found a value at all.
        """
        return (self.held / self.asked if self.asked else 0.0, self._has_slip(), self._with_values())

    def _has_slip(self) -> bool:
        return self.slip or any(part._has_slip() for part in self.parts)

    def _with_values(self) -> int:
        return bool(self.found) + sum(part._with_values() for part in self.parts)


def nearest_of(findings: Sequence[Finding]) -> Finding:
    """The part that is nearest to being true; of equal ones the first."""
    return max(findings, key=lambda finding: (finding.verdict, *finding.nearness))


def mark_first_failure(finding: Finding) -> Finding:
    """The finding, which is false, with the first term marked that keeps it from being true."""
    match finding.kind:
        case "and" | "all" | "element":
            culprit = next((part for part in finding.parts if not part.verdict), None)
        case "or" | "any":
            culprit = nearest_of(finding.parts) if finding.parts else None
        case _:
            culprit = None
    if culprit is None:
        return msgspec.structs.replace(finding, first_failure=True)
    marked = tuple(mark_first_failure(part) if part is culprit else part for part in finding.parts)
    return msgspec.structs.replace(finding, parts=marked)


def brief(finding: Finding) -> str:
    """What keeps a condition from being true, in one line: the term that fails first, and what it found."""
    first = _first_failure(finding) or finding
    found = ", ".join(f"{each.at} = {each.shown}" for each in first.found)
    return f"{first.text} is false" + "".join(f"; {part}" for part in (found, first.note) if part)


def _first_failure(finding: Finding) -> Finding | None:
    if finding.first_failure:
        return finding
    return next((found for part in finding.parts if (found := _first_failure(part))), None)
