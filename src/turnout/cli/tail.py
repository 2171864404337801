"""`turnout tail`: messages of a running worker as they are settled, one line each."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime

import click
import httpx
import msgspec
from rich.console import Console
from rich.text import Text

from turnout.cli.running import address_argument, asking, look, not_a_worker, worker_url
from turnout.queues import queue_name
from turnout.rules.showing import printable
from turnout.rules.spelling import nearest
from turnout.service.routed import Routed, RoutedDelivery
from turnout.service.summary import span
from turnout.telemetry.logs import printable_json
from turnout.telemetry.semconv import SYSTEM_SQS
from turnout.telemetry.snapshot import Snapshot

__all__ = ["tail"]

_SILENT_SECONDS = 30.0
"""The worker writes an empty line more often than that."""
_MOST_NAMES = 8
_OUTCOMES = {"delivered": "green", "dead_lettered": "red", "dropped": "dim", "handed_back": "yellow"}
_STATES = {"done": "", "failed": "red", "pending": "yellow"}


@click.command(short_help="Watch a running worker's messages.")
@address_argument
@click.option(
    "--queue",
    default="",
    metavar="NAME",
    help="Only messages from this source, or to this target or queue; the dead-letter queue is one.",
)
@click.option("--rule", default="", metavar="ID", help="Only messages that this rule matched.")
@click.option(
    "--per-second", type=click.FloatRange(0.1, 1000), default=10.0, show_default=True, help="Messages shown, at most."
)
@click.option("--count", type=click.IntRange(1), help="Exit after so many.")
@click.option("--bodies", is_flag=True, help="Show whole events, if the worker allows it (TURNOUT_HTTP_BODIES).")
@click.option("--json", "as_json", is_flag=True, help="Print the records, one JSON object a line.")
def tail(
    address: str | None, queue: str, rule: str, per_second: float, count: int | None, bodies: bool, as_json: bool
) -> None:
    """Show messages as they are settled: where each went, by which rules, how long it took.

    ADDRESS is that of the worker's HTTP port, as its log names it: http://127.0.0.1:8080, or 8080 for one on this
    machine; without it TURNOUT_HTTP_PORT is taken. The token, if it has one, is read from TURNOUT_HTTP_TOKEN. Of many
    messages some are shown and the others counted. Ctrl-C ends.
    """
    console = Console(soft_wrap=True, highlight=False)
    wanted: dict[str, str | float] = {
        "queue": queue,
        "rule": rule,
        "per_second": per_second,
        "bodies": "true" if bodies else "",
    }
    with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        _follow(console, worker_url(address), wanted, count, as_json)


def _follow(console: Console, url: str, wanted: dict[str, str | float], count: int | None, as_json: bool) -> None:
    seen = 0
    with asking(url) as client:
        timeout = httpx.Timeout(5.0, read=_SILENT_SECONDS)
        with client.stream("GET", "/tail", params=wanted, timeout=timeout) as answer:
            if not answer.is_success:
                answer.read()
            answer.raise_for_status()
            _note(client, str(wanted["queue"]), str(wanted["rule"]))
            for text in _lines(answer):
                if not text:
                    continue
                try:
                    routed = msgspec.json.decode(text, type=Routed)
                except msgspec.DecodeError as error:
                    raise not_a_worker(client, error) from None
                if as_json:
                    sys.stdout.write(printable_json(text) + "\n")
                    sys.stdout.flush()
                else:
                    console.print(line(routed))
                seen += 1
                if seen == count:
                    return
    raise click.ClickException("the worker has ended")


def _lines(answer: httpx.Response) -> Iterator[str]:
    """The lines until the worker ends, which cuts the answer short."""
    with contextlib.suppress(httpx.RemoteProtocolError):
        yield from answer.iter_lines()


def _note(client: httpx.Client, queue: str, rule: str) -> None:
    """Say what would never be shown. It goes on all the same: rules that are loaded later may have it."""
    if not (queue or rule):
        return
    with contextlib.suppress(httpx.HTTPError, click.ClickException):  # then it is not known, and nothing is lost
        for note in notes(look(client), queue, rule):
            click.echo(f"note: {note}", err=True)


def notes(snapshot: Snapshot, queue: str, rule: str) -> Iterator[str]:
    """What keeps anything from being shown, as things are now; an empty name asks for nothing."""
    rules = snapshot.rules
    if rule and rule not in rules.matches:
        yield f"nothing is shown while the worker has no rule {_missing(rule, rule, tuple(rules.matches))}"
    elif rule in rules.disabled:
        yield f"nothing is shown while rule '{rule}' is switched off (enabled: false)"
    sources = (queue_name(each.queue) for each in snapshot.sources)
    queues = (target.queue for target in snapshot.targets if target.system == SYSTEM_SQS)
    known = tuple(dict.fromkeys((*sources, *(target.name for target in snapshot.targets), *queues)))
    if queue and queue not in known:
        what = "source, target or target's queue"
        yield f"nothing is shown while the worker has no {what} {_missing(queue, queue_name(queue), known)}"


def _missing(asked: str, name: str, known: Sequence[str]) -> str:
    """What was asked for, and what was probably meant or else what there is."""
    hint = nearest(name, known)
    if not hint and known:
        more = f" and {len(known) - _MOST_NAMES:,} more" if len(known) > _MOST_NAMES else ""
        hint = f"; it has {', '.join(known[:_MOST_NAMES])}{more}"
    return f"'{printable(asked)}'{hint}"


def line(routed: Routed) -> Text:
    """One message in one line, and its body in a second if it was sent along."""
    at = datetime.fromtimestamp(routed.at).astimezone().strftime("%H:%M:%S.%f")[:-3]
    text = Text.assemble(
        (at, "dim"),
        " ",
        (f"{routed.outcome.replace('_', ' '):<13}", _OUTCOMES.get(routed.outcome, "")),
        (f"{span(round(routed.seconds, 4)):>8}", "dim"),
        "  ",
        printable(routed.event_id or routed.message_id),
    )
    if routed.event_type:
        text.append(f"  {printable(routed.event_type)}", "dim")
    if routed.reason:
        text.append(f"  {routed.reason}", "red")
    if routed.rules or routed.shadow:
        text.append("  by " + ", ".join((*routed.rules, *(f"{rule} (shadow)" for rule in routed.shadow))), "dim")
    for number, delivery in enumerate(routed.deliveries):
        text.append("  -> " if not number else ", ", "dim")
        text.append_text(_delivery(delivery))
    if routed.conversation_id:
        text.append(f"  conversation {printable(routed.conversation_id)}", "dim")
    if routed.skipped:
        text.append(f"  ({routed.skipped:,} not shown before it)", "dim")
    if routed.body is not None:
        text.append("\n    " + printable(routed.body))
    return text


def _delivery(delivery: RoutedDelivery) -> Text:
    text = Text(delivery.target, _STATES.get(delivery.state, ""))
    if delivery.attempts > 1:
        text.append(f" ({delivery.attempts} attempts)", "dim")
    if delivery.code:
        text.append(f" {printable(delivery.code)}", "yellow" if delivery.state == "done" else "red")
    return text
