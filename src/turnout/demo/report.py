"""Shows the demonstration: a progress bar while it runs; then tables and one event's story, or one JSON object."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from turnout.account import Account, Call, Delivery
from turnout.demo.run import Result
from turnout.rules import Match, Ruleset
from turnout.rules.model import Mode
from turnout.words import count

__all__ = ["progress_bar", "show", "summary"]

Step = tuple[int, str]
"""A moment in nanoseconds since the epoch, and what happened then."""


def progress_bar(console: Console) -> Progress:
    """A bar that counts messages."""
    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def summary(result: Result, ruleset: Ruleset) -> dict[str, object]:
    """The object that `--json` prints."""
    findings = result.findings
    return {
        "received": result.books.received,
        "delivered": {name: findings.delivered.get(name, 0) for name in ruleset.targets},
        "dead_lettered": dict(sorted(findings.dead_lettered.items())),
        "unmatched": result.books.unmatched,
        "duplicates": findings.duplicates,
        "lost": findings.lost,
        "seconds": round(result.seconds, 3),
    }


def show(result: Result, ruleset: Ruleset, console: Console) -> None:
    """Print the tables, the rate, one event's story, and the verdict of the audit."""
    _section(console, "What the rules decided", _rules_table(result, ruleset))
    _section(console, "What the queues hold, counted by draining them", _targets_table(result, ruleset))
    if result.findings.dead_lettered:
        _section(console, "What was dead-lettered, and why", _letters_table(result))
    if result.story is not None:
        _section(console, f"The story of message {result.story.message.id}", _story_table(result.story))
    rate = round(result.books.received / result.seconds) if result.seconds > 0 else 0
    console.print(
        f"{count(result.books.received, 'message')} in {result.seconds:.1f} s: {count(rate, 'message')} per second "
        "through one worker, with publisher and server on the same machine.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(_verdict(result))


def _rules_table(result: Result, ruleset: Ruleset) -> Table:
    table = _table()
    table.add_column("rule", overflow="fold")
    table.add_column("matched", justify="right")
    table.add_column("sends to", overflow="fold")
    for rule in ruleset.rules:
        if rule.enabled:
            sends = "nothing, on trial (shadow)" if rule.mode is Mode.SHADOW else ", ".join(rule.send)
            table.add_row(Text(rule.id), f"{result.books.matches[rule.id]:,}", Text(sends))
    table.add_row(Text("no rule", style="dim"), f"{result.books.unmatched:,}", Text(ruleset.unmatched, style="dim"))
    return table


def _targets_table(result: Result, ruleset: Ruleset) -> Table:
    table = _table()
    table.add_column("target", overflow="fold")
    table.add_column("priority", justify="right")
    table.add_column("messages", justify="right")
    for target in sorted(ruleset.targets.values(), key=lambda target: target.priority):
        table.add_row(Text(target.name), str(target.priority), f"{result.findings.delivered.get(target.name, 0):,}")
    letters = sum(result.findings.dead_lettered.values())
    table.add_row(Text("dead letters", style="dim"), "", f"{letters:,}")
    return table


def _letters_table(result: Result) -> Table:
    table = _table()
    table.add_column("reason", overflow="fold")
    table.add_column("letters", justify="right")
    table.add_column("one of them says", overflow="fold")
    for reason, number in sorted(result.findings.dead_lettered.items()):
        table.add_row(Text(reason), f"{number:,}", Text(result.findings.why[reason]))
    return table


def _story_table(account: Account) -> Table:
    table = _table()
    table.add_column("at", justify="right")
    table.add_column("what happened", overflow="fold")
    for at_ns, text in sorted(story(account)):
        table.add_row(f"{(at_ns - account.received_ns) / 1e6:.1f} ms", Text(text))
    return table


def story(account: Account) -> Iterator[Step]:
    """What happened to one message, from receive to delete, in no particular order."""
    receive = account.receive
    yield account.received_ns, f"received, in a batch of {receive.count} that took {_milliseconds(receive)}"
    match = account.match
    if isinstance(match, Match):
        took = (account.evaluated_ns - account.routed_ns) / 1000
        rules, targets = ", ".join(match.rules) or "no rule", ", ".join(match.targets) or "nowhere"
        yield account.routed_ns, f"rules evaluated in {took:.0f} us: {rules} -> {targets}"
    for delivery in account.deliveries:
        yield from _delivery(delivery)
    if account.delete is not None:
        yield account.delete.start_ns, f"delete called, in a batch of {account.delete.count}"
    yield account.settled_ns, f"deleted from the source, {account.outcome}" if account.outcome else "let go"


def _delivery(delivery: Delivery) -> Iterator[Step]:
    for call in delivery.calls:
        yield call.start_ns, f"send to {delivery.target} called, in a batch of {call.count}"
    for retry in delivery.retries:
        yield retry.at_ns, f"{delivery.target}: {retry.code}, tried again after {retry.delay_seconds:.1f} s"
    yield delivery.settled_ns, f"{delivery.target}: {delivery.state}"


def _milliseconds(call: Call) -> str:
    return f"{(call.end_ns - call.start_ns) / 1e6:.1f} ms"


def _verdict(result: Result) -> Text:
    findings = result.findings
    text = f"{result.published:,} published, lost: {findings.lost}, duplicates: {findings.duplicates}"
    if findings.unfinished:
        text += f", left in the source queue: {findings.unfinished}"
    return Text(text, style="bold red" if findings.lost else "bold green")


def _section(console: Console, title: str, table: Table) -> None:
    console.print(Text(title, style="bold"))
    console.print(table)
    console.print()


def _table() -> Table:
    return Table(header_style="dim", box=None, padding=(0, 2))
