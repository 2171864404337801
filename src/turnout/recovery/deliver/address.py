"""Where a letter can go: a target of the rules, the place at which it failed, a queue, an endpoint. Pure."""

from __future__ import annotations

import contextlib
import hashlib
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec

from turnout.errors import TargetError
from turnout.queues import queue_name, queue_url
from turnout.recovery.deliver.api import Unfit, Work
from turnout.recovery.letter import Layer, Letter, Origin, Payload
from turnout.recovery.shapes.own import NEVER_ROUTED
from turnout.targets.queue import arn_queue_url

__all__ = ["Address", "Kind", "owed_addresses", "refuse_incomplete", "refuse_unknown_done", "source_queue"]


class Kind(StrEnum):
    """How an address is to be understood."""

    TARGET = "target"
    """A target of the rules, by name."""
    ARN = "arn"
    """Something of AWS."""
    QUEUE = "queue"
    """A queue's URL."""
    URL = "url"
    """An HTTP(S) endpoint."""


class Address(msgspec.Struct, frozen=True):
    """Where something is sent."""

    kind: Kind
    value: str

    @property
    def label(self) -> str:
        """How plans, ledgers and people call it. Of an endpoint only the host is shown, as people put keys into every
        other part; a digest of the whole tells it from others there.
        """
        if self.kind is not Kind.URL:
            return self.value
        parts = urlsplit(self.value)
        digest = hashlib.sha256(self.value.encode("utf-8", "replace")).hexdigest()[:8]
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/...{digest}"


def owed_addresses(work: Work) -> tuple[Address, ...]:
    """What a letter is owed and recovery has not delivered yet. Raises `Unfit` when nobody says what it is owed."""
    refuse_incomplete(work.letter)
    delivery = work.letter.delivery
    if delivery is None:
        refuse_unknown_done(work.letter)
        raise Unfit(_nothing_owed(work.letter))
    if delivery.owed:
        addresses = tuple(Address(Kind.TARGET, name) for name in dict.fromkeys(delivery.owed))
    else:
        addresses = (Address(Kind.ARN, delivery.target),)
    return tuple(each for each in addresses if each.label not in work.reached)


def refuse_incomplete(letter: Letter) -> None:
    """Raises `Unfit` for a letter that does not carry its event, or not all of it."""
    if letter.payload is Payload.ABSENT:
        raise Unfit("the event is not in the letter, only a pointer to it")
    if letter.payload is Payload.TRUNCATED:
        raise Unfit("the sender has cut the event off")


def refuse_unknown_done(letter: Letter) -> None:
    """Raises `Unfit` for a letter of ours that does not say which targets have the event already."""
    if letter.done_unknown:
        raise Unfit(letter.done_unknown)


def _nothing_owed(letter: Letter) -> str:
    if letter.code in NEVER_ROUTED:
        return "no target is owed, as it was never routed: repair the rules or the event, then replay to the source"
    if any(layer.origin is Origin.SQS_REDRIVE for layer in letter.chain):
        return "its consumer gave it up, and no target: replay it to the queue it came from (--to-source)"
    return "nothing says where it was to go: choose, with --to-target, --to-queue or --to-url"


def source_queue(letter: Letter, configured: tuple[str, ...]) -> str:
    """The URL of the queue from which a letter came to where it failed. Raises `Unfit` when that is not known.

    `configured` are the source queues of the settings: the one that the letter names, else the only one.
    """
    layer = sourced(letter)
    name = layer.source.rpartition(":")[2] if layer is not None else ""
    for url in configured:
        if name and queue_name(url) == name:
            return url
    if layer is not None and layer.source.startswith("arn:"):
        with contextlib.suppress(TargetError):
            return arn_queue_url(layer.source, beside=letter.queue)
    elif name and "://" in letter.queue:
        return queue_url(name, beside=letter.queue)
    if len(configured) == 1:
        return configured[0]
    raise Unfit("nothing says which queue it came from: name one with --source-queue")


def sourced(letter: Letter) -> Layer | None:
    """The layer that names the queue from which a letter came; its body and attributes are what that queue held."""
    queues = (Origin.TURNOUT, Origin.SQS_REDRIVE, Origin.LAMBDA_RECORD)
    named = [layer for layer in letter.chain if layer.origin in queues and layer.source]
    # Around our own letter may be what a queue behind the dead-letter queue adds: the event did not come from there.
    own = (layer for layer in named if layer.origin is Origin.TURNOUT)
    return next(own, named[0] if named else None)
