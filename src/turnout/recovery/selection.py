"""Which letters a command is about: by cause, disposition, rule, target, time, id, and an expression of the rules.

Everything given must fit; of several values of one kind one must.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import msgspec

from turnout.errors import TurnoutError
from turnout.queues import arn_name
from turnout.recovery.causes import Cause, Disposition
from turnout.recovery.letter import Letter
from turnout.rules.condition.ast import Condition
from turnout.rules.condition.compile import compile_condition
from turnout.rules.decode import decode
from turnout.rules.environment import Environment
from turnout.rules.expression.parser import ExpressionError, parse
from turnout.rules.expression.paths import METADATA_FIELDS, PathReader
from turnout.rules.model import Rejection

__all__ = [
    "LETTER_FIELDS",
    "Selection",
    "Where",
    "WhereError",
    "all_targets",
    "is_named",
    "last_part",
    "letter_metadata",
]

LETTER_FIELDS = (
    *METADATA_FIELDS,
    "id",
    "cause",
    "disposition",
    "origin",
    "chain",
    "payload",
    "code",
    "error",
    "fault",
    "rules",
    "owed",
    "done",
    "target",
    "attempts",
    "event_id",
    "event_type",
    "conversation_id",
)
"""What `@` paths may begin with in `--where`: what rules know of a message, and what is known of a letter."""


def letter_metadata(letter: Letter) -> dict[str, object]:
    """What `@` means of a letter. `@attributes` are those it was found with and, before those, the original's own."""
    message = letter.message
    attributes = {**message.attributes, **letter.attributes}
    return {
        "attributes": {name: value.text for name, value in attributes.items() if value.text is not None},
        "receive_count": letter.receive_count,
        "queue": letter.queue_name,
        "message_id": message.id,
        "sent_timestamp": message.sent_ms,
        "group_id": message.system.get("MessageGroupId"),
        "id": letter.id,
        "cause": str(letter.cause),
        "disposition": str(letter.disposition),
        "origin": str(letter.origin),
        "chain": [str(layer.origin) for layer in letter.chain],
        "payload": str(letter.payload),
        "code": letter.code,
        "error": letter.error,
        "fault": next((each.fault for each in letter.evidence if each.fault), ""),
        "rules": list(letter.rules),
        "owed": list(letter.owed),
        "done": list(letter.done),
        "target": letter.delivery.target if letter.delivery else "",
        "attempts": letter.attempts,
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "conversation_id": letter.conversation_id,
    }


class WhereError(TurnoutError):
    """The expression cannot be used. `str()` shows the place in it."""

    exit_code = 2

    def __init__(self, text: str, error: ExpressionError) -> None:
        self.code = error.code
        self.at = error.at
        start = min(error.at.start, len(text))
        shown = text.replace("\n", " ").replace("\t", " ")
        caret = " " * start + "^" * max(1, min(error.at.end, len(text)) - start)
        super().__init__(f"--where: character {start + 1}: {error.code} {error.message}\n    {shown}\n    {caret}")


class Where:
    """An expression of the rule language over the original event; `@` is what is known of the letter."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            # No variables: a reference would be replaced here, and mean something else where a plan is resumed.
            reader = PathReader(metadata=LETTER_FIELDS)
            condition: Condition = parse(text, reader=reader, environment=Environment({}))
        except ExpressionError as error:
            raise WhereError(text, error) from error
        self._holds = compile_condition(condition)

    def __call__(self, letter: Letter) -> bool:
        """Whether the expression is true of a letter. Of a body that is no event, every path is missing."""
        event = decode(letter.body or "")
        known: Mapping[str, object] = {} if isinstance(event, Rejection) else event
        return self._holds(known, letter_metadata(letter), None)


class Selection(msgspec.Struct, frozen=True):
    """What letters must be like. Nothing given takes all."""

    causes: frozenset[Cause] = frozenset()
    dispositions: frozenset[Disposition] = frozenset()
    rules: frozenset[str] = frozenset()
    """Turnout's rule ids; of EventBridge rules the ARN or its last part."""
    targets: frozenset[str] = frozenset()
    """Names of owed Turnout targets; of what else did not take it the ARN or its last part."""
    since: datetime | None = None
    """Last failed at or after this; where no failure has a time, was sent or happened."""
    until: datetime | None = None
    """Last failed before this."""
    ids: frozenset[str] = frozenset()
    """Of the letter, of its event or of its conversation."""
    where: Where | None = None

    def __call__(self, letter: Letter) -> bool:
        """Whether a letter is selected."""
        return (
            (not self.causes or letter.cause in self.causes)
            and (not self.dispositions or letter.disposition in self.dispositions)
            and (not self.rules or is_named(self.rules, letter.rules))
            and (not self.targets or is_named(self.targets, all_targets(letter)))
            and self._in_time(letter)
            and (not self.ids or not self.ids.isdisjoint((letter.id, letter.event_id, letter.conversation_id)))
            and (self.where is None or self.where(letter))
        )

    def __str__(self) -> str:
        """In words, as options; `all letters` when nothing is given."""
        options = [
            *(f"--cause {each}" for each in sorted(self.causes)),
            *(f"--disposition {each}" for each in sorted(self.dispositions)),
            *(f"--rule {each}" for each in sorted(self.rules)),
            *(f"--target {each}" for each in sorted(self.targets)),
            *([f"--since {self.since.isoformat(timespec='seconds')}"] if self.since else []),
            *([f"--until {self.until.isoformat(timespec='seconds')}"] if self.until else []),
            *(f"--id {each}" for each in sorted(self.ids)),
            *([f"--where {self.where.text!r}"] if self.where else []),
        ]
        return " ".join(options) or "all letters"

    def _in_time(self, letter: Letter) -> bool:
        if self.since is None and self.until is None:
            return True
        at = letter.last_failure or letter.sent or letter.event_time
        if at is None:
            return False
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def all_targets(letter: Letter) -> tuple[str, ...]:
    """What `--target` can name of a letter: what it is owed to, and what failed to take it on its way."""
    return (*letter.owed, *(layer.target for layer in letter.chain if layer.target))


def is_named(wanted: Collection[str], names: Iterable[str]) -> bool:
    """Whether one of these is wanted; of an ARN the last part will do."""
    return any(name in wanted or last_part(name) in wanted for name in names)


def last_part(name: str) -> str:
    """Of an ARN its last part, which is no version and no alias: many have these in common. Of other names all."""
    return arn_name(name) if name.startswith("arn:") else name
