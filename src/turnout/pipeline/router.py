"""Decides: matches each received message against the rules and opens a delivery for every target it belongs to.

Rules and senders change together, in one assignment between two messages, so that no event sees half of a ruleset.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from itertools import islice

import msgspec

from turnout.account import Account, Delivery, Outcome, State
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.letter import LETTER, LETTER_VERSION, foreign_version, read_letter_attribute
from turnout.message import Message
from turnout.pipeline.books import Books
from turnout.pipeline.claims import Claims
from turnout.pipeline.deadletter import DeadLetters
from turnout.pipeline.sender import Sender
from turnout.pipeline.settler import Settler
from turnout.queues import queue_name
from turnout.rules import Match, Ruleset
from turnout.rules.files.schema import NAME
from turnout.rules.model import Unmatched
from turnout.telemetry.logs import about

__all__ = ["Router", "Routes", "metadata"]

log = logging.getLogger(__name__)

# For so long a message goes back to its queue when none of its targets works; each return costs it a receive.
POSTPONE_SECONDS = 300.0

# No letter of ours owes so many: what somebody else wrote into one must not cost as much memory as it likes.
_MOST_OWED = 1_000

_Decided = list[tuple[Account, list[Delivery]]]
"""Messages and the deliveries to make of them, one at least."""

# Named once, for what that costs: see `turnout.account`.
_FAILED = State.FAILED
_DELIVERED = Outcome.DELIVERED


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
        claims: Claims | None,
        books: Books,
    ) -> None:
        self._received = received
        self._settler = settler
        self._dead_letters = dead_letters
        self._claims = claims
        self._books = books
        self._stopped = False

    def stop(self) -> None:
        """Route nothing more: what comes now is handed back."""
        self._stopped = True

    async def run(self) -> None:
        """Route until cancelled."""
        while True:
            received = await self._received.get()
            if self._stopped:
                continue
            # What a drain handed back in the meantime is no longer ours.
            accounts = [account for account in received if account.outcome is None]
            routes = self.routes  # one set of rules and senders for the batch, whatever is loaded meanwhile
            decided = self._decide(accounts, routes.ruleset)
            if self._claims is not None:
                decided = await self._claimed(self._claims, decided)
            self._open(decided, routes.senders)
            # The queue answers without a pause while it is not empty; senders and pollers need their turn.
            await asyncio.sleep(0)

    async def _claimed(self, claims: Claims, decided: _Decided) -> _Decided:
        """What is left to deliver when other receives of the same events are taken into account."""
        if not decided:
            return []
        answers = await claims.claim([account for account, _ in decided])
        if given_up := [account for account, _ in decided if account.outcome is not None]:
            await claims.record(given_up)  # handed back without an answer: nobody is to wait for these claims
        left = []
        waiting: dict[str, float] = {}
        for (account, deliveries), claim in zip(decided, answers, strict=True):
            if account.outcome is not None:
                continue
            lane, seconds = account.message.lane, claim.busy_seconds
            if lane:
                # What SQS handed out behind one that has to wait must not overtake it.
                seconds = waiting[lane] = max(seconds, waiting.get(lane, 0.0))
            if seconds:
                self._settler.postpone(account, seconds)
                continue
            account.taken |= claim.done
            if untaken := self._untaken(account, deliveries):
                left.append((account, untaken))
        return left

    def _untaken(self, account: Account, deliveries: list[Delivery]) -> list[Delivery]:
        if deliveries and not account.taken:
            return deliveries
        left = [delivery for delivery in deliveries if delivery.target not in account.taken]
        self._books.suppressed += len(deliveries) - len(left)
        if not left and account.deliveries:
            self._dead_letters.write(account, time.time_ns())
        elif not left:
            self._settler.delete((account,), Outcome.DELIVERED)
        return left

    def _still_owed(self, account: Account, owed: Iterable[str], ruleset: Ruleset) -> list[Delivery]:
        """What a redriven letter is owed to, and no rule of today names: its deliveries, but for those that have no
        target any more. These have failed, and stand in the account already. What can be no target's name somebody else
        wrote there.
        """
        match = account.match
        named = account.taken.union(match.targets if isinstance(match, Match) else ())
        now = account.evaluated_ns
        left: list[Delivery] = []
        lost: list[Delivery] = []
        for target in islice(dict.fromkeys(owed), _MOST_OWED):
            if target in named or not NAME.fullmatch(target):
                continue
            delivery = Delivery(account, target, now)
            if target in ruleset.targets:
                left.append(delivery)
                continue
            delivery.state, delivery.failure, delivery.settled_ns = _FAILED, _undeclared(target), now
            lost.append(delivery)
        account.deliveries = lost
        return left

    def _open(self, decided: _Decided, senders: Mapping[str, Sender]) -> None:
        """Hand deliveries to their senders, all of a batch at once."""
        lines: dict[str, list[Delivery]] = {}
        full: set[str] = set()
        for account, deliveries in decided:
            for delivery in deliveries:
                if delivery.target not in lines:
                    lines[delivery.target] = []
                    if senders[delivery.target].full:
                        full.add(delivery.target)
            if full and all(delivery.target in full for delivery in deliveries):
                self._settler.postpone(account, POSTPONE_SECONDS)
                continue
            account.deliveries = [*account.deliveries, *deliveries] if account.deliveries else deliveries
            account.owed = len(deliveries)
            for delivery in deliveries:
                lines[delivery.target].append(delivery)
        for target, line in lines.items():
            sender = senders[target]
            if target not in full:
                sender.put(line)
                continue
            for delivery in line:
                self.overflowed(sender, delivery)

    def _decide(self, accounts: Iterable[Account], ruleset: Ruleset) -> _Decided:
        """The deliveries to make; a message that goes elsewhere is left out, and that has been arranged."""
        decided = []
        dropped: list[Account] = []
        matched: list[str] = []
        looks = ruleset.needs_metadata
        fingerprint = ruleset.fingerprint
        for account in accounts:
            account.fingerprint = fingerprint
            account.routed_ns = time.time_ns()
            try:
                match = ruleset.match(account.message.body, metadata(account.message) if looks else None)
                matched += match.rules + match.shadow
                deliveries = self._deliveries(account, match, ruleset, dropped)
            except Exception as error:  # noqa: BLE001 - a bug of ours must cost one letter, not the worker
                account.failure = _bug(error, account)
                self._dead_letters.write(account, time.time_ns())
            else:
                if deliveries:
                    decided.append((account, deliveries))
        self._books.matches.update(matched)  # at once: `counter[rule] += 1` takes five times as long
        if dropped:
            self._settler.delete(dropped, Outcome.DROPPED)
        return decided

    def _deliveries(self, account: Account, match: Match, ruleset: Ruleset, dropped: list[Account]) -> list[Delivery]:
        """What is to be delivered; a message that nobody wants is put into `dropped`, others are seen to here."""
        account.match = match
        account.evaluated_ns = now = time.time_ns()
        if match.rejected is not None:
            return self._fail(account, match.rejected.reason, match.rejected.message)
        if not match.rules:
            self._books.unmatched += 1
        targets = match.targets
        attributes = account.message.attributes
        if not targets and LETTER not in attributes:
            return self._unmatched(account, ruleset, dropped)
        deliveries = []
        for target in targets:  # most have one: to set a comprehension up takes as long as what is in it
            deliveries.append(Delivery(account, target, now))  # noqa: PERF401
        if LETTER not in attributes:
            return deliveries
        # A redriven letter: the targets that took the event must not get it twice.
        before = read_letter_attribute(attributes)
        if before is not None:
            account.taken = frozenset(before.done)
            if not account.taken.union(before.owed).issuperset(targets):
                return self._untaken(account, deliveries)  # the rules of today have another way for it
            deliveries += self._still_owed(account, before.owed, ruleset)
        elif version := foreign_version(attributes):
            return self._fail(account, Reason.LETTER_UNREADABLE, _unreadable(version))
        if not (targets or deliveries or account.deliveries):  # and it is owed to nothing
            return self._unmatched(account, ruleset, dropped)
        return self._untaken(account, deliveries)

    def _unmatched(self, account: Account, ruleset: Ruleset, dropped: list[Account]) -> list[Delivery]:
        if ruleset.unmatched != Unmatched.DROP:
            return self._fail(account, Reason.UNMATCHED, "no rule matches; the rules say unmatched: dead-letter")
        dropped.append(account)
        return []

    def delivered(self, deliveries: Iterable[Delivery]) -> None:
        """A sender has finished these, either way: messages whose last delivery is among them are settled."""
        done = []
        for delivery in deliveries:
            account = delivery.account
            account.owed -= 1
            # A message handed back at the end of a drain is no longer ours to settle.
            if account.owed or account.outcome is not None:
                continue
            for each in account.deliveries:
                if each.state is _FAILED:
                    self._dead_letters.write(account, time.time_ns())
                    break
            else:
                done.append(account)
        if done:
            self._settler.delete(done, _DELIVERED)

    def overflowed(self, sender: Sender, delivery: Delivery) -> None:
        """A delivery can no longer wait for its failing target."""
        account = delivery.account
        if account.outcome is not None:  # handed back at the end of a drain
            return
        if len(account.deliveries) == 1:
            self._settler.postpone(account, POSTPONE_SECONDS)
        else:
            sender.refuse(delivery)

    def _fail(self, account: Account, reason: Reason, text: str) -> list[Delivery]:
        fault = Fault.CONFIG if reason in (Reason.UNMATCHED, Reason.LETTER_UNREADABLE) else Fault.DATA
        account.failure = Failure(reason, fault, text)
        self._dead_letters.write(account, account.evaluated_ns)
        return []


def _undeclared(target: str) -> Failure:
    text = (
        f"its letter is owed to '{target}', which is no target of the rules any more: declare that target again "
        "and redrive it, or choose where it goes (turnout dlq replay --to-target)"
    )
    return Failure(Reason.QUEUE_MISSING, Fault.CONFIG, text)


def _unreadable(version: int) -> str:
    return (
        f"its Turnout.Letter is of version {version}, and this worker reads version {LETTER_VERSION}: it goes back as "
        "it came, since nobody here knows which targets have the event; redrive it when all workers read that version"
    )


def _bug(error: Exception, account: Account) -> Failure:
    log.error("routing failed, please report this", exc_info=error, extra=about(account))
    name = type(error).__name__
    return Failure(Reason.INTERNAL_ERROR, Fault.SYSTEM, f"routing failed: {name}", name)
