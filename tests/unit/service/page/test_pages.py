"""The page over HTTP: complete without a script, escaped, and never with a body in it."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web
from tests.unit.pipeline.yard import event
from tests.unit.service.snapshots import Seen, observed

from turnout.service.http import HttpConfig, serving
from turnout.service.page.pages import StatusPages
from turnout.telemetry.snapshot import Snapshot

RULES = """
targets: {crm: {queue: crm}, archive: {queue: archive}}
unmatched: drop
rules:
  - {id: one, description: "<i>first</i> & 'best'", when: "detail.to == '<script>alert(1)</script>'", send: [crm]}
  - {id: vip, when: detail.vip == true, send: [crm, archive]}
"""


@asynccontextmanager
async def page(rules: str = RULES) -> AsyncIterator[tuple[Seen, httpx.AsyncClient]]:
    async with observed(rules) as seen:
        pages = StatusPages(seen.view, lambda text: text)
        async with (
            serving(HttpConfig(0), seen.view, pages) as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            yield seen, client


def ask(call: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]) -> httpx.Response:
    async def main() -> httpx.Response:
        async with page() as (_, client):
            return await call(client)

    return asyncio.run(main())


class Outline(HTMLParser):
    """Ids, labels and the tags that were left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.labelled: list[str] = []
        self.scripts = 0
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if given.get("id"):
            self.ids.append(given["id"] or "")
        for name in ("aria-labelledby", "for"):
            if given.get(name):
                self.labelled.append(given[name] or "")
        self.scripts += tag == "script"
        assert "style" not in given, "the content security policy forbids it"
        if tag not in ("meta", "link", "br", "input", "path", "polyline"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "polyline"):
            return
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_everything_that_needs_a_name_has_one() -> None:
    answer = ask(lambda client: client.get("/"))
    assert answer.status_code == 200
    outline = Outline(answer.text)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert set(outline.labelled) <= set(outline.ids)
    assert outline.scripts == 1


def test_what_is_read_aloud_when_it_changes_has_no_figures_that_always_do() -> None:
    async def main() -> str:
        async with page() as (seen, client):
            seen.yard.sqs.fail_calls("crm", "SendMessageBatch", "QueueDoesNotExist")
            await seen.yard.publish(event("x", vip=True))
            await seen.yard.watch.wait(1)
            return (await client.get("/")).text

    text = asyncio.run(main())
    assert "target crm fails" in text
    for aloud in re.findall(r"<(\w+)[^>]* role=\"status\"[^>]*>(.*?)</\1>", text, re.DOTALL):
        assert "crm" not in aloud[1]


def test_the_page_says_of_when_it_is() -> None:
    assert re.search(
        r"As of</dt><dd><time .*>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC<", ask(lambda client: client.get("/")).text
    )


def test_what_rules_say_is_escaped() -> None:
    text = ask(lambda client: client.get("/")).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "<i>first" not in text


@pytest.mark.parametrize(("path", "kind"), [("/page.css", "text/css"), ("/page.js", "text/javascript")])
def test_style_and_script_come_from_here(path: str, kind: str) -> None:
    answer = ask(lambda client: client.get(path))
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert "http" not in answer.text.replace("http-equiv", "")


def test_no_body_is_ever_on_the_page() -> None:
    async def main() -> str:
        async with page() as (seen, client):
            secret = event("nobody", secret="4711-secret", vip=True)
            await seen.yard.publish(secret, "4711-secret is not JSON", json.dumps(["4711-secret"]))
            seen.yard.sqs.fail_entries("crm", "SendMessageBatch", "InvalidMessageContents")
            await seen.yard.watch.wait(3)
            return (await client.get("/")).text

    text = asyncio.run(main())
    assert "INVALID_JSON" in text
    assert "4711" not in text


def test_an_event_is_explained_with_its_targets_and_alone_for_the_script() -> None:
    form = {"event": event("x", vip=True), "alone": "yes"}
    text = ask(lambda client: client.post("/explain", data=form)).text
    assert "It goes to <strong>crm, archive</strong> by vip" in text
    assert "<html" not in text


def test_an_event_is_explained_without_a_script_within_the_page() -> None:
    text = ask(lambda client: client.post("/explain", data={"event": event("</textarea><b>x")})).text
    assert "No rule matches, so it is dropped" in text
    assert "These rules come nearest" in text
    assert "</textarea><b>" not in text
    assert Outline(text).open == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "INVALID_JSON"),
        ("not JSON", "INVALID_JSON"),
        ("[1]", "NOT_AN_OBJECT"),
        ("{}", "MISSING_FIELD"),
        ("[" * 100_000, "TOO_DEEP"),
        ("\ud800", "INVALID_JSON"),
        ('{"detail": {"vip": NaN}}', "INVALID_JSON"),
        ('{"id": "\\ud800", "detail": {"vip": "\\ud800"}}', "No rule matches"),
    ],
)
def test_hostile_events_get_an_answer(body: str, told: str) -> None:
    form = urlencode({"event": body.encode("utf-8", "surrogatepass"), "alone": "yes"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(lambda client: client.post("/explain", content=form, headers=headers))
    assert answer.status_code == 200
    assert told in answer.text


def test_a_paste_that_is_too_large_or_a_file_is_refused() -> None:
    assert ask(lambda client: client.post("/explain", data={"event": "x" * 2_000_000})).status_code == 413
    assert ask(lambda client: client.post("/explain", files={"event": b"{}"})).status_code == 400


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/x-www-form-urlencoded", b"event=\xff"),
        ("application/x-www-form-urlencoded; charset=bogus", b"event=1"),
        ("multipart/form-data", b"no boundary"),
        ("multipart/form-data; boundary=b", b"no part"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n\r\n--b--"),
    ],
)
def test_what_is_no_form_is_refused_and_no_defect_of_ours(
    content_type: str, form: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(lambda client: client.post("/explain", content=form, headers={"Content-Type": content_type}))
    assert answer.status_code == 400
    assert "please report this" not in caplog.text


def test_who_goes_away_while_pasting_is_no_defect_of_ours(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()
    explain = StatusPages._explain

    async def watched(self: StatusPages, request: web.Request) -> web.Response:
        try:
            return await explain(self, request)
        finally:
            over.set()

    monkeypatch.setattr(StatusPages, "_explain", watched)

    async def main() -> None:
        async with page() as (_, client):
            _, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(b"POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n")
            writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nevent=")
            writer.close()
            assert await asyncio.to_thread(over.wait, 15)
            assert (await client.get("/livez")).status_code == 200  # what was logged is

    asyncio.run(main())
    assert "please report this" not in caplog.text


def test_a_paste_that_never_arrives_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.service.page.pages._PASTE_SECONDS", 0.05)

    async def main() -> bytes:
        async with page() as (_, client):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(b"POST /explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n")
            writer.write(b"Content-Type: application/x-www-form-urlencoded\r\n\r\nevent=")
            async with asyncio.timeout(15):
                status = await reader.readline()
            writer.close()
            return status

    assert asyncio.run(main()) == b"HTTP/1.1 408 Request Timeout\r\n"


def test_rules_can_be_filtered_by_their_id() -> None:
    text = ask(lambda client: client.get("/", params={"rules": "VI"})).text
    assert "vip" in text
    assert "first" not in text
    assert "No rule has that" in ask(lambda client: client.get("/", params={"rules": '"><x>'})).text


def test_while_the_event_loop_is_blocked_the_page_shows_what_was_known_last() -> None:
    async def main() -> str:
        async with observed(RULES, watchdog_seconds=0.1, answer_seconds=2.0, seconds=60) as seen:
            pages = StatusPages(seen.view, lambda text: text)
            async with serving(HttpConfig(0), seen.view, pages) as port:
                url = f"http://127.0.0.1:{port}/"
                async with httpx.AsyncClient() as client:
                    assert "Working" in (await client.get(url)).text
                got: list[str] = []
                done = threading.Event()

                def look() -> None:
                    while "Not answering" not in (text := httpx.get(url).text):
                        done.wait(0.05)
                    got.append(text)
                    done.set()

                thread = threading.Thread(target=look)
                thread.start()
                done.wait(30)
                thread.join()
                return got[0]

    text = asyncio.run(main())
    assert "the event loop has been blocked" in text
    assert "vip" in text


def test_a_defect_costs_one_sample_and_not_all_that_would_follow(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("turnout.service.page.pages._SAMPLE_SECONDS", 0.001)

    async def main() -> int:
        async with observed() as seen:
            asked = asyncio.Event()
            take, count = seen.view.snapshot, 0

            async def snapshot() -> Snapshot:
                nonlocal count
                count += 1
                if count == 1:
                    raise ZeroDivisionError
                asked.set()
                return await take()

            monkeypatch.setattr(seen.view, "snapshot", snapshot)
            pages = StatusPages(seen.view, str)
            await pages.start()
            async with asyncio.timeout(15):
                await asked.wait()
            await pages.stop()
            return count

    assert asyncio.run(main()) > 1
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "no sample for the status page, please report this"
    ]
