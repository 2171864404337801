"""The stub's queues: what SQS promises about them as far as a benchmark can tell, at the least cost.

A message that is handed out stays hidden until it is deleted or made visible again; no timer brings it back. What is
answered about a message is encoded when it comes in, so that handing it out is little more than joining bytes. A queue
may be a *sink*: it answers for what it gets as any other and keeps nothing but the count and the checksum.
"""

from __future__ import annotations

import hashlib
import time
from array import array
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

__all__ = ["AttributeValue", "Queue", "Stored", "attributes_md5"]

# Receipt handles of SQS are some 350 characters long; they count, since a delete has to carry and to sign them.
HANDLE_PREFIX = "AQEB" + hashlib.sha256(b"handle").hexdigest() * 5 + "+"


class AttributeValue(msgspec.Struct, rename="pascal", omit_defaults=True):
    """MessageAttributeValue."""

    data_type: str
    string_value: str | None = None
    binary_value: bytes | None = None


def attributes_md5(attributes: Mapping[str, AttributeValue]) -> str:
    """MD5OfMessageAttributes, written from Amazon's description and independently of the product's own."""
    parts = []
    for name, value in sorted(attributes.items()):
        if value.binary_value is not None:
            kind, content = b"\2", value.binary_value
        else:
            kind, content = b"\1", (value.string_value or "").encode()
        for text in (name.encode(), value.data_type.encode()):
            parts += [len(text).to_bytes(4, "big"), text]
        parts += [kind, len(content).to_bytes(4, "big"), content]
    return hashlib.md5(b"".join(parts)).hexdigest()


class Stored:
    """One message in a queue. `head` and `attributes` are JSON, ready to be sent."""

    __slots__ = ("attributes", "first_ms", "head", "received", "sent_ms", "trace_header")

    def __init__(
        self, message_id: str, body: str, md5: str, attributes: Mapping[str, AttributeValue], trace_header: str
    ) -> None:
        text = msgspec.json.encode(body)
        self.head = b'{"MessageId":"%s","MD5OfBody":"%s","Body":%s' % (message_id.encode(), md5.encode(), text)
        self.attributes = b""
        if attributes:
            digest = attributes_md5(attributes).encode()
            listed = msgspec.json.encode(attributes)
            self.attributes = b',"MD5OfMessageAttributes":"%s","MessageAttributes":%s' % (digest, listed)
        self.trace_header = b',"AWSTraceHeader":%s' % msgspec.json.encode(trace_header) if trace_header else b""
        self.received = 0
        self.sent_ms = self.first_ms = int(time.time() * 1000)


class Queue:
    """One queue and its counts since the last `reset`.

    `arrived` is called after messages came in, `settled` after messages were deleted.
    """

    def __init__(self, name: str, *, sink: bool = False) -> None:
        self.name = name
        self.sink = sink
        self.arrived: Callable[[], None] = lambda: None
        self.settled: Callable[[], None] = lambda: None
        self._number = 0
        self._ready: deque[Stored] = deque()
        self._staged: list[Stored] = []
        self._held: dict[str, tuple[Stored, float]] = {}
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero; the messages stay."""
        self.sends = self.sent = self.checksum = 0
        self.receives = self.empty_receives = self.received = 0
        self.deletes = self.deleted = 0
        self.first_received = self.last_deleted = 0.0
        self.held_seconds = array("d")

    def __len__(self) -> int:
        """Messages that can be received now."""
        return len(self._ready)

    @property
    def held(self) -> int:
        """Messages handed out and not deleted."""
        return len(self._held)

    def put(
        self, body: str, attributes: Mapping[str, AttributeValue], trace_header: str = "", *, stage: bool = False
    ) -> tuple[str, str]:
        """Take one message in; its id and the MD5 of its body.

        `checksum` sums up the digests, so that equal sums of two queues mean equal bodies, in whatever order. With
        `stage` nobody is told, and nobody gets it, until `release`.
        """
        digest = hashlib.md5(body.encode())
        self.checksum += int.from_bytes(digest.digest(), "big")
        self.sent += 1
        self._number += 1
        message_id, md5 = f"00000000-0000-4000-8000-{self._number:012x}", digest.hexdigest()
        if not self.sink:
            message = Stored(message_id, body, md5, attributes, trace_header)
            (self._staged if stage else self._ready).append(message)
        return message_id, md5

    def release(self) -> None:
        """Make staged messages visible."""
        self._ready.extend(self._staged)
        self._staged = []
        self.arrived()

    def take(self, maximum: int, *, system: bool, attributes: bool) -> list[bytes]:
        """Hand out up to `maximum` messages, each as JSON, with the kinds of attributes that are wanted."""
        now = time.perf_counter()
        if self.first_received == 0.0:
            self.first_received = now
        taken = []
        for _ in range(min(maximum, len(self._ready))):
            message = self._ready.popleft()
            message.received += 1
            if message.received == 1:
                message.first_ms = int(time.time() * 1000)
            self._number += 1
            handle = f"{HANDLE_PREFIX}{self._number:012x}=="
            self._held[handle] = message, now
            extra = message.attributes if attributes else b""
            if system:
                extra += (
                    b',"Attributes":{"SenderId":"AIDAEXAMPLE","SentTimestamp":"%d","ApproximateReceiveCount":"%d",'
                    b'"ApproximateFirstReceiveTimestamp":"%d"%s}'
                ) % (message.sent_ms, message.received, message.first_ms, message.trace_header)
            taken.append(b'%s%s,"ReceiptHandle":"%s"}' % (message.head, extra, handle.encode()))
        self.receives += 1
        self.received += len(taken)
        return taken

    def delete(self, handle: str) -> bool:
        """Delete by receipt handle; false when it is no handle at all. One that is no longer good deletes nothing."""
        held = self._held.pop(handle, None)
        if held is None:
            return handle.startswith(HANDLE_PREFIX)
        self.last_deleted = time.perf_counter()
        self.held_seconds.append(self.last_deleted - held[1])
        self.deleted += 1
        return True

    def show(self, handle: str) -> bool:
        """Make a message visible again; false when it is not held under this handle."""
        held = self._held.pop(handle, None)
        if held is None:
            return False
        self._ready.appendleft(held[0])
        self.arrived()
        return True

    def holds(self, handle: str) -> bool:
        """Whether a message is held under this handle."""
        return handle in self._held

    def clear(self) -> None:
        """Forget all messages, those handed out included."""
        self._ready.clear()
        self._held.clear()
        self._staged.clear()
