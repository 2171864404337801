"""Composes what is sent to a target for one delivery: body, attributes, group, deduplication id, delay.

The body is the received body, unchanged. Letters are composed in `deadletter`.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnout.account import Account, Delivery
from turnout.letter import REPLAY, original_attributes
from turnout.message import Attribute, Message
from turnout.pipeline.books import Books
from turnout.rules import Match, Send, Target
from turnout.rules.model import Kind
from turnout.rules.shaping import taken_by
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, OutgoingMessage
from turnout.targets.identity import deduplication_id, identifier
from turnout.telemetry.tracing import Tracing

__all__ = ["Composer"]

_MOST_JSON_KEPT = 16_384
_encode = msgspec.json.Encoder().encode


def _deduplication_id(message: Message, target: str, match: Match, send: Send) -> str:
    """The same for every copy of an event on its way to one target, once per replay."""
    replay = message.replay
    # What the rule says is the same for a replay, too: the target would drop what is meant to come again.
    if send.deduplicate and not replay:
        return identifier(send.deduplicate)
    return deduplication_id(target, match.event_id, message.body, sent_as=message.sent_as, replay=replay)


def _body_json(account: Account) -> msgspec.Raw | None:
    """The body as a JSON string, written once for all targets: 1.2 us for each further one. Large ones are not kept."""
    if account.body_json is None and account.body_bytes <= _MOST_JSON_KEPT:
        try:
            account.body_json = msgspec.Raw(_encode(account.message.body))
        except UnicodeEncodeError:  # a lone surrogate: the client says what it is
            return None
    return account.body_json


class Composer:
    """Composes the messages of one target."""

    def __init__(self, target: Target, tracing: Tracing, books: Books) -> None:
        self._name = target.name
        self._inject = tracing.inject
        self._books = books
        self._ordered = target.address.endswith(".fifo")
        # What is not sent there must not count for the size of what is.
        self._takes_attributes = "attributes" in taken_by(target)
        self._plain_queue = target.kind is Kind.QUEUE and not self._ordered

    def __call__(self, delivery: Delivery) -> OutgoingMessage:
        """The message to send; called once per delivery, so that every attempt sends the same."""
        account = delivery.account
        message = account.message
        match = account.match
        assert isinstance(match, Match), "only routed messages have deliveries"  # noqa: S101 - states the invariant
        send = match.send(self._name)
        attributes = self._attributes(message.attributes, send) if message.attributes or send.attributes else {}
        attributes, trace_header = self._inject(delivery, attributes)
        if not self._takes_attributes:
            attributes = {}
        body_json = _body_json(account) if len(account.deliveries) > 1 else None
        if self._plain_queue:
            group = None if send.group is None else identifier(send.group)
            delay, digest = send.delay or 0, message.body_md5
            return OutgoingMessage(message.body, attributes, delay, group, None, trace_header, digest, body_json)
        group = send.group or message.system.get("MessageGroupId") or match.conversation_id or match.event_id
        return OutgoingMessage(
            message.body,
            attributes,
            # SQS takes no delay per message on FIFO queues; other kinds know neither delays nor groups.
            group_id=identifier(group or message.id) if self._ordered else None,
            deduplication_id=_deduplication_id(message, self._name, match, send),
            trace_header=trace_header,
            body_md5=message.body_md5,
            body_json=body_json,
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
