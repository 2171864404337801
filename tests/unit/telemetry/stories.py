"""Messages' lives as the pipeline would record them, told step by step, for the tests of tracing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from turnout.account import Account, Call, Delivery, Outcome, Retry, State
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.message import Attribute, Message
from turnout.telemetry.records import Span
from turnout.telemetry.tracing import Tracing

BASE = "https://sqs.eu-west-1.amazonaws.com/123456789012"
SOURCE = f"{BASE}/orders"
DEAD = f"{BASE}/orders-dlq"
MILLISECOND = 1_000_000

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@dataclass
class Match:
    """Stands for `turnout.rules.Match`."""

    rules: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    event_id: str | None = "event-1"
    conversation_id: str | None = "conversation-1"
    event_type: str | None = "v2.detail.events.conversation.{id}.user.end"
    rejected: object = None


@dataclass
class Sink:
    """A sink that keeps what it is given."""

    spans: list[Span] = field(default_factory=list)
    capacity: int = 100_000
    shut_down: bool = False
    flushed: int = 0
    abandoned: bool = False

    def room(self) -> int:
        return self.capacity - len(self.spans)

    def emit(self, finished: Sequence[Span]) -> None:
        self.spans += finished

    def flush(self) -> None:
        self.flushed += 1

    def shutdown(self) -> None:
        self.shut_down = True

    def abandon(self) -> None:
        self.abandoned = True

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@dataclass
class Story:
    """Tells the life of messages that were received together. Every step takes one millisecond."""

    tracing: Tracing
    now_ns: int = field(default_factory=time.time_ns)
    sent: list[tuple[dict[str, Attribute], str | None]] = field(default_factory=list)
    """What went out, in order: the attributes and the trace header of each message."""

    def tick(self, milliseconds: int = 1) -> int:
        self.now_ns += milliseconds * MILLISECOND
        return self.now_ns

    def receive(
        self,
        count: int = 1,
        *,
        attributes: Mapping[str, Attribute] | None = None,
        system: Mapping[str, str] | None = None,
        body: str = "{}",
    ) -> list[Account]:
        call = Call("receive", SOURCE, self.tick())
        call.end_ns = self.tick()
        call.count = count
        accounts = [
            Account(
                Message(
                    id=f"message-{number}",
                    handle=f"handle-{number}",
                    body=body,
                    queue=SOURCE,
                    attributes=attributes or {},
                    system={"ApproximateReceiveCount": "1", **(system or {})},
                ),
                call,
                call.end_ns,
            )
            for number in range(count)
        ]
        self.tracing.received(accounts)
        return accounts

    def route(
        self, account: Account, *targets: str, rules: Sequence[str] = ("a-rule",), match: Match | None = None
    ) -> None:
        account.routed_ns = self.tick()
        account.match = match or Match(rules=tuple(rules), targets=targets)
        account.fingerprint = "f1nger"
        account.evaluated_ns = self.tick()
        account.deliveries = [Delivery(account, target, account.evaluated_ns) for target in targets]
        account.owed = len(targets)
        for delivery in account.deliveries:
            delivery.queue = f"{BASE}/{delivery.target}"

    def reject(self, account: Account, failure: Failure) -> None:
        """The event cannot be read."""
        account.routed_ns = self.tick()
        account.fingerprint = "f1nger"
        account.evaluated_ns = self.tick()
        account.failure = failure

    def send(self, *deliveries: Delivery, error: str = "", entry_error: str = "", last: bool = True) -> Call:
        """One batch call; `error` fails it as a whole, `entry_error` fails the entries; `last`: no retry follows."""
        for delivery in deliveries:
            self.sent.append(self.tracing.inject(delivery, dict(delivery.account.message.attributes)))
        call = Call("send", deliveries[0].queue, self.tick())
        call.count = len(deliveries)
        call.error = error
        call.end_ns = self.tick()
        for delivery in deliveries:
            delivery.calls += (call,)
            delivery.attempts += 1
            code = error or entry_error
            if not code:
                delivery.state = State.DONE
                delivery.message_id = f"sent-{delivery.account.message.id}-{delivery.target}"
                delivery.settled_ns = call.end_ns
            elif last:
                self.fail(delivery, Failure(Reason.ACCESS_DENIED, Fault.CONFIG, "You may not send there.", code))
            else:
                delivery.retries += (Retry(call.end_ns, code, 0.25),)
        return call

    def fail(self, delivery: Delivery, failure: Failure) -> None:
        delivery.state = State.FAILED
        delivery.failure = failure
        delivery.settled_ns = self.tick()

    def write_letter(self, account: Account, **send: str) -> Delivery:
        account.letter = letter = Delivery(account, "orders-dlq", self.tick())
        letter.queue = DEAD
        self.send(letter, **send)  # type: ignore[arg-type]
        return letter

    def delete(self, *accounts: Account, error: str = "") -> None:
        call = Call("delete", SOURCE, self.tick())
        call.count = len(accounts)
        call.end_ns = self.tick()
        call.error = error
        for account in accounts:
            account.delete = call

    def settle(self, outcome: Outcome, *accounts: Account) -> None:
        for account in accounts:
            account.outcome = outcome
            account.settled_ns = self.tick()
            self.tracing.settled([account])

    def deliver(self, *targets: str, count: int = 1, **receive: Mapping[str, object]) -> list[Account]:
        """The whole of a quiet life: received together, sent in one call per target, deleted."""
        accounts = self.receive(count, **receive)  # type: ignore[arg-type]
        for account in accounts:
            self.route(account, *targets)
        for number in range(len(targets)):
            self.send(*[account.deliveries[number] for account in accounts])
        self.delete(*accounts)
        self.settle(Outcome.DELIVERED, *accounts)
        return accounts


def text(value: str) -> Attribute:
    """A message attribute of type String."""
    return Attribute("String", value)
