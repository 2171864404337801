"""Decides: matches each received message against the rules and opens a delivery for every target it belongs to.

Rules and senders change together, in one assignment between two messages, so that no event sees half of a ruleset.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

import msgspec

from turnout.errors import Fault
from turnout.letter import read_letter_attribute
from turnout.message import Account, Delivery, Failure, Message, Outcome, Reason, State, queue_name
from turnout.pipeline.books import Books
from turnout.pipeline.deadletter import DeadLetters
from turnout.pipeline.sender import Sender
from turnout.pipeline.settler import Settler
from turnout.rules import Ruleset
from turnout.rules.model import Unmatched
from turnout.telemetry.logs import about

__all__ = ["Router", "Routes", "metadata"]

log = logging.getLogger(__name__)


class Routes(msgspec.Struct, frozen=True):
    """A ruleset and the sender of each of its targets, by name."""

    ruleset: Ruleset
    senders: Mapping[str, Sender]


def metadata(message: Message) -> dict[str, object]:
    """What `@` means in a rule: the message's own attributes and counters."""
    return {
        "attributes": {name: value.text for name, value in message.attributes.items() if value.text is not None},
        "receive_count": message.receive_count,
        "queue": queue_name(message.queue),
        "message_id": message.id,
        "sent_timestamp": message.sent_ms,
        "group_id": message.system.get("MessageGroupId"),
    }


class Router:
    """Takes batches from the pollers' queue and hands deliveries to senders. All decisions are synchronous."""

    routes: Routes
    """Assigned before the first message, and again at each reload."""

    def __init__(
        self,
        *,
        received: asyncio.Queue[list[Account]],
        settler: Settler,
        dead_letters: DeadLetters,
        books: Books,
    ) -> None:
        self._received = received
        self._settler = settler
        self._dead_letters = dead_letters
        self._books = books

    async def run(self) -> None:
        """Route until cancelled."""
        while True:
            accounts = await self._received.get()
            for account in accounts:
                if account.outcome is None:  # not handed back by a drain in the meantime
                    self.route(account)
            # The queue answers without a pause while it is not empty; senders and pollers need their turn.
            await asyncio.sleep(0)

    def route(self, account: Account) -> None:
        """Match one message and open its deliveries, its letter or its deletion. Never raises."""
        try:
            deliveries = self._decide(account)
        except Exception as error:  # noqa: BLE001 - a bug of ours must cost one letter, not the worker
            account.failure = _bug(error, account)
            self._dead_letters.write(account, time.time_ns())
            return
        senders = self.routes.senders
        if deliveries and all(senders[delivery.target].full for delivery in deliveries):
            self._settler.postpone(account)
            return
        account.deliveries = deliveries
        account.owed = len(deliveries)
        for delivery in deliveries:
            try:
                sender = senders[delivery.target]
                if sender.full:
                    self.overflowed(sender, delivery)
                else:
                    sender.put(delivery)
            except Exception as error:  # noqa: BLE001 - as above; the message's other deliveries go on
                delivery.state = State.FAILED
                delivery.failure = _bug(error, account)
                self.delivered(delivery)

    def _decide(self, account: Account) -> list[Delivery]:
        """The deliveries to make; none when the message goes elsewhere, and then that has been arranged."""
        routes = self.routes
        ruleset = routes.ruleset
        message = account.message
        account.routed_ns = time.time_ns()
        match = ruleset.match(message.body, metadata(message) if ruleset.needs_metadata else None)
        account.match = match
        account.evaluated_ns = now = time.time_ns()
        if match.rejected is not None:
            return self._fail(account, match.rejected.reason, match.rejected.message)
        for rule in match.rules:
            self._books.matches[rule] += 1
        for rule in match.shadow:
            self._books.matches[rule] += 1
        if not match.rules:
            self._books.unmatched += 1
        targets = match.targets
        if not targets:
            if ruleset.unmatched == Unmatched.DROP:
                self._settler.delete(account, Outcome.DROPPED)
                return []
            return self._fail(account, Reason.UNMATCHED, "no rule matches; the rules say unmatched: dead-letter")
        before = read_letter_attribute(message.attributes) if message.attributes else None
        if before is not None and before.done:
            # A redriven letter: the targets that took the event must not get it twice.
            targets = tuple(target for target in targets if target not in before.done)
            if not targets:
                self._settler.delete(account, Outcome.DELIVERED)
        return [Delivery(account, target, now) for target in targets]

    def delivered(self, delivery: Delivery) -> None:
        """A sender has finished one delivery, either way: when it was the message's last, the message is settled."""
        account = delivery.account
        account.owed -= 1
        # A message handed back at the end of a drain is no longer ours to settle.
        if account.owed or account.outcome is not None:
            return
        if any(each.state is State.FAILED for each in account.deliveries):
            self._dead_letters.write(account, time.time_ns())
        else:
            self._settler.delete(account, Outcome.DELIVERED)

    def overflowed(self, sender: Sender, delivery: Delivery) -> None:
        """A delivery can no longer wait for its failing target."""
        account = delivery.account
        if len(account.deliveries) == 1:
            self._settler.postpone(account)
        else:
            sender.refuse(delivery)

    def _fail(self, account: Account, reason: Reason, text: str) -> list[Delivery]:
        fault = Fault.CONFIG if reason is Reason.UNMATCHED else Fault.DATA
        account.failure = Failure(reason, fault, text)
        self._dead_letters.write(account, account.evaluated_ns)
        return []


def _bug(error: Exception, account: Account) -> Failure:
    log.error("routing failed, please report this", exc_info=error, extra=about(account))
    name = type(error).__name__
    return Failure(Reason.INTERNAL_ERROR, Fault.SYSTEM, f"routing failed: {name}", name)
