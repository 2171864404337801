"""Composes what is sent to a target for one delivery: body, attributes, group, deduplication id, delay.

The body is the received body, unchanged. Letters are composed in `deadletter`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from turnout.letter import REPLAY, original_attributes
from turnout.message import Attribute, Delivery
from turnout.pipeline.books import Books
from turnout.rules import Match, Send, Target
from turnout.rules.model import Kind
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, OutgoingMessage
from turnout.telemetry.tracing import Tracing

__all__ = ["Composer", "deduplication_id"]


# SQS API reference, SendMessage: letters, digits and punctuation, 128 at most.
_IDENTIFIER = re.compile(r"[!-~]{1,128}")


def deduplication_id(delivery: Delivery, match: Match) -> str:
    """The same for every copy of an event on its way to one target, whichever process sends it (never random).

    Derived from the event's `id`, or from the body when it has none; 64 hexadecimal digits (SQS allows 128).
    """
    event = match.event_id
    identity = f"id:{event}" if event is not None else f"body:{delivery.account.message.body}"
    return hashlib.sha256(f"{delivery.target}\0{identity}".encode("utf-8", "replace")).hexdigest()


def _identifier(text: str) -> str:
    """A group or deduplication id as SQS takes it: what it refuses is replaced by its hash, always the same."""
    return text if _IDENTIFIER.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Composer:
    """Composes the messages of one target."""

    def __init__(self, target: Target, tracing: Tracing, books: Books) -> None:
        self._target = target
        self._tracing = tracing
        self._books = books
        self._ordered = target.address.endswith(".fifo")
        self._plain_queue = target.kind is Kind.QUEUE and not self._ordered

    def __call__(self, delivery: Delivery) -> OutgoingMessage:
        """The message to send; called once per delivery, so that every attempt sends the same."""
        message = delivery.account.message
        match = delivery.account.match
        assert isinstance(match, Match), "only routed messages have deliveries"  # noqa: S101 - states the invariant
        send = match.send(self._target.name)
        attributes = self._attributes(message.attributes, send) if message.attributes or send.attributes else {}
        attributes, trace_header = self._tracing.inject(delivery, attributes)
        if self._plain_queue:
            group = None if send.group is None else _identifier(send.group)
            delay, digest = send.delay or 0, message.body_md5
            return OutgoingMessage(message.body, attributes, delay, group, None, trace_header, digest)
        group = send.group or message.system.get("MessageGroupId") or match.conversation_id or match.event_id
        return OutgoingMessage(
            message.body,
            attributes,
            # SQS takes no delay per message on FIFO queues; other kinds know neither delays nor groups.
            group_id=_identifier(group or message.id) if self._ordered else None,
            deduplication_id=_identifier(send.deduplicate or deduplication_id(delivery, match)),
            trace_header=trace_header,
            body_md5=message.body_md5,
            event_type=match.event_type,
        )

    def _attributes(self, received: Mapping[str, Attribute], send: Send) -> dict[str, Attribute]:
        # What the rule sets comes first, since ten is all a message carries.
        attributes = dict(send.attributes)
        for name, value in original_attributes(received).items():
            if name in attributes or name == REPLAY:
                continue
            if len(attributes) >= MAX_MESSAGE_ATTRIBUTES:
                self._books.attributes_dropped += 1
                continue
            attributes[name] = value
        return attributes
