"""What a rule adds to the messages it sends: group, deduplication id, delay and attributes, read from the event.

Values come from the first scalar that a path yields. A path without one adds nothing. What SQS takes for a group is
the sender's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from turnout.message import Attribute, sendable
from turnout.rules.condition.ast import Path, Scalar
from turnout.rules.condition.compile import compile_finder
from turnout.rules.model import Kind, Rule, Send, Target

__all__ = ["Shaper", "as_attribute", "compile_shaper", "paths_of", "taken_by"]

Shaper: TypeAlias = Callable[[object, object], Send]
"""(event, metadata) -> what goes with the message."""
_Read: TypeAlias = Callable[[object, object], Scalar]


def paths_of(rule: Rule) -> Iterable[Path]:
    """The paths that shaping this rule's messages reads."""
    return (part for part in (rule.group, rule.deduplicate, *rule.attributes.values()) if isinstance(part, Path))


def taken_by(target: Target) -> tuple[str, ...]:
    """The parts of a `Send` that make a difference at the target; all that may, while its address is not known."""
    kind, unknown = target.kind, bool(target.unresolved)
    is_queue = kind is Kind.QUEUE
    is_fifo = kind in (Kind.QUEUE, Kind.TOPIC) and target.address.endswith(".fifo")
    taken = {
        "group": is_queue or is_fifo or unknown,
        "deduplicate": is_fifo or kind in (Kind.URL, Kind.STATE_MACHINE) or unknown,
        "delay": (is_queue and not is_fifo) or unknown,
        "attributes": kind not in (Kind.BUS, Kind.STATE_MACHINE),
    }
    return tuple(part for part, is_taken in taken.items() if is_taken)


def compile_shaper(rule: Rule) -> Shaper | None:
    """The function that shapes this rule's messages; None when the rule says nothing about them."""
    if not rule.shapes_messages:
        return None
    group = _reader(rule.group)
    deduplicate = _reader(rule.deduplicate)
    attributes = {name: _reader(source) for name, source in rule.attributes.items()}

    def shape(event: object, metadata: object) -> Send:
        found = {name: as_attribute(read(event, metadata)) for name, read in attributes.items()}
        return Send(
            group=_text(group(event, metadata)),
            deduplicate=_text(deduplicate(event, metadata)),
            delay=rule.delay,
            attributes={name: attribute for name, attribute in found.items() if attribute is not None},
        )

    return shape


def _reader(source: Path | Scalar) -> _Read:
    if not isinstance(source, Path):
        return lambda event, metadata: source
    find = compile_finder(source)

    def read(event: object, metadata: object) -> Scalar:
        for value in find(event, metadata, None):
            if isinstance(value, str | int | float):
                return value
        return None

    return read


def _text(value: Scalar) -> str | None:
    """Text of a scalar as JSON writes it; None for null and for the empty string, which no queue takes."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value)
    except ValueError:  # an integer of more than 4,300 digits
        return None


def as_attribute(value: Scalar) -> Attribute | None:
    """The message attribute that carries a value; None for null and for the empty string.

    What SQS refuses in it is replaced: the event, whose JSON has it as an escape, is sent all the same.
    """
    text = _text(value)
    if text is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Attribute("Number" if is_number and _is_short(text) else "String", sendable(text))


def _is_short(number: str) -> bool:
    """Whether SQS takes the text for a number: 38 digits of precision, between 1e-128 and 1e126."""
    return len(number) <= 38 and number.lstrip("-").replace(".", "", 1).isdigit()
