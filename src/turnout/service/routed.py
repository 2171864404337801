"""What `turnout tail` is told of one settled message: ids, rules, deliveries, times; its body only if that is allowed.

The record is what the worker's HTTP port writes and the command line reads.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnout.account import Account, Delivery
from turnout.queues import queue_name
from turnout.rules import Match
from turnout.telemetry.semconv import clean

__all__ = ["Routed", "RoutedDelivery", "routed"]

Redact = Callable[[str], str]


class RoutedDelivery(msgspec.Struct, frozen=True, omit_defaults=True):
    """One delivery. `state` is `done`, `failed` or `pending`; `code` is the last error's, if there was one."""

    target: str
    state: str
    attempts: int = 1
    code: str = ""


class Routed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One settled message. Times are in seconds, `at` since the epoch."""

    at: float
    queue: str
    message_id: str
    outcome: str
    seconds: float
    """From receive to settle."""
    age: float = 0.0
    """From the message's send to its receive."""
    event_id: str = ""
    event_type: str = ""
    conversation_id: str = ""
    rules: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()
    deliveries: tuple[RoutedDelivery, ...] = ()
    reason: str = ""
    """Of the letter."""
    body: str | None = None
    skipped: int = 0
    """Messages like this one that were not shown since the last one."""


def routed(account: Account, redact: Redact, *, bodies: bool) -> Routed:
    """What may be told of an account that is settled."""
    message = account.message
    match = account.match if isinstance(account.match, Match) else None
    failures = [account.failure, *(delivery.failure for delivery in account.deliveries)]
    reason = next((failure.reason for failure in failures if failure is not None), "") if account.letter else ""

    def told(text: str | None) -> str:
        return redact(clean(text)) if text else ""

    return Routed(
        at=account.settled_ns / 1e9,
        queue=queue_name(message.queue),
        message_id=message.id,
        outcome=str(account.outcome or ""),
        seconds=max(0, account.settled_ns - account.received_ns) / 1e9,
        age=max(0.0, account.received_ns / 1e9 - message.sent_ms / 1e3) if message.sent_ms else 0.0,
        event_id=told(match.event_id) if match else "",
        event_type=told(match.event_type) if match else "",
        conversation_id=told(match.conversation_id) if match else "",
        rules=match.rules if match else (),
        shadow=match.shadow if match else (),
        deliveries=tuple(map(_delivery, account.deliveries)),
        reason=str(reason),
        body=message.body.encode("utf-8", "replace").decode() if bodies else None,
    )


def _delivery(delivery: Delivery) -> RoutedDelivery:
    code = delivery.failure.code if delivery.failure else delivery.retries[-1].code if delivery.retries else ""
    return RoutedDelivery(delivery.target, str(delivery.state), delivery.attempts, code)
