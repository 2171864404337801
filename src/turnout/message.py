"""What SQS carries: a message as it was received, one as it is to be sent, and their attributes.

Plain records: they decide nothing and do no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

__all__ = [
    "REPLAY",
    "Attribute",
    "Message",
    "OutgoingMessage",
    "sendable",
]


REPLAY = "Turnout.Replay"
"""Message attribute that marks a message which is replayed on purpose; its value is the replay's id."""

# SQS API reference, SendMessage: #x9 #xA #xD #x20-#xD7FF #xE000-#xFFFD #x10000-#x10FFFF.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def sendable(text: str) -> str:
    """The text of an attribute as SQS takes it: in place of each character that it refuses stands U+FFFD."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A message attribute as SQS carries it: `data_type` is `String`, `Number` or `Binary`, maybe with `.label`.

    Exactly one of `text` and `data` is set; `data` goes with `Binary`. In JSON it is SQS's `MessageAttributeValue`.
    """

    data_type: str = msgspec.field(name="DataType")
    text: str | None = msgspec.field(name="StringValue", default=None)
    data: bytes | None = msgspec.field(name="BinaryValue", default=None)

    def size(self, name: str) -> int:
        """Bytes that count towards the size limit: name, type and value."""
        text = self.text
        if text is not None and text.isascii() and name.isascii():  # known without looking at the text
            return len(name) + len(self.data_type) + len(text)
        value = len(self.data or b"") if text is None else len(text.encode("utf-8", "surrogatepass"))
        return len(name.encode("utf-8", "surrogatepass")) + len(self.data_type) + value


class Message(msgspec.Struct, frozen=True):
    """One received SQS message. `body` is exactly the text that was sent; `queue` is the URL it came from.

    `system` holds the system attributes (`SentTimestamp`, `ApproximateReceiveCount`, `MessageGroupId`,
    `AWSTraceHeader`, ...) as the strings that SQS returns.
    """

    id: str
    handle: str
    body: str
    queue: str
    attributes: Mapping[str, Attribute] = {}
    system: Mapping[str, str] = {}
    body_md5: str | None = None
    """MD5 of the body in hexadecimal, as SQS says and the client has verified; None where SQS said nothing."""

    @property
    def receive_count(self) -> int:
        """How often SQS has handed this message out, this time included; 0 when SQS did not say."""
        return _integer(self.system.get("ApproximateReceiveCount"))

    @property
    def sent_ms(self) -> int:
        """When the message was sent to the queue, in milliseconds since the epoch; 0 when SQS did not say."""
        return _integer(self.system.get("SentTimestamp"))

    @property
    def lane(self) -> str:
        """In which line it stands: its FIFO queue and message group. Empty where there is no order to keep."""
        return f"{self.queue} {self.system.get('MessageGroupId', '')}" if self.queue.endswith(".fifo") else ""

    @property
    def sent_as(self) -> str | None:
        """By what its FIFO queue tells it from others (`MessageDeduplicationId`); None from a standard queue."""
        return self.system.get("MessageDeduplicationId")

    @property
    def replay(self) -> str:
        """The id of the replay that brought the message; empty for one that came for the first time."""
        attribute = self.attributes.get(REPLAY)
        return (attribute.text or "") if attribute is not None else ""


class OutgoingMessage(msgspec.Struct, frozen=True):
    """One entry of a SendMessageBatch.

    `group_id` and `deduplication_id` go with FIFO queues (a group alone also with standard queues: fair queues);
    `delay_seconds` (1 to 900; 0 leaves the queue's own delay in force) with standard queues only; `trace_header` is
    the `AWSTraceHeader` system attribute, which counts neither towards the ten attributes nor towards the size.
    `body_md5` is the body's MD5 where it is known already, from `Message.body_md5`, and saves computing it again;
    `body_json` is the body as a JSON string where it is written already, and saves writing it again.
    """

    body: str
    attributes: Mapping[str, Attribute] = {}
    delay_seconds: int = 0
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None
    body_md5: str | None = None
    body_json: msgspec.Raw | None = None
    event_type: str | None = None
    """The event's `detail-type`, for destinations that want one; SQS does not carry it."""

    def size(self) -> int:
        """Bytes that count towards the message and batch size limits: body and user attributes.

        Never raises: a lone surrogate, which SQS refuses, counts as three bytes.
        """
        size = len(self.body.encode("utf-8", "surrogatepass"))
        for name, attribute in self.attributes.items():
            size += attribute.size(name)
        return size


def _integer(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0
