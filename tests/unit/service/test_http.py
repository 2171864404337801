"""The HTTP port: probes, metrics, who is let in, and that nothing there depends on the worker's event loop."""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.pipeline.yard import event
from tests.unit.service.snapshots import Seen, observed

from turnout.errors import SettingsError
from turnout.service.connections import most_connections
from turnout.service.http import HttpConfig, Pages, serving

TOKEN = "correct horse battery staple"
MUCH = 32_000_000
"""More than the system takes of an answer before somebody reads it."""


@asynccontextmanager
async def served(
    config: HttpConfig | None = None, watchdog_seconds: float = 5.0
) -> AsyncIterator[tuple[Seen, httpx.AsyncClient]]:
    async with (
        observed(watchdog_seconds=watchdog_seconds) as seen,
        serving(config or HttpConfig(0), seen.view, Hello()) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield seen, client


class Hello(Pages):
    """Further routes, for which a token is needed."""

    def __init__(self) -> None:
        self.routes = (
            ("GET", "/hello", self._hello),
            ("POST", "/form", self._hello),
            ("GET", "/broken", self._broken),
            ("GET", "/much", self._much),
        )

    async def _hello(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text="hello")

    async def _broken(self, _: web.Request) -> web.StreamResponse:
        raise ZeroDivisionError("4711")

    async def _much(self, _: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(MUCH))


def get(path: str, config: HttpConfig | None = None, headers: dict[str, str] | None = None) -> httpx.Response:
    async def main() -> httpx.Response:
        async with served(config) as (_, client):
            return await client.get(path, headers=headers)

    return asyncio.run(main())


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_probes_answer_200_and_say_what_they_looked_at(path: str) -> None:
    answer = get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    said = answer.json()
    assert (said["status"], said["reasons"]) == ("ok", [])
    assert said["pollers"] if path == "/livez" else said["sources"]


def test_metrics_are_scraped_and_the_books_balance() -> None:
    async def main() -> str:
        async with served() as (seen, client):
            await seen.yard.publish(*(event("one", n) for n in range(5)))
            await seen.yard.watch.wait(5)
            answer = await client.get("/metrics")
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.text

    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(asyncio.run(main()))
        for sample in family.samples
    }
    assert found["turnout_messages_received_total",] == 5
    assert found["turnout_messages_settled_total", "delivered"] == 5
    assert found["turnout_messages_in_flight",] == 0
    assert found["turnout_rule_matches_total", "one"] == 5


def test_readiness_ends_with_the_drain_while_the_port_still_answers() -> None:
    async def main() -> tuple[int, list[str]]:
        async with served() as (seen, client):
            seen.yard.worker.draining = True
            answer = await client.get("/readyz")
            return answer.status_code, answer.json()["reasons"]

    status, reasons = asyncio.run(main())
    assert status == 503
    assert "draining" in reasons[0]


def test_a_queue_that_cannot_be_read_is_told_with_its_code() -> None:
    async def main() -> tuple[httpx.Response, httpx.Response]:
        async with served() as (seen, client):
            seen.yard.sqs.fail_calls("events", "ReceiveMessage", "AccessDeniedException")
            await seen.yard.publish(event("one"))  # ends the polls that wait
            async with asyncio.timeout(15):
                while (await client.get("/readyz")).status_code == 200:
                    await asyncio.sleep(0.005)
            return await client.get("/readyz"), await client.get("/livez")

    unready, live = asyncio.run(main())
    assert "events cannot be read" in unready.json()["reasons"][0]
    assert "AccessDenied" in unready.json()["reasons"][0]
    assert live.status_code == 200


def test_a_blocked_event_loop_fails_the_liveness_probe_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[httpx.Response, httpx.Response]:
        async with served(watchdog_seconds=0.1) as (seen, client):
            answers: list[httpx.Response] = []
            released = threading.Event()

            def probe() -> None:
                while not seen.watchdog.blocked_seconds:
                    released.wait(0.01)
                answers.append(httpx.get(str(client.base_url) + "/livez"))
                answers.append(httpx.get(str(client.base_url) + "/metrics"))
                # The stack, which a busy machine gets a little later.
                while "released.wait(30)" not in caplog.text and not released.is_set():
                    time.sleep(0.005)
                released.set()

            while seen.watchdog.blocked_seconds:  # by the certificates that the client loads, on a busy machine
                await asyncio.sleep(0.01)
            thread = threading.Thread(target=probe)
            thread.start()
            released.wait(30)  # the loop stands still until both answers are there
            released.set()
            thread.join()
            again = await client.get("/livez")
            assert again.status_code == 200
            return answers[0], answers[1]

    live, metrics = asyncio.run(main())
    assert live.status_code == 503
    assert "the event loop has been blocked for" in live.json()["reasons"][0]
    assert metrics.status_code == 503
    assert "released.wait(30)" in caplog.text


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": "Basic %%%"}, 401),
        ({"Authorization": "Digest " + TOKEN}, 401),
        (basic("wrong"), 401),
        (basic(""), 401),
        ({"Authorization": "Bearer " + TOKEN}, 200),
        (basic(TOKEN), 200),
    ],
)
def test_a_token_opens_everything_but_probes_and_metrics(headers: dict[str, str], status: int) -> None:
    answer = get("/hello", HttpConfig(0, token=TOKEN), headers)
    assert answer.status_code == status
    assert TOKEN not in answer.text
    if status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("host", "token", "warned"), [("0.0.0.0", "x", True), ("127.0.0.1", "x", False), ("0.0.0.0", TOKEN, False)]
)
def test_a_token_that_can_be_guessed_is_warned_of_where_others_can_try(
    host: str, token: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    get("/livez", HttpConfig(0, host, token))
    assert ("TURNOUT_HTTP_TOKEN is short enough to be guessed" in caplog.text) is warned


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_probes_and_metrics_need_no_token_and_any_name_will_do(path: str) -> None:
    assert get(path, HttpConfig(0, token=TOKEN), {"Host": "10.1.2.3:8080"}).status_code == 200


def test_a_token_with_umlauts_works_as_browsers_send_it() -> None:
    assert get("/hello", HttpConfig(0, token="Grüße"), basic("Grüße")).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("rebound.example", 403),
        ("10.0.0.1", 403),
        ("[::", 403),
    ],
)
def test_without_a_token_foreign_names_of_this_machine_are_refused(host: str, status: int) -> None:
    assert get("/hello", None, {"Host": host}).status_code == status


@pytest.mark.parametrize(("site", "status"), [("cross-site", 403), ("same-origin", 200), ("none", 200), (None, 200)])
def test_forms_of_other_sites_are_refused_and_links_of_theirs_are_not(site: str | None, status: int) -> None:
    headers = {"Sec-Fetch-Site": site} if site else {}

    async def main() -> tuple[int, int]:
        async with served() as (_, client):
            posted = await client.post("/form", headers=headers)
            return posted.status_code, (await client.get("/hello", headers=headers)).status_code

    assert asyncio.run(main()) == (status, 200)


def test_every_answer_forbids_caching_framing_and_foreign_content() -> None:
    for path in ("/livez", "/metrics", "/hello", "/nothing-here"):
        headers = get(path).headers
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_no_answer_tells_versions_of_what_it_is_made_of() -> None:
    for path in ("/livez", "/hello", "/nothing-here"):
        assert get(path).headers["Server"] == "turnout"


def test_unknown_paths_and_methods_are_told_so() -> None:
    assert get("/nothing-here").status_code == 404

    async def main() -> list[tuple[int, str]]:
        async with served() as (_, client):
            answers = [await client.post(path) for path in ("/metrics", "/hello")]
            return [(answer.status_code, answer.headers["Allow"]) for answer in answers]

    assert asyncio.run(main()) == [(405, "GET,HEAD"), (405, "GET,HEAD")]


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/hello"])
def test_a_monitor_may_ask_for_the_head_alone(path: str) -> None:
    async def main() -> tuple[httpx.Response, httpx.Response]:
        async with served() as (_, client):
            return await client.head(path), await client.get(path)

    head, whole = asyncio.run(main())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]


def test_a_defect_in_a_page_costs_that_answer_only_and_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> tuple[httpx.Response, int]:
        async with served() as (_, client):
            broken = await client.get("/broken")
            return broken, (await client.get("/hello")).status_code

    broken, afterwards = asyncio.run(main())
    assert broken.status_code == 500
    assert "4711" not in broken.text
    assert afterwards == 200


@pytest.mark.parametrize(
    "garbage",
    [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 1000, b"GET /" + b"a" * 100_000, b"\r\n\r\n\r\n"],
)
def test_garbage_on_the_port_is_harmless(garbage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> int:
        async with served() as (_, client):

            def send() -> None:
                with socket.create_connection(("127.0.0.1", client.base_url.port or 0), timeout=5) as connection:
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(4096):
                        pass

            await asyncio.to_thread(send)
            return (await client.get("/livez")).status_code

    assert asyncio.run(main()) == 200
    assert "Traceback" not in caplog.text


def test_the_answer_to_what_is_no_request_has_the_headers_of_all_others() -> None:
    async def main() -> str:
        async with served() as (_, client):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(b"GET / HTTP/9.9\r\n\r\n")
            answer = (await reader.read()).decode()
            writer.close()
            return answer

    answer = asyncio.run(main())
    assert answer.startswith("HTTP/1.0 400 ")
    for line in ("Server: turnout", "Cache-Control: no-store", "X-Content-Type-Options: nosniff"):
        assert f"\r\n{line}\r\n" in answer


def test_a_port_that_is_taken_is_told_in_plain_words() -> None:
    async def main() -> None:
        async with (
            observed() as seen,
            serving(HttpConfig(0), seen.view) as port,
            serving(HttpConfig(port), seen.view),
        ):
            pytest.fail("two servers listen on one port")

    with pytest.raises(SettingsError, match=r"TURNOUT_HTTP_PORT: cannot listen on 127.0.0.1 port .*in use"):
        asyncio.run(_bare(main))


@pytest.mark.parametrize("host", ["x..y", "x" * 300])
def test_a_host_that_no_name_can_be_is_told_in_plain_words(host: str) -> None:
    async def main() -> None:
        async with observed() as seen, serving(HttpConfig(0, host), seen.view):
            pytest.fail("it listens there")

    with pytest.raises(SettingsError, match=rf"TURNOUT_HTTP_PORT: cannot listen on {host} port 0: "):
        asyncio.run(_bare(main))


def test_an_address_of_a_family_that_the_kernel_has_not_is_told_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    class Socket(socket.socket):
        def __init__(self, family: int = -1, kind: int = -1, proto: int = -1, fileno: int | None = None) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            super().__init__(family, kind, proto, fileno)

    async def main() -> None:
        async with observed() as seen, serving(HttpConfig(0, "::1"), seen.view):
            pytest.fail("it listens there")

    monkeypatch.setattr(socket, "socket", Socket)
    told = "Address family not supported|could not bind on any address"  # asyncio's own words, from Python 3.12 on
    with pytest.raises(SettingsError, match=rf"TURNOUT_HTTP_PORT: cannot listen on ::1 port 0: ({told})"):
        asyncio.run(_bare(main))


async def _bare(main: Callable[[], object]) -> None:
    """Run, and unwrap what the worker's task group wrapped."""
    try:
        await main()  # type: ignore[misc]
    except BaseExceptionGroup as group:
        (error,) = group.exceptions
        raise error from None


def test_the_thread_ends_with_the_context_even_while_a_client_holds_a_connection() -> None:
    async def main() -> None:
        async with observed() as seen:
            async with serving(HttpConfig(0), seen.view) as port:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
                writer.write(b"GET /livez HTTP/1.1\r\n")  # and never the rest
                await writer.drain()
            assert not any(thread.name == "turnout-http" for thread in threading.enumerate())
            await reader.read()
            assert reader.at_eof()
            writer.close()

    asyncio.run(main())


def test_of_too_many_connections_the_oldest_make_way_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.service.connections.MOST_CONNECTIONS", 3)

    async def main() -> None:
        async with observed() as seen, serving(HttpConfig(0), seen.view) as port, asyncio.timeout(10):
            opened = []
            for _ in range(4):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert await reader.readuntil(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
                opened.append((reader, writer))
            (oldest, _), *others = opened
            await oldest.read()
            assert oldest.at_eof()
            for reader, writer in others:
                writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await reader.readuntil(b"HTTP/1.1 200 OK\r\n")
            for _, writer in opened:
                writer.close()

    asyncio.run(main())


def test_who_does_not_read_makes_way_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.service.connections.MOST_CONNECTIONS", 1)

    async def main() -> int:
        async with served() as (_, client), asyncio.timeout(15):
            reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
            writer.write(b"GET /much HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")
            assert (await client.get("/livez")).status_code == 200
            arrived = 0
            with suppress(ConnectionError):
                while part := await reader.read(1_000_000):
                    arrived += len(part)
            writer.close()
            return arrived

    assert asyncio.run(main()) < MUCH


@pytest.mark.parametrize(("descriptors", "held"), [(64, 16), (1024, 200), (resource.RLIM_INFINITY, 200), (2, 1)])
def test_connections_leave_most_of_the_descriptors_to_the_worker(
    descriptors: int, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert most_connections() == held


def test_the_configuration_does_not_show_its_token() -> None:
    assert TOKEN not in repr(HttpConfig(0, token=TOKEN))


def test_probes_are_readable_by_people() -> None:
    assert len(get("/livez").text.splitlines()) > 3
    json.loads(get("/livez").text)


def test_a_connection_for_which_there_is_no_descriptor_is_tried_once_at_a_time_and_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[socket.socket] = []
    failed = threading.Event()

    def accept(listening: socket.socket) -> tuple[socket.socket, object]:
        tried.append(listening)
        failed.set()
        raise OSError(errno.EMFILE, "Too many open files")

    async def main() -> None:
        async with observed() as seen, serving(HttpConfig(0), seen.view) as port:
            with socket.create_connection(("127.0.0.1", port)):
                assert await asyncio.to_thread(failed.wait, 15)

    monkeypatch.setattr(socket.socket, "accept", accept)
    monkeypatch.setattr("asyncio.constants.ACCEPT_RETRY_DELAY", 3600)
    asyncio.run(main())
    assert len(tried) == 1
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (told.name, told.exc_info) == ("turnout.service.http", None)
    assert "Too many open files" in told.getMessage()
