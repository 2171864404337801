"""Where a message has to go, found by other means than the worker's.

The worker decodes a projection of the event and asks an index of compiled rules. Here the event is decoded whole and
every rule is interpreted in turn; poison is known as such since it was made.
"""

from __future__ import annotations

import json
import time

from turnout.demo.audit import DEAD_LETTERS
from turnout.demo.events import DemoMessage
from turnout.demo.queues import SOURCE
from turnout.rules import Ruleset
from turnout.rules.condition.interpret import Scope, holds
from turnout.rules.model import Mode, Unmatched

__all__ = ["judge"]


def judge(message: DemoMessage, ruleset: Ruleset) -> tuple[str, ...]:
    """The places where `message` has to be found in the end: targets, or `DEAD_LETTERS`; none if it may be dropped."""
    if message.poison is not None:
        return (DEAD_LETTERS,)
    targets = _targets(message, ruleset)
    if targets:
        return targets
    match ruleset.unmatched:
        case Unmatched.DROP:
            return ()
        case Unmatched.DEAD_LETTER:
            return (DEAD_LETTERS,)
        case target:
            return (target,)


def _targets(message: DemoMessage, ruleset: Ruleset) -> tuple[str, ...]:
    # As the worker sees a message that comes for the first time; its id, and when it was sent, nearly.
    metadata = {
        "attributes": {name: value.text for name, value in message.attributes.items()},
        "receive_count": 1,
        "queue": SOURCE,
        "message_id": "some id",
        "sent_timestamp": time.time_ns() // 1_000_000,
    }
    scope = Scope(json.loads(message.body), metadata)
    targets: dict[str, None] = {}
    for rule in ruleset.rules:
        if rule.enabled and rule.mode is Mode.ACTIVE and holds(rule.condition, scope):
            targets.update(dict.fromkeys(rule.send))
            if rule.stop:
                break
    return tuple(targets)
