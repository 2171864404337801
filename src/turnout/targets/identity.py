"""The ids that FIFO queues and idempotent services want with a message: always the same for the same event."""

from __future__ import annotations

import hashlib

from turnout.sqs.limits import IDENTIFIER

__all__ = ["deduplication_id", "identifier"]


def deduplication_id(
    target: str, event_id: str | None, body: str, *, sent_as: str | None = None, replay: str = ""
) -> str:
    """The same for every copy of an event on its way to one target, whichever process sends it (never random).

    Derived from the event's `id`; of one without, from `sent_as` (`Message.sent_as`), by which its producer has told it
    from others of the same body, or else from the body. 64 hexadecimal digits (SQS allows 128). A replay, which is to
    be taken again, has its own: once per `replay`.
    """
    unnamed = f"body:{body}" if sent_as is None else f"sent:{sent_as}"
    identity = unnamed if event_id is None else f"id:{event_id}"
    parts = [target, identity] + ([f"replay:{replay}"] if replay else [])
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def identifier(text: str) -> str:
    """A group or deduplication id as SQS takes it: what it refuses is replaced by its hash, always the same."""
    return text if IDENTIFIER.fullmatch(text) else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
