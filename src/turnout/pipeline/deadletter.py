"""Writes letters: what could not be delivered goes to the dead-letter queue, with the reason and what is still owed.

The format is `turnout.letter`'s. A letter that cannot be written leaves its message in the source queue.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from turnout.account import Account, Delivery, Outcome, State
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.letter import (
    LetterAttribute,
    foreign_version,
    original_attributes,
    read_letter_attribute,
    sealed_attributes,
)
from turnout.message import Attribute
from turnout.pipeline.books import Books, LetterNote
from turnout.pipeline.sender import Sender, SenderConfig
from turnout.pipeline.settler import Settler
from turnout.queues import queue_name
from turnout.rules import Match
from turnout.sqs.api import MAX_MESSAGE_BYTES, OutgoingMessage, Sqs
from turnout.targets.queue import QueueDestination
from turnout.telemetry.logs import about
from turnout.telemetry.records import Trace
from turnout.telemetry.semconv import SYSTEM_SQS, clean
from turnout.telemetry.tracing import Tracing

__all__ = ["DeadLetters"]

log = logging.getLogger(__name__)

# For so long a letter waits for a dead-letter queue that fails; then its message returns to the source by itself.
_HOLD_SECONDS = 60.0


class DeadLetters:
    """The way to the dead-letter queue."""

    def __init__(
        self,
        *,
        queue: str,
        sqs: Sqs,
        settler: Settler,
        tracing: Tracing,
        books: Books,
        config: SenderConfig,
    ) -> None:
        self._queue = queue
        self._settler = settler
        self._tracing = tracing
        self._books = books
        name = queue_name(queue)
        self._destination = QueueDestination(sqs, queue)
        self.sender = Sender(
            name=name,
            priority=0,
            destination=self._destination,
            compose=self._compose,
            refit=self._refit,
            settled=self._settled,
            overflow=self._overflowed,
            config=msgspec.structs.replace(config, hold_seconds=min(config.hold_seconds, _HOLD_SECONDS)),
            slots=None,
            books=books.target(name),
            place=books.place(SYSTEM_SQS, name),
            kind="dead-letter queue",
            since=lambda letter: letter.account.letter_at,
            unrepaired="what belongs there stays in its source queue and comes again",
        )

    def start(self, tasks: asyncio.TaskGroup) -> list[asyncio.Task[None]]:
        """Start the concurrent batch calls; they run until cancelled."""
        return self.sender.start(tasks)

    def write(self, account: Account, at_ns: int) -> None:
        """Write the letter of a message that failed as a whole or owes at least one target.

        While the dead-letter queue fails and as many letters wait for it as may, the message is left in its source:
        letters must not take the places of events that can be delivered.
        """
        if self.sender.full:
            self._settler.leave(account)
            return
        account.letter = Delivery(account, self.sender.name, at_ns)
        account.letter_at = asyncio.get_running_loop().time()
        self.sender.put((account.letter,))

    def _overflowed(self, _sender: Sender, letter: Delivery) -> None:
        if letter.account.outcome is None:  # else handed back at the end of a drain
            self._settler.leave(letter.account)

    def _settled(self, letters: Sequence[Delivery]) -> None:
        for letter in letters:
            self._settle(letter)

    def _settle(self, letter: Delivery) -> None:
        account = letter.account
        if account.outcome is not None:  # handed back at the end of a drain
            return
        failure = _failure(account)
        fields = about(account, reason=str(failure.reason))
        owed = [delivery.target for delivery in account.deliveries if delivery.state is State.FAILED]
        if owed:
            fields["owed"] = ",".join(owed)
        if letter.state is State.DONE:
            self._books.letters[failure.reason] += 1
            self._books.letter_notes.append(_note(letter, failure, owed))
            log.warning("dead-lettered: %s: %s", failure.reason, failure.message, extra=fields)
            self._settler.delete((account,), Outcome.DEAD_LETTERED)
        else:
            why = letter.failure.message if letter.failure else "unknown"
            log.error("letter could not be written, the message stays in its queue: %s", why, extra=fields)
            self._settler.leave(account)

    def _refit(self, delivery: Delivery) -> OutgoingMessage:
        """What fits a queue that takes less than SQS does."""
        return self._compose(delivery, self._destination.own_limit)

    def _compose(self, delivery: Delivery, most_bytes: int = MAX_MESSAGE_BYTES) -> OutgoingMessage:
        message = delivery.account.message
        attributes, trace_header = self._attributes(delivery, most_bytes)
        if not self._queue.endswith(".fifo"):
            # The group of a fair queue says whose message it is; that of a FIFO queue says what it comes after.
            group = None if message.queue.endswith(".fifo") else message.system.get("MessageGroupId")
            return OutgoingMessage(message.body, attributes, group_id=group, trace_header=trace_header)
        return OutgoingMessage(
            message.body,
            attributes,
            group_id=message.system.get("MessageGroupId") or message.id,
            deduplication_id=message.id,
            trace_header=trace_header,
        )

    def _attributes(self, delivery: Delivery, most_bytes: int) -> tuple[dict[str, Attribute], str | None]:
        """Those of the letter, and its trace header."""
        account = delivery.account
        message = account.message
        if foreign_version(message.attributes):
            # What another Turnout wrote there only that one can read: which targets have the event already.
            return dict(message.attributes), message.system.get("AWSTraceHeader")
        failure = _failure(account)
        match = account.match if isinstance(account.match, Match) else None
        before = read_letter_attribute(message.attributes)
        first, last = _failed_between(delivery)
        # What a redriven letter says stands also where no rule was asked, or none matched.
        done = dict.fromkeys(sorted({*account.taken, *(before.done if before else ())}))
        done.update((each.target, None) for each in account.deliveries if each.state is State.DONE)
        originals = original_attributes(message.attributes)
        injected, trace_header = self._tracing.inject(delivery, originals)
        if most_bytes == MAX_MESSAGE_BYTES:
            originals = injected
        letter = LetterAttribute(
            reason=failure.reason,
            fault=failure.fault,
            message=failure.message,
            source=queue_name(message.queue),
            event_id=match.event_id if match else None,
            rules=match.rules if match else (),
            owed=tuple(each.target for each in account.deliveries if each.state is State.FAILED),
            failures=_failures(account),
            done=tuple(done),
            attempts=max((each.attempts for each in account.deliveries), default=0)
            + (before.attempts if before else 0),
            first_failure=(before.first_failure if before else "") or _stamp(first),
            last_failure=_stamp(last),
            ruleset=account.fingerprint,
            trace_id=account.trace.id if isinstance(account.trace, Trace) else _trace_id(originals),
        )
        return sealed_attributes(letter, originals, account.body_bytes, most_bytes), trace_header


def _note(letter: Delivery, failure: Failure, owed: list[str]) -> LetterNote:
    account = letter.account
    match = account.match
    # Notes are encoded, for the status page and once a second for a supervisor: an id may be what no encoder takes.
    event_id = clean(match.event_id or "") if isinstance(match, Match) else ""
    return LetterNote(letter.settled_ns, failure.reason, failure.message, account.message.id, event_id, tuple(owed))


def _failure(account: Account) -> Failure:
    """Why the letter is written: the message's own failure, or that of the first delivery that failed."""
    if account.failure is not None:
        return account.failure
    for delivery in account.deliveries:
        if delivery.failure is not None:
            return delivery.failure
    return Failure(Reason.INTERNAL_ERROR, Fault.SYSTEM, "a letter without a failure; please report this")


def _failed_between(letter: Delivery) -> tuple[int, int]:
    """When the first attempt failed and when the last one did.

    A target that fails is tried for minutes, and a letter waits for the message's other targets: when it is written
    says nothing of when the outage began.
    """
    failed = [each for each in letter.account.deliveries if each.state is State.FAILED]
    if not failed:  # it failed as a whole, and the letter was asked for at once
        return letter.queued_ns, letter.queued_ns
    first = min(each.retries[0].at_ns if each.retries else each.settled_ns for each in failed)
    return first, max(each.settled_ns for each in failed)


def _stamp(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1_000_000_000, UTC).isoformat(timespec="milliseconds")


def _failures(account: Account) -> dict[str, str]:
    """Why each of several targets did not get the event; empty where the letter's own reason says all."""
    failed = {each.target: each.failure for each in account.deliveries if each.failure is not None}
    if account.failure is not None or len(failed) < 2:
        return {}
    return {target: f"{failure.reason}: {failure.message}" for target, failure in failed.items()}


def _trace_id(attributes: Mapping[str, Attribute]) -> str:
    """The trace id in a `traceparent` attribute (W3C Trace Context: version-traceid-parent-flags), or nothing."""
    parts = ((attributes["traceparent"].text or "") if "traceparent" in attributes else "").split("-")
    return parts[1] if len(parts) == 4 else ""
