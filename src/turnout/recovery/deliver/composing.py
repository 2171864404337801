"""What is sent for a letter: the body and attributes that its failed delivery carried, shaped as the rules say.

The body is never changed. Replays carry `Turnout.Replay`, by which the worker's idempotency lets them pass once.
Targets get no `baggage` (W3C), as from the worker: it may hold what its sender meant for nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnout.letter import (
    ERROR_CODE,
    ERROR_MESSAGE,
    LETTER,
    PARKED,
    LetterAttribute,
    original_attributes,
    parked_attribute,
    read_letter_attribute,
    sealed_attributes,
)
from turnout.message import REPLAY, Attribute, Message
from turnout.queues import queue_name
from turnout.recovery.deliver.address import Address, Kind, sourced
from turnout.recovery.deliver.api import Unfit
from turnout.recovery.letter import Layer, Letter, Origin
from turnout.recovery.selection import letter_metadata
from turnout.rules import Ruleset
from turnout.rules.model import NOTHING_EXTRA, Send
from turnout.sqs.api import MAX_MESSAGE_ATTRIBUTES, MAX_MESSAGE_BYTES, OutgoingMessage
from turnout.targets.api import Destination
from turnout.targets.identity import deduplication_id, identifier
from turnout.targets.queue import QueueDestination
from turnout.telemetry.propagation import BAGGAGE, TRACE_HEADER

__all__ = ["attributes_now", "compose", "compose_as_found", "compose_for_source", "original"]


def original(letter: Letter) -> tuple[str, Mapping[str, Attribute]]:
    """The body and attributes that were to arrive: those of the delivery that failed, else what is in all wrappers.

    Only for letters that carry their event.
    """
    return _contents(letter, letter.delivery or _routed(letter))


def compose(
    letter: Letter, address: Address, destination: Destination, rules: Ruleset | None, *, replay: str = ""
) -> OutgoingMessage:
    """The message for one address, which `destination` is. `rules` shape what goes to their targets.

    The same letter always makes the same message, so that whoever deduplicates takes it once; of a replay (`replay` is
    its id) once per replay.
    """
    body, attributes = original(letter)
    send = _send(letter, body, address, rules)
    composed = dict(send.attributes)
    for name, value in attributes.items():
        if name not in (*composed, REPLAY, BAGGAGE) and len(composed) < MAX_MESSAGE_ATTRIBUTES - bool(replay):
            composed[name] = value
    if replay:
        composed[REPLAY] = Attribute("String", replay)
    fifo = destination.ordered
    standard = isinstance(destination, QueueDestination) and not fifo
    group = send.group or (_group(letter) if fifo else None)
    own = send.deduplicate if not replay else None
    duplicate = own or _duplicate(address.value, letter, body, replay)
    return OutgoingMessage(
        body,
        composed,
        delay_seconds=send.delay or 0 if standard else 0,
        group_id=identifier(group) if group and (fifo or standard) else None,
        deduplication_id=None if standard else identifier(duplicate),
        trace_header=None if replay else letter.message.system.get(TRACE_HEADER),
        event_type=letter.event_type or None,
    )


def compose_for_source(letter: Letter, queue: str, replay: str, reached: tuple[str, ...]) -> OutgoingMessage:
    """The message that brings an event back to a source queue, to be routed again.

    What SQS moved from that queue goes back as it lay there; from elsewhere the event comes without its wrappers. A
    letter of ours stays one: the targets that have the event, by the worker or by recovery, do not get it again. What
    finds no room among ten attributes moves into the letter's JSON, from which the worker takes it. The trace header
    names the trace that the worker links to, wherever the attributes went. Raises `Unfit` when the message is too large
    to say so, or to carry all attributes.
    """
    body, found = _contents(letter, _routed(letter) or _held(letter, queue))
    attributes = {REPLAY: Attribute("String", replay)}
    attributes |= {name: value for name, value in found.items() if name not in (REPLAY, LETTER)}
    done = tuple(dict.fromkeys((*letter.done, *(name for name in reached if name in letter.owed))))
    if done or len(attributes) > MAX_MESSAGE_ATTRIBUTES:
        before = read_letter_attribute(letter.message.attributes) or LetterAttribute()
        owed = tuple(name for name in letter.owed if name not in done)
        size = len(body.encode("utf-8", "surrogatepass"))
        sealed = sealed_attributes(msgspec.structs.replace(before, done=done, owed=owed), attributes, size)
        if done and LETTER not in sealed:
            raise Unfit("it is too large to say which targets have it already: deliver it to the owed targets")
        if attributes.keys() - original_attributes(sealed).keys():  # the JSON in which they travel was cut
            raise Unfit("it is too large to carry all its attributes back: deliver it to the owed targets")
        # These two are for people who look into a dead-letter queue.
        attributes = {name: value for name, value in sealed.items() if name not in (ERROR_CODE, ERROR_MESSAGE)}
    fifo = queue.endswith(".fifo")
    return OutgoingMessage(
        body,
        attributes,
        group_id=identifier(_group(letter)) if fifo else _fair_group(letter),
        deduplication_id=_duplicate(queue, letter, body, replay) if fifo else None,
        trace_header=letter.message.system.get(TRACE_HEADER),
    )


def compose_as_found(letter: Letter, queue: str, reached: tuple[str, ...], why: str = "") -> OutgoingMessage:
    """The message that puts a letter, as it was found, into another queue for letters, where it has another id.

    By that id no ledger knows what recovery has `reached`, nor `why` it was put there: so the letter says that itself,
    while there is room to; what it is not owed any more, a letter of ours.
    """
    message = letter.message
    body = message.body
    attributes = {name: value for name, value in attributes_now(message, reached).items() if name != PARKED}
    size = len(body.encode("utf-8", "surrogatepass"))
    if why and len(attributes) < MAX_MESSAGE_ATTRIBUTES:
        with_why = {**attributes, PARKED: parked_attribute(why)}
        if size + sum(each.size(name) for name, each in with_why.items()) <= MAX_MESSAGE_BYTES:
            attributes = with_why
    fifo = queue.endswith(".fifo")
    return OutgoingMessage(
        body,
        attributes,
        group_id=identifier(message.system.get("MessageGroupId") or letter.id) if fifo else _fair_group(letter),
        deduplication_id=identifier(letter.id) if fifo else None,
        trace_header=message.system.get(TRACE_HEADER),
    )


def attributes_now(message: Message, reached: tuple[str, ...]) -> Mapping[str, Attribute]:
    """The attributes of a letter, in which a letter of ours is not owed any more what recovery has `reached`."""
    attributes = message.attributes
    before = read_letter_attribute(attributes)
    more = tuple(name for name in before.owed if name in reached) if before is not None else ()
    if before is None or not more:
        return attributes
    said = attributes.get(ERROR_MESSAGE)
    after = msgspec.structs.replace(
        before,
        done=tuple(dict.fromkeys((*before.done, *more))),
        owed=tuple(name for name in before.owed if name not in more),
        message=before.message or (said.text or "" if said is not None else ""),
    )
    size = len(message.body.encode("utf-8", "surrogatepass"))
    sealed = sealed_attributes(after, original_attributes(attributes), size)
    return sealed if LETTER in sealed else attributes


def _duplicate(target: str, letter: Letter, body: str, replay: str) -> str:
    """By what a FIFO target knows an event again. Of those without an id several may share a body; a letter is one."""
    return deduplication_id(target, letter.event_id or None, body, sent_as=letter.id, replay=replay)


def _contents(letter: Letter, layer: Layer | None) -> tuple[str, Mapping[str, Attribute]]:
    return (layer.body, layer.attributes) if layer is not None else (letter.body or "", letter.attributes)


def _routed(letter: Letter) -> Layer | None:
    """The layer of Turnout's own letter: what the worker had received."""
    return next((layer for layer in letter.chain if layer.origin is Origin.TURNOUT), None)


def _held(letter: Letter, queue: str) -> Layer | None:
    """The message as that queue held it, for a consumer that knows its envelope; None when it came from elsewhere."""
    layer = sourced(letter)
    return layer if layer is not None and queue_name(layer.source.replace(":", "/")) == queue_name(queue) else None


def _send(letter: Letter, body: str, address: Address, rules: Ruleset | None) -> Send:
    if rules is None or address.kind is not Kind.TARGET:
        return NOTHING_EXTRA
    match = rules.match(body, letter_metadata(letter) if rules.needs_metadata else None)
    return match.send(address.value) if address.value in match.targets else NOTHING_EXTRA


def _fair_group(letter: Letter) -> str | None:
    """The group that a letter keeps in a standard queue, and makes that a fair one; that of a FIFO queue does not."""
    group = letter.message.system.get("MessageGroupId")
    return identifier(group) if group and not letter.queue.endswith(".fifo") else None


def _group(letter: Letter) -> str:
    return letter.message.system.get("MessageGroupId") or letter.conversation_id or letter.event_id or letter.id
