"""Why a letter failed, and what would help: asks the evidence in its order, the table says what it means.

The order: the outermost failure first, because that is why the letter lies where it lies; of one failure its code,
then an HTTP status that was given as such, then its error message; at last what is wrong with the body itself.
Never the text of a body: "429" may be part of a telephone number.

Where several targets failed, each for a reason of its own, the one that can be helped first says what would help: what
will never arrive at one must not keep another from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from turnout.recovery.causes import Cause, CauseTable, Disposition, Row, Verdict
from turnout.recovery.letter import Evidence
from turnout.rules.model import Rejection

__all__ = ["classify", "in_order"]

_UNKNOWN = Verdict(Cause.UNKNOWN, Disposition.UNKNOWN, "nothing says why")


_HELP = (Disposition.TRANSIENT, Disposition.NEEDS_FIX, Disposition.UNKNOWN, Disposition.PERMANENT)
"""Of several targets' failures that counts which comes first here."""


def in_order(evidence: Sequence[Evidence], table: CauseTable) -> tuple[Evidence, ...]:
    """The evidence, and of several targets' failures that first which can be helped first."""

    def help_of(each: Evidence) -> int:
        return _HELP.index((_of_one(each, table) or _UNKNOWN).disposition)

    found: list[Evidence] = []
    for of_targets, group in groupby(evidence, lambda each: bool(each.target)):
        several = list(group)
        found += sorted(several, key=help_of) if of_targets else several
    return tuple(found)


def classify(evidence: Sequence[Evidence], table: CauseTable, rejection: Rejection | None = None) -> Verdict:
    """The verdict on this evidence, `in_order`. `rejection` is why the body is no event, when it is none."""
    for each in evidence:
        verdict = _of_one(each, table)
        if each.target:
            found = verdict or _UNKNOWN
            return Verdict(found.cause, found.disposition, f"{each.target}: {found.because}")
        if verdict is not None and (verdict.cause, verdict.disposition) != (Cause.UNKNOWN, Disposition.UNKNOWN):
            return verdict
    if rejection is not None and (row := table.code("turnout", rejection.reason)):
        return _because(row, rejection.message)
    return _UNKNOWN


def _of_one(evidence: Evidence, table: CauseTable) -> Verdict | None:
    row = table.code(evidence.vocabulary, evidence.code) if evidence.code else None
    coded = _because(row, f"{evidence.vocabulary} code {evidence.code}") if row else None
    if coded is not None and row is not None and not row.read:
        return coded
    if evidence.status and (of_status := table.status(evidence.status)):
        return _because(of_status, f"HTTP status {evidence.status}")
    if said := table.text(evidence.message) if evidence.message else None:
        if coded is not None and coded.disposition is not Disposition.UNKNOWN:
            # The code already says what would help; the message only says more exactly what it was.
            return Verdict(said.cause, coded.disposition, f"{coded.because}; {said.because}")
        return said
    if coded is None and (of_fault := table.fault(evidence.fault)):
        return _because(of_fault, f"fault {evidence.fault}")
    return coded


def _because(row: Row, reason: str) -> Verdict:
    return Verdict(row.cause, row.disposition, reason)
