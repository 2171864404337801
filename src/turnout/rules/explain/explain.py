"""Why a rule matches an event, or what keeps it from matching: its condition as a tree, with the values it met.

One condition at a time; event.py holds an event against a whole ruleset. What is seen here is what the
interpreter sees, a property test holds the verdicts equal. How it is printed is the command line's business.

What is shown of an event may be contact data. Whoever shows it to others than the one who brought the event passes a
`redact` function, which is asked about every value before it becomes part of the explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from turnout.rules.condition import interpret
from turnout.rules.condition.ast import (
    And,
    Condition,
    Constant,
    Every,
    Length,
    Lower,
    Not,
    Or,
    Path,
    Root,
    Some,
    Spread,
    Term,
    plain_path,
)
from turnout.rules.condition.compile import compile_condition
from turnout.rules.condition.interpret import Scope
from turnout.rules.condition.wording import Wording, is_term, looked_at, parts, whole_path
from turnout.rules.explain.finding import Finding, Found, mark_first_failure, nearest_of
from turnout.rules.explain.locating import Located, locate, why_nothing
from turnout.rules.explain.mismatch import why_not
from turnout.rules.showing import kind_of, shown
from turnout.rules.spelling import DID_YOU_MEAN

__all__ = ["Redact", "explain"]

Redact: TypeAlias = Callable[[Located], str | None]
"""What to show in place of a value; None shows the value itself."""

_MOST_VALUES = 10
"""Values shown of one term."""
_MOST_ELEMENTS = 5
"""Elements whose conditions are shown, of one `any` or `all`."""


def explain(
    condition: Condition, event: object, metadata: object = None, *, source: str = "", redact: Redact | None = None
) -> Finding:
    """The condition as a tree, with what each part of it found in the event. Total, as evaluation is.

    `source` is what the condition was read from (`Rule.source`): terms are then in its words.
    """
    explainer = _Explainer(Wording(source), event, metadata, redact)
    finding = explainer.condition(condition, None, None)
    return finding if finding.verdict else mark_first_failure(finding)


class _Explainer:
    """Explains the parts of one condition for one event."""

    def __init__(self, wording: Wording, event: object, metadata: object, redact: Redact | None) -> None:
        self._wording = wording
        self._event = Located(event, Root.EVENT)
        self._metadata = Located(metadata, Root.METADATA)
        self._redact = redact

    def condition(self, condition: Condition, element: Located | None, around: Path | None) -> Finding:
        """A condition inside `element`, which the path `around` led to."""
        if is_term(condition):
            return self._term(condition, element, around)
        match condition:
            case And() | Or():
                return self._joined(condition, element, around)
            case Not(item=item):
                inner = self.condition(item, element, around)
                held = int(not inner.verdict)
                return Finding("not", "not", not inner.verdict, held, 1, parts=(inner,))
            case Some() | Every():
                return self._quantified(condition, element, around)
        return self._term(condition, element, around)

    # --------------------------------------------------------------------------------------------------- connectives

    def _joined(self, condition: And | Or, element: Located | None, around: Path | None) -> Finding:
        kind = "and" if isinstance(condition, And) else "or"
        found: list[Finding] = []
        for part in parts(condition):
            finding = self.condition(part, element, around)
            # What a pattern asks of one object reads better beside its neighbours than below them.
            found += finding.parts if finding.kind == kind else [finding]
        if kind == "and":
            verdict, held, asked = all(part.verdict for part in found), _held(found), _asked(found)
        else:
            verdict = any(part.verdict for part in found)
            nearest = nearest_of(found)
            held, asked = nearest.held, nearest.asked
        return Finding(kind, kind, verdict, held, asked, parts=tuple(found))

    def _quantified(self, condition: Some | Every, element: Located | None, around: Path | None) -> Finding:
        kind = "any" if isinstance(condition, Some) else "all"
        places = self._locate(condition.path, element)
        over = whole_path(condition.path, around)
        if kind == "any" and len(places) == 1 and self._is_plain(condition.path, element):
            return self.condition(condition.condition, places[0], over)
        # There may be a hundred thousand elements, and the interpreter takes several times as long for each.
        holds = compile_condition(condition.condition)
        verdicts = [holds(self._event.value, self._metadata.value, place.value) for place in places]
        verdict = any(verdicts) if kind == "any" else bool(verdicts) and all(verdicts)
        # Those that decide come first: an element that fits, or one that does not.
        order = sorted(range(len(places)), key=lambda index: verdicts[index] is not (kind == "any"))
        shown = sorted(order[:_MOST_ELEMENTS])
        found = tuple(self._element(condition.condition, places[index], over) for index in shown)
        text = f"{kind} of {self._wording.path(condition.path, around)}"
        if not places:
            return Finding(kind, text, verdict, 0, 1, note=self._why_nothing(condition.path, element))
        if kind == "any":
            nearest = nearest_of(found)
            held, asked = nearest.held, nearest.asked
        else:
            held, asked = sum(verdicts), len(verdicts)
        return Finding(kind, text, verdict, held, asked, more=len(places) - len(found), parts=found)

    def _element(self, condition: Condition, place: Located, around: Path) -> Finding:
        inner = self.condition(condition, place, around)
        # The terms of a pattern name their paths in full, so the value as a whole says nothing more.
        found = () if isinstance(place.value, dict) else (self._found(place, place.value),)
        inside = inner.parts if inner.kind == "and" else (inner,)
        return Finding("element", place.path, inner.verdict, inner.held, inner.asked, found=found, parts=inside)

    def _is_plain(self, path: Path, element: Located | None) -> bool:
        """Whether the only value of the path stands where its members lead to, in no array."""
        plain = tuple(segment for segment in path.segments if not isinstance(segment, Spread))
        found = self._locate(Path(path.root, plain), element)
        return self._wording.is_pattern and len(found) == 1 and not isinstance(found[0].value, list)

    # --------------------------------------------------------------------------------------------------------- terms

    def _term(self, condition: Condition, element: Located | None, around: Path | None) -> Finding:
        verdict = self._holds(condition, element)
        met = [
            (place, value, term)
            for term in dict.fromkeys(term for _, term in looked_at(condition))
            for place in self._locate(plain_path(term), element)
            for value in _applied(term, place.value)
        ]
        # Two nodes of one term may meet the same value: a pattern's array and the `exists` in it do.
        found = tuple(dict.fromkeys(self._found(*each) for each in met[:_MOST_VALUES]))
        note, slip = ("", False) if verdict else self._note(condition, element, bool(found))
        text, more = self._wording.text(condition, around), max(0, len(met) - _MOST_VALUES)
        return Finding("term", text, verdict, int(verdict), 1, found=found, more=more, note=note, slip=slip)

    def _note(self, condition: Condition, element: Located | None, any_found: bool) -> tuple[str, bool]:
        """Why the term is false, and whether that is a slip."""
        if isinstance(condition, Constant):
            return "it is never true", False
        for _, term in looked_at(condition):
            path = plain_path(term)
            if path.root is Root.METADATA and self._metadata.value is None:
                return "no metadata was given", False
            if not self._locate(path, element):
                nothing = self._why_nothing(path, element)
                return nothing, DID_YOU_MEAN in nothing
        if not any_found:
            return "the values found are of no kind that this looks at", False
        remark = why_not(condition, lambda term: self._values(term, element))
        return remark, bool(remark)

    def _values(self, term: Term, element: Located | None) -> list[object]:
        return [value for place in self._locate(plain_path(term), element) for value in _applied(term, place.value)]

    # ------------------------------------------------------------------------------------------------------- values

    def _start(self, root: Root, element: Located | None) -> Located:
        if root is Root.EVENT:
            return self._event
        return self._metadata if root is Root.METADATA else element or Located(None, Root.ELEMENT)

    def _locate(self, path: Path, element: Located | None) -> list[Located]:
        return locate(path.segments, self._start(path.root, element), self._holds)

    def _why_nothing(self, path: Path, element: Located | None) -> str:
        start = self._start(path.root, element)
        return why_nothing(path.segments, start, self._holds, name_members=self._redact is None)

    def _holds(self, condition: Condition, element: Located | None) -> bool:
        value = element.value if element else None
        return interpret.holds(condition, Scope(self._event.value, self._metadata.value, value))

    def _found(self, place: Located, value: object, term: Term | None = None) -> Found:
        hidden = self._redact(place) if self._redact is not None else None
        at = place.path
        while isinstance(term, Lower | Length):
            at = f"lower({at})" if isinstance(term, Lower) else f"len({at})"
            term = term.term
        return Found(at, kind_of(value), shown(value) if hidden is None else hidden)


def _applied(term: Term, value: object) -> Sequence[object]:
    """What a term makes of a value of its path: the value itself, its length, or nothing."""
    if isinstance(term, Path):
        return (value,)
    functions: Term = _over_element(term)
    return interpret.find(functions, Scope(None, element=value))


def _over_element(term: Term) -> Term:
    if isinstance(term, Path):
        return Path(Root.ELEMENT, ())
    return type(term)(_over_element(term.term))


def _held(findings: Sequence[Finding]) -> int:
    return sum(finding.held for finding in findings)


def _asked(findings: Sequence[Finding]) -> int:
    return sum(finding.asked for finding in findings)
