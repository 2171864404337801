"""Finds what nothing uses and nothing shows: targets without rules, rules without examples, members no event has."""

from __future__ import annotations

from turnout.queues import queue_key
from turnout.rules.condition.ast import (
    Compare,
    Condition,
    Constant,
    Every,
    Key,
    Path,
    Root,
    Segment,
    Some,
    Spread,
    plain_path,
    terms,
    walk,
)
from turnout.rules.condition.render import render_path
from turnout.rules.files.load import Reading
from turnout.rules.lint.placing import Findings
from turnout.rules.model import Kind, Rule
from turnout.rules.problems import Code
from turnout.rules.spelling import nearest

__all__ = [
    "known_members",
    "misspelt",
    "warn_of_doubled_targets",
    "warn_of_few_examples",
    "warn_of_misspelt_members",
    "warn_of_unused_targets",
]

_ENVELOPE = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
"""The members of every event of EventBridge."""
_BELOW_IT = (Key("detail"), Key("detail-type"))
"""Of these, what hardly any other member has."""
_CLOSE = 0.8
"""How near a name must be to one of these to be taken for a slip."""
_CONSTANTS = {"true": "true", "false": "false", "none": "null", "null": "null"}
"""By what people call them, in small letters."""
_METADATA = {
    **{name: name for name in ("attributes", "receive_count", "message_id", "sent_timestamp", "group_id")},
    **dict.fromkeys(("message_attributes", "messageAttributes", "MessageAttributes"), "attributes"),
}
"""Metadata by what it is called without `@`. A `queue`, an event may well have."""
_ELEMENTS = ("item", "it", "this", "each", "element")
"""What an element is called in other languages."""


def warn_of_unused_targets(reading: Reading, findings: Findings) -> None:
    """One warning per target that neither a rule nor `unmatched` names. Disabled rules count: they may come back."""
    used = {name for rule in reading.rules for name in rule.send} | {reading.unmatched}
    for name in reading.targets:
        if name not in used:
            findings.target(Code.UNUSED_TARGET, f"no rule sends to the target '{name}', nor does unmatched", name)


def warn_of_doubled_targets(reading: Reading, findings: Findings) -> None:
    """One warning per target whose place is that of one before it: what goes to both comes there twice."""
    first: dict[tuple[Kind, str], str] = {}
    for name, target in reading.targets.items():
        if target.unresolved or not target.address:
            continue
        one = target.kind is Kind.QUEUE and (":" in target.address)  # a name alone has one spelling
        place = (target.kind, queue_key(target.address) if one else target.address)
        if place in first:
            what = f"the targets '{first[place]}' and '{name}' are one {target.kind.replace('_', ' ')}"
            findings.target(Code.SAME_PLACE, f"{what}: an event that is sent to both comes there twice", name)
        first.setdefault(place, name)


def warn_of_few_examples(rule: Rule, findings: Findings) -> None:
    """A warning when the rule has not both: an example that matches, and one that does not."""
    if isinstance(rule.condition, Constant):
        return  # it has examples of one kind only, and a warning of its own
    shown = {example.match for example in rule.examples}
    wanted = [
        text
        for match, text in ((True, "matches (match: true)"), (False, "does not (match: false)"))
        if match not in shown
    ]
    if wanted:
        findings.rule(Code.FEW_EXAMPLES, f"there is no example that {' and none that '.join(wanted)}", rule)


def warn_of_misspelt_members(rule: Rule, findings: Findings) -> None:
    """A warning per member of the event that no example shows and that is probably something else.

    It is called nearly like one of EventBridge's; or it holds one of these, as `event.detail` does elsewhere; or it is
    called as metadata is, whose `@` was left out; or it is compared with another path, as a text without quotes is; or
    it stands in any(...) or all(...), where `@` of the element was left out.

    Events need not come from EventBridge: an example that matches and has the member settles it.
    """
    known = known_members(rule)
    if known is None:
        return
    inside = [each.condition for each in walk(rule.condition) if isinstance(each, Some | Every)]
    is_pattern = rule.source.startswith("{")  # where a name with a dot means members below others, looked at, too
    of_elements = {id(condition) for outer in inside for condition in walk(outer)}
    for condition in walk(rule.condition):
        for path in map(plain_path, terms(condition)):
            first = path.segments[0] if path.root is Root.EVENT and path.segments else None
            if isinstance(first, Key) and first.name not in known and not (is_pattern and "." in first.name):
                known.add(first.name)
                if doubt := _doubt(path, first.name, condition, in_element=id(condition) in of_elements):
                    findings.condition(*doubt, rule, condition)


def known_members(rule: Rule) -> set[str] | None:
    """The members of every event of EventBridge, and of the events that the rule's examples match; None when one of
    these is in a file.
    """
    matching = [example for example in rule.examples if example.match]
    if any(example.event is None for example in matching):
        return None
    return {*_ENVELOPE, *(name for example in matching for name in example.event or ())}


def misspelt(path: Path, name: str, *, in_element: bool = False) -> str:
    """What is said of a path that begins with this member, which nothing shows, if it is probably misspelt."""
    unseen = f"a path begins in the event, and no example that matches has '{name}'"
    if hint := nearest(name, _ENVELOPE, cutoff=_CLOSE):
        return f"an event of EventBridge has no '{name}', nor has an example that matches{hint}"
    if (below := _below(path)) and below[0] in _BELOW_IT:
        return f"{unseen}; write {render_path(Path(Root.EVENT, below))}"
    meant = "" if in_element else _metadata_meant(path)
    return f"{unseen}; {meant}" if meant else ""


def _doubt(path: Path, name: str, condition: Condition, *, in_element: bool) -> tuple[Code, str] | None:
    """What a path that begins with a member that nothing shows is probably meant for; None when it may be right."""
    if message := misspelt(path, name, in_element=in_element):
        return Code.MISSPELT, message
    if isinstance(condition, Compare) and len(path.segments) == 1:
        return Code.UNQUOTED, _unquoted(name)
    if in_element and not path.text.startswith("$"):
        named = name in _ELEMENTS and len(path.segments) > 1
        written = render_path(Path(Root.ELEMENT, path.segments[1 if named else 0 :]))
        return Code.UNQUOTED, f"{path.text} stands for a member of the event; for one of the element write {written}"
    return None


def _metadata_meant(path: Path) -> str:
    """What to write, where the path begins in the event and is called as metadata of the message is; else nothing."""
    first = path.segments[0]
    if not path.text or path.text.startswith("$") or not isinstance(first, Key):
        return ""
    name = _METADATA.get(first.name, "")
    if not name or len(path.segments) != (2 if name == "attributes" else 1):
        return ""
    written = render_path(Path(Root.METADATA, (Key(name), *path.segments[1:])))
    return f"what SQS tells of the message is written {written}"


def _below(path: Path) -> tuple[Segment, ...]:
    """The steps below the first one; in a pattern, each step is followed by one into arrays."""
    return path.segments[2 if path.segments[1:2] == (Spread(deep=True),) else 1 :]


def _unquoted(name: str) -> str:
    constant = _CONSTANTS.get(name.lower())
    meant, kind = (constant, "constant") if constant else (f"'{name}'", "text")
    return f"{name} stands for a member of the event, beside detail; for the {kind} write {meant}"
