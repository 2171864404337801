"""Balances the books of a chaos run: what was published, what lies in the queues, and the journal's reasons."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.faults import Kind
from tests.chaos.journal import GIVEN_UP_AFTER, HANDED_BACK, UNEXPLAINED, Journal, Letter, label, letter_of
from tests.chaos.load import BROKEN, DEAD, FIFO_SOURCE, TARGETS, Event
from tests.chaos.upstream import Document, Upstream

__all__ = ["Balance", "balance", "drain"]


@dataclass
class Balance:
    """The outcome of a run. Nothing may be in `lost`, `misplaced` and `unexplained`."""

    published: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    """Messages found, by target."""
    letters: Counter[str] = field(default_factory=Counter)
    """Letters found, by reason."""
    duplicates: Counter[str] = field(default_factory=Counter)
    """Copies beyond the first, of events in targets and of letters, by the reason that the journal has for them."""
    lost: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """One line for everything that is not as it must be."""
        return [
            *(f"lost: {what}" for what in self.lost),
            *(f"misplaced: {what}" for what in self.misplaced),
            *(f"unexplained: {what}" for what in self.unexplained),
        ]


async def drain(upstream: Upstream, queue: str) -> list[Document]:
    """Take everything out of a queue, behind the proxy's back."""
    url = f"http://localhost/000000000000/{queue}"
    taken: list[Document] = []
    ask = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"], "AttributeNames": ["All"]}
    while messages := (await upstream.call("ReceiveMessage", ask)).document.get("Messages"):
        taken += messages
        entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
        await upstream.call("DeleteMessageBatch", {"QueueUrl": url, "Entries": entries})
    return taken


def balance(
    events: Sequence[Event], found: Mapping[str, Sequence[Document]], journal: Journal, *, remembered: bool = False
) -> Balance:
    """Hold what is in the target queues and in the dead-letter queue (`found`, by queue) against the events.

    `remembered`: the workers know of everything that was ever delivered, so a message that comes again is no reason for
    a copy in a target.
    """
    result = Balance(published=len(events))
    known = {event.body for event in events}
    letters: dict[str, list[Letter]] = defaultdict(list)
    for message in found[DEAD]:
        letter = letter_of(message)
        result.letters[letter.reason or "not a letter"] += 1
        letters[message["Body"]].append(letter)
    copies: dict[str, Counter[str]] = {}
    for target, queue in TARGETS.items():
        messages = found.get(queue, ())
        result.delivered[target] = len(messages)
        copies[target] = Counter(message["Body"] for message in messages)
    for place, bodies in [*copies.items(), (DEAD, Counter(letters))]:
        result.misplaced += [f"{place} has what was never published: {label(b)}" for b in bodies if b not in known]
    for event in events:
        _event(event, copies, letters[event.body], journal, remembered, result)
    result.misplaced += _changed_attributes(events, found)
    result.misplaced += _out_of_order(events, found[TARGETS["ledger"]], journal)
    return result


def _event(
    event: Event,
    copies: Mapping[str, Counter[str]],
    letters: list[Letter],
    journal: Journal,
    remembered: bool,
    result: Balance,
) -> None:
    body, fate = event.body, event.fate
    again = [reason for reason in journal.again[body] if reason not in (HANDED_BACK, UNEXPLAINED)]
    for target, bodies in copies.items():
        queue, count = TARGETS[target], bodies[body]
        owed = any(target in letter.owed for letter in letters)
        name = f"{label(body)} in {target}"
        if target not in fate.targets:
            if count or owed:
                result.misplaced.append(f"{name}, where it does not belong")
            continue
        untold = journal.untold[queue, body]
        if not count and not owed:
            result.lost.append(name)
        elif count and owed and not untold and not again:
            result.unexplained.append(f"{name}, and its letter owes it")
        given_up = journal.denials[queue] >= GIVEN_UP_AFTER
        if owed and target != BROKEN and not given_up and (queue, body) not in journal.troubled:
            result.unexplained.append(f"{name}: a letter owes it though no send of it met a fault")
        # A FIFO queue swallows what comes twice, whatever the reason.
        reasons = [] if queue.endswith(".fifo") else [*untold, *([] if remembered else again)]
        _duplicates(name, count, reasons, result)
    if fate.reason:
        right = [letter for letter in letters if letter.reason == fate.reason and not letter.owed]
        if not right:
            result.lost.append(f"the letter of {label(body)}, {fate.reason}")
    else:
        right = [letter for letter in letters if letter.owed]
    if len(right) != len(letters):
        result.misplaced.append(f"{label(body)} has letters it must not have: {letters}")
    _duplicates(f"letter of {label(body)}", len(letters), [*journal.untold[DEAD, body], *again], result)


def _duplicates(name: str, count: int, reasons: Sequence[Kind | str], result: Balance) -> None:
    """The copies beyond the first, each of which needs a reason of its own."""
    excess = max(0, count - 1)
    result.duplicates.update(str(reason) for reason in reasons[:excess])
    if excess > len(reasons):
        result.unexplained.append(f"{name}: {count} copies, reasons for more than one: {[str(r) for r in reasons]}")


def _changed_attributes(events: Sequence[Event], found: Mapping[str, Sequence[Document]]) -> Iterator[str]:
    tenants = {event.body: event.attributes.get("tenant") for event in events}
    for place, messages in found.items():
        for message in messages:
            tenant = (message.get("MessageAttributes") or {}).get("tenant", {}).get("StringValue")
            if tenant != tenants.get(message["Body"]):
                yield f"{label(message['Body'])} in {place} has other attributes than it came with"


def _out_of_order(events: Sequence[Event], ledger: Sequence[Document], journal: Journal) -> Iterator[str]:
    """What came through the FIFO source stands in the FIFO target in the order of its group.

    Except for what came again because it could neither be delivered nor written into a letter: a group does not stop
    for that.
    """
    ordered = {event.body: (number, event) for number, event in enumerate(events) if event.source == FIFO_SOURCE}
    last: dict[str, int] = {}
    for message in ledger:
        if message["Body"] not in ordered:
            continue
        number, event = ordered[message["Body"]]
        if number < last.get(event.group, -1) and not journal.again[event.body]:
            yield f"{label(event.body)} of {event.group} was overtaken: {journal.trail(event.body)}"
        last[event.group] = number
