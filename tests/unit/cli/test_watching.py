"""`turnout top` and `turnout tail` against a running worker."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from io import StringIO

import click
import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.console import Console
from tests.unit.pipeline.yard import RULES, Yard, event, ruleset
from tests.unit.service.snapshots import NOW, Reloaded, change, snapshot, target

from turnout.cli.running import worker_url
from turnout.cli.tail import line, notes, tail
from turnout.cli.top import frame, top
from turnout.pipeline.worker import Worker
from turnout.service.feeds import Feeds
from turnout.service.history import History
from turnout.service.http import HttpConfig, serving
from turnout.service.observer import Observer
from turnout.service.routed import Routed, RoutedDelivery
from turnout.service.tap import Tap
from turnout.service.view import WorkerView
from turnout.service.watchdog import Watchdog
from turnout.telemetry.snapshot import FleetSnapshot, LetterSnapshot, Snapshot

TOKEN = "correct horse battery"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What people may well wait a second for: the second look, and those who still watch when a worker ends."""
    monkeypatch.setattr("turnout.cli.top._FIRST_SECONDS", 0.05)
    monkeypatch.setattr("turnout.service.http._STOP_SECONDS", 0.05)


@asynccontextmanager
async def worker(*, token: str = "", bodies: bool = False) -> AsyncIterator[tuple[Yard, str]]:
    yard, watchdog = Yard(), Watchdog(5)
    tap = Tap(yard.watch, str, bodies_allowed=bodies)
    yard.worker = Worker(yard.config, ruleset(RULES), yard.sqs, tap)
    async with yard.running():
        view = WorkerView(Observer(yard.worker, reloads=Reloaded(), blocks=watchdog), watchdog)
        async with serving(HttpConfig(0, token=token), view, Feeds(view, str, tap)) as port:
            yield yard, str(port)


def run_top(*arguments: str, environ: dict[str, str] | None = None, token: str = "") -> Result:
    async def main() -> Result:
        async with worker(token=token) as (yard, port):
            await yard.publish(event("one"), event("three"), "not JSON")
            await yard.watch.wait(3)
            return await asyncio.to_thread(CliRunner().invoke, top, [port, *arguments], env=environ)

    return asyncio.run(main())


def run_tail(*arguments: str, bodies: bool = False, third: str = "not JSON") -> Result:
    async def main() -> Result:
        async with worker(bodies=bodies) as (yard, port):
            running = asyncio.create_task(
                asyncio.to_thread(CliRunner().invoke, tail, [port, "--per-second", "100", *arguments])
            )
            while not running.done():
                await yard.publish(event("one", 1), event("three", 2), third)
                await asyncio.sleep(0.05)
            return await running

    return asyncio.run(main())


def test_top_prints_one_picture_where_there_is_no_terminal() -> None:
    result = run_top()
    assert result.exit_code == 0, result.output
    words = " ".join(result.output.split())
    for expected in ("Working", "events 3", "crm working", "INVALID_JSON 1", "three", "no rule"):
        assert expected in words, expected


def test_top_says_what_is_missing_or_wrong() -> None:
    refused = run_top(token=TOKEN)
    assert refused.exit_code == 1
    assert "set TURNOUT_HTTP_TOKEN" in refused.output
    assert run_top(token=TOKEN, environ={"TURNOUT_HTTP_TOKEN": TOKEN}).exit_code == 0
    nobody = CliRunner().invoke(top, ["127.0.0.1:9"])
    assert nobody.exit_code == 1
    assert "no answer from http://127.0.0.1:9" in nobody.output


@pytest.mark.parametrize("token", ["correct horse\n", "Gr\u00fc\u00dfe", "two\nlines", "a:b"])
def test_whatever_a_token_is_made_of_it_opens_or_is_refused_and_never_shown(token: str) -> None:
    opened = run_top(token=token.strip(), environ={"TURNOUT_HTTP_TOKEN": token})
    assert opened.exit_code == 0, opened.output
    refused = run_top(token=TOKEN, environ={"TURNOUT_HTTP_TOKEN": token + "!"})
    assert refused.exit_code == 1
    assert "set TURNOUT_HTTP_TOKEN" in refused.output
    assert token.split()[0] not in refused.output


WATCHING = pytest.mark.parametrize(("command", "options"), [(top, ["--once"]), (tail, []), (tail, ["--json"])])


def watch_another(command: click.Command, options: list[str], answer: str) -> Result:
    async def another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    async def main() -> Result:
        async with await asyncio.start_server(another, "127.0.0.1", 0) as server:
            port = str(server.sockets[0].getsockname()[1])
            return await asyncio.to_thread(CliRunner().invoke, command, [port, *options])

    return asyncio.run(main())


@pytest.mark.parametrize("answer", ["<title>Please log in</title>\n", "{}\n"])
@WATCHING
def test_another_program_at_the_address_is_told(command: click.Command, options: list[str], answer: str) -> None:
    result = watch_another(command, options, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + answer)
    assert result.exit_code == 1
    assert "is not a worker of this version" in result.output, result.output


@WATCHING
def test_an_address_that_redirects_is_told(command: click.Command, options: list[str]) -> None:
    moved = "HTTP/1.1 308 Permanent Redirect\r\nLocation: https://worker.example.com/\r\nContent-Length: 0\r\n\r\n"
    result = watch_another(command, options, moved)
    assert result.exit_code == 1
    assert "give the address that it redirects to" in result.output, result.output


@pytest.mark.parametrize("command", [top, tail])
def test_an_address_is_needed(command: object) -> None:
    result = CliRunner().invoke(command, [], env={"TURNOUT_HTTP_PORT": ""})  # type: ignore[arg-type]
    assert result.exit_code == 2
    assert "http://127.0.0.1:8080" in result.output


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("8080", "http://127.0.0.1:8080"),
        ("turnout:8080", "http://turnout:8080"),
        ("https://turnout.example/", "https://turnout.example"),
        (None, "http://127.0.0.1:9000"),
    ],
)
def test_addresses_are_taken_as_people_give_them(
    address: str | None, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TURNOUT_HTTP_PORT", "9000")
    assert worker_url(address) == url


@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://user:secret@host", "http://host:port", "a..b"])
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    result = CliRunner().invoke(top, [address])
    assert result.exit_code == 2
    assert "secret" not in result.output


def picture(history: History, silent: str = "", *, width: int = 160, lines: int = 80) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(frame(history, silent, lines=lines))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_picture_tells_trouble_first() -> None:
    history = History()
    history.add(snapshot())
    shown = picture(history)
    assert shown.startswith("Working, with trouble")
    assert "target archive fails: left alone, next try in 7.5 s" in shown
    assert "ThrottlingException \u00d7 3" in shown
    assert "Not answering" in picture(history, "no answer: refused")


def test_a_picture_of_a_supervisor_says_how_many_workers_run() -> None:
    history = History()
    history.add(snapshot())
    assert "workers" not in picture(history)
    history.add(snapshot(fleet=FleetSnapshot(4, 3)))
    assert "   workers 3 of 4   " in picture(history)


def test_on_a_narrow_terminal_sentences_give_way_to_figures() -> None:
    shown = snapshot()
    archive = msgspec.structs.replace(shown.targets[1], sent=12_345, failed=130, errors={"QueueDoesNotExist": 17})
    history = History()
    history.add(msgspec.structs.replace(shown, targets=(archive,)))
    text = picture(history, width=80)
    assert "\u2026" not in text, "something was cut"
    (row,) = [line for line in text.splitlines() if line.startswith("archive ")]
    assert {"99", "12,345", "130"} <= set(row.split())
    assert "archive: QueueDoesNotExist \u00d7 17" in text


def test_on_a_narrow_terminal_a_long_name_costs_no_error() -> None:
    crm, archive, letters = snapshot().targets
    letters = msgspec.structs.replace(letters, name="turnout-dead-letters", sent=1_711)
    archive = msgspec.structs.replace(archive, fault="config", errors={"QueueDoesNotExist": 34})
    history = History()
    history.add(snapshot(targets=(crm, archive, letters)))
    text = picture(history, width=80)
    assert "\u2026" not in text, "something was cut"
    assert "archive: QueueDoesNotExist \u00d7 34" in text
    assert "1,711" in text.split()


@pytest.mark.parametrize("width", [40, 50, 60, 65, 66, 79])
def test_on_a_very_narrow_terminal_figures_still_have_names(width: int) -> None:
    history = History()
    history.add(snapshot())
    rows = [line.split() for line in picture(history, width=width).splitlines()]
    assert ["archive", "left", "alone", "99"] in [row[:4] for row in rows]


def test_on_forty_columns_nothing_is_cut_and_every_word_is_whole() -> None:
    history = History()
    letters = (LetterSnapshot(NOW - 9, "RETRIES_EXHAUSTED", "SendMessageBatch crm: throttled", "m-1", "", ("crm",)),)
    probed = target("webhook", breaker="probing", backlog=12_345)
    for seconds in (0, 20):
        many = (*snapshot().targets, probed)
        made = snapshot(taken_at=NOW + seconds, targets=many, recent_letters=letters)
        history.add(change(made, errors=3, error="AccessDeniedException"))
    text = picture(history, width=40)
    assert "\u2026" not in text, "something was cut"
    words = set(text.split())
    assert {"Received", "Processing", "Latency", "12,345", "290", "RETRIES_EXHAUSTED", "waiting", "matches"} <= words
    assert "RETRIES_EXHAUSTED, owed to crm:" in text
    assert "events: 1 of 1 poller failing:" in text
    assert "AccessDeniedException" in text
    assert max(map(len, text.splitlines())) <= 40


def test_of_hundreds_of_targets_a_picture_shows_those_that_tell_something_and_counts_the_others() -> None:
    many = tuple(target(f"t-{n}") for n in range(500))
    history = History()
    history.add(snapshot(targets=(*many, target("down", breaker="open", fault="system"))))
    text = picture(history)
    assert "471 more" in text
    assert any(line.startswith("down ") for line in text.splitlines())
    assert len(text.splitlines()) < 70, "else no rule is to be seen on any terminal"


def test_in_a_low_terminal_the_target_that_fails_is_above_the_lower_edge_wherever_it_stands() -> None:
    history = History()
    working = [target(f"t-{number}") for number in range(12)]
    down = target("down", breaker="open", fault="system", errors={"HTTP 500": 11})
    history.add(snapshot(targets=(*working, down)))
    seen = [line.rstrip() for line in picture(history, width=80, lines=24).splitlines()[:24]]
    assert any(line.startswith("down ") for line in seen)
    assert any("HTTP 500 \u00d7 11" in line for line in seen)
    assert "7 more" in seen
    assert "t-11" in picture(history)


def test_a_picture_that_is_old_says_of_when_it_is() -> None:
    history = History()
    history.add(snapshot())
    at = datetime.fromtimestamp(NOW).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    assert f"no answer: refused; what you see is old, of {at}" in picture(history, "no answer: refused")


def test_a_terminal_that_can_move_no_cursor_gets_one_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    there, terminal = pty.openpty()

    async def main() -> None:
        async with worker() as (_, port):
            with open(terminal, "w") as output:  # noqa: ASYNC230 - a terminal of our own
                monkeypatch.setattr(sys, "stdout", output)
                monkeypatch.setenv("TERM", "dumb")
                await asyncio.to_thread(top.main, [port], standalone_mode=False)

    try:
        asyncio.run(main())
        assert os.read(there, 4096).startswith(b"Working")
    finally:
        os.close(there)


def test_hostile_text_in_a_picture_is_no_markup_and_no_escape() -> None:
    letters = tuple(msgspec.structs.replace(letter, message="[red]\x1b[2J") for letter in snapshot().recent_letters)
    rules = msgspec.structs.replace(snapshot().rules, matches={"[bold]": 1})
    history = History()
    history.add(snapshot(recent_letters=letters, rules=rules))
    shown = picture(history)
    assert "[red]\\x1b[2J" in shown
    assert "[bold]" in shown


def test_only_the_busiest_of_many_rules_are_shown() -> None:
    history = History()
    for seconds, busy in ((0, 0), (20, 500)):
        matches = {f"rule-{n:03}": 0 for n in range(100)} | {"rule-077": busy}
        rules = msgspec.structs.replace(snapshot().rules, matches=matches)
        history.add(snapshot(taken_at=NOW + seconds, rules=rules))
    shown = picture(history)
    assert "rule-077" in shown
    assert "rule-078" not in shown
    assert "85 more" in shown


def test_tail_shows_messages_as_they_are_settled() -> None:
    result = run_tail("--count", "6")
    assert result.exit_code == 0, result.output
    assert "event-1" in result.output
    assert "-> crm, archive, audit" in result.output
    assert "dead lettered" in result.output
    assert "INVALID_JSON" in result.output


def test_tail_shows_only_what_is_asked_for() -> None:
    result = run_tail("--count", "3", "--rule", "one")
    assert result.exit_code == 0, result.output
    assert result.output.count("event-1") == 3
    assert "event-2" not in result.output
    assert "event-1" not in run_tail("--count", "3", "--queue", "archive").output


def test_tail_says_that_the_worker_has_no_such_rule_and_goes_on_until_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> Result:
        looked, take = asyncio.Event(), Observer.take

        def taken(observer: Observer) -> Snapshot:
            looked.set()
            return take(observer)

        monkeypatch.setattr(Observer, "take", taken)
        async with worker() as (yard, port):
            asked = [port, "--count", "1", "--rule", "threee"]
            running = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, tail, asked))
            async with asyncio.timeout(15):
                await looked.wait()
            yard.worker.use(ruleset(RULES.replace("id: three", "id: threee")))  # as a reload does
            while not running.done():
                await yard.publish(event("three", 2))
                await asyncio.sleep(0.05)
            return await running

    result = asyncio.run(main())
    assert result.exit_code == 0, result.output
    assert "note: nothing is shown while the worker has no rule 'threee'; did you mean 'three'?" in result.stderr
    assert "by threee" in result.stdout


def test_tail_says_what_there_is_when_nothing_of_that_name_is() -> None:
    def noted(queue: str = "", rule: str = "") -> list[str]:
        return list(notes(snapshot(), queue, rule))

    assert noted(rule="xyz") == ["nothing is shown while the worker has no rule 'xyz'; it has one, three, off"]
    assert noted("xyz") == [
        "nothing is shown while the worker has no source, target or target's queue 'xyz'; it has events, crm, archive, "
        "events-dead"
    ]
    assert "did you mean 'crm'?" in noted("https://sqs.eu-west-1.amazonaws.com/123456789012/crm")[0]
    assert "rule 'off' is switched off" in noted(rule="off")[0]
    assert [*noted("events"), *noted("events-dead"), *noted("crm"), *noted(rule="one"), *noted()] == []
    many = msgspec.structs.replace(snapshot().rules, matches={f"rule-{number}": 0 for number in range(1_010)})
    assert next(notes(snapshot(rules=many), "", "xyz")).endswith("rule-7 and 1,002 more")


def test_tail_prints_records_for_programs() -> None:
    result = run_tail("--count", "2", "--json", "--rule", "three")
    records = [json.loads(text) for text in result.output.splitlines()]
    assert [record["rules"] for record in records] == [["three"], ["three"]]


def test_records_for_programs_paint_no_terminal() -> None:
    body = '{"id": "a\x9b2J", "detail": {"to": "\u202e"}}'
    result = run_tail("--count", "3", "--json", "--bodies", bodies=True, third=body)
    assert "\\u009b2J" in result.output
    assert "\u202e" not in result.output
    assert body in [json.loads(text)["body"] for text in result.output.splitlines()]


def test_bodies_are_shown_only_where_the_worker_allows_it() -> None:
    refused = run_tail("--count", "1", "--bodies")
    assert refused.exit_code == 1
    assert "TURNOUT_HTTP_BODIES" in refused.output
    shown = run_tail("--count", "1", "--bodies", "--rule", "one", bodies=True)
    assert '"to": "one"' in shown.output


def test_a_line_is_one_line_whatever_the_event_says() -> None:
    routed = Routed(
        at=NOW,
        queue="events",
        message_id="m",
        outcome="delivered",
        seconds=0.0123,
        event_id="\x1b[31m[red]\nforged",
        deliveries=(RoutedDelivery("crm", "done", 3, "Throttled"), RoutedDelivery("archive", "failed", 1, "Denied")),
        rules=("one",),
        shadow=("two",),
        skipped=1234,
    )
    text = line(routed).plain
    assert "\n" not in text
    assert "\x1b" not in text
    assert "crm (3 attempts) Throttled, archive Denied" in text
    assert "by one, two (shadow)" in text
    assert "(1,234 not shown before it)" in text


def test_a_worker_that_ends_ends_the_tail() -> None:
    async def main() -> Result:
        async with worker() as (yard, port):
            running = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, tail, [port]))
            await yard.publish(event("one"))
            await yard.watch.wait(1)
            async with asyncio.timeout(15), httpx.AsyncClient() as client:
                await client.get(f"http://127.0.0.1:{port}/status.json")
        return await running

    result = asyncio.run(main())
    assert result.exit_code == 1
    assert "the worker has ended" in result.output or "no answer" in result.output


def test_a_worker_that_ends_while_its_messages_are_watched_is_not_told_of_as_an_error_of_the_protocol(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = threading.Event()

    def iter_lines(answer: httpx.Response) -> Iterator[str]:
        begun.set()
        return lines(answer)

    lines = httpx.Response.iter_lines
    monkeypatch.setattr(httpx.Response, "iter_lines", iter_lines)

    async def main() -> Result:
        async with worker() as (_, port):
            running = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, tail, [port]))
            assert await asyncio.to_thread(begun.wait, 10)
        return await running

    result = asyncio.run(main())
    assert result.output == "Error: the worker has ended\n"


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_worker_of_this_machine_is_asked_without_the_proxy_for_others(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert run_top(environ={"ALL_PROXY": proxy, "HTTP_PROXY": proxy}).exit_code == 0


@pytest.mark.parametrize(
    "variables", [{"ALL_PROXY": "socks5://127.0.0.1:9"}, {"SSL_CERT_FILE": "/nowhere"}, {"HTTP_PROXY": "x://y"}]
)
def test_a_proxy_that_cannot_be_used_is_told_in_a_sentence(variables: dict[str, str]) -> None:
    result = CliRunner().invoke(top, ["http://turnout.example:8080"], env=variables)
    assert result.exit_code == 1
    assert "Error: http://turnout.example:8080 cannot be asked with the proxy and SSL_CERT_* variables" in result.output
