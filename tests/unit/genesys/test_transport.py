"""What goes over the wire beside the request itself: how long it may take, who asks, over how many connections."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from tests.servers.raw import Request as RawRequest
from tests.servers.raw import raw_server, serving
from tests.unit.genesys.setting import config

from turnout.errors import GenesysUnavailable
from turnout.genesys.answers import Json
from turnout.genesys.transport import Request, open_transport

URL = "https://api.example.test/x"


def sent(request: Request, headers: dict[str, str] | None = None) -> httpx.Request:
    """The request that reaches the network."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    async def main() -> None:
        settings = config(read_seconds=20.0, connect_seconds=3.0, call_seconds=60.0)
        async with open_transport(settings, httpx.MockTransport(handle)) as transport:
            await transport.send(request, headers or {})

    asyncio.run(main())
    return seen[0]


def test_each_part_of_a_call_has_its_own_time_and_waiting_for_a_connection_that_of_the_call() -> None:
    times = sent(Request(method="GET", url=URL, operation="ask")).extensions["timeout"]
    assert times == {"connect": 3.0, "read": 20.0, "write": 20.0, "pool": 60.0}


def test_a_request_says_who_asks_and_that_json_is_wanted() -> None:
    request = sent(Request(method="GET", url=URL, operation="ask"), {"authorization": "Bearer t"})
    assert {name: request.headers[name] for name in ("user-agent", "accept", "authorization")} == {
        "user-agent": "turnout",
        "accept": "application/json",
        "authorization": "Bearer t",
    }
    assert "content-type" not in request.headers


@pytest.mark.parametrize(
    ("body", "content"), [({}, b"{}"), ([], b"[]"), (0, b"0"), ({"id": "\ud800\u00e9"}, b'{"id": "\\ud800\\u00e9"}')]
)
def test_a_body_is_sent_as_ascii_json_even_an_empty_one(body: Json, content: bytes) -> None:
    request = sent(Request(method="POST", url=URL, operation="ask", body=body))
    assert (request.content, request.headers["content-type"]) == (content, "application/json")


def test_a_url_keeps_its_own_query_where_no_parameters_are_given() -> None:
    assert str(sent(Request(method="GET", url=f"{URL}?a=1", operation="ask")).url) == f"{URL}?a=1"
    asked = sent(Request(method="GET", url=URL, operation="ask", params={"b": "2"}))
    assert str(asked.url) == f"{URL}?b=2"


def test_a_request_does_not_show_its_form_which_may_hold_the_secret() -> None:
    request = Request(method="POST", url=URL, operation="log in", form={"client_secret": "hunter2"})
    assert repr(request) == str(request) == "Request('log in')"


@pytest.mark.parametrize(("size", "taken"), [(1_000, True), (1_001, False)])
def test_an_answer_may_be_just_as_long_as_is_allowed(size: int, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.genesys.transport._LONGEST_ANSWER", 1_000)

    async def main() -> int:
        network = httpx.MockTransport(lambda request: httpx.Response(200, content=b"x" * size))
        async with open_transport(config(), network) as transport:
            return len((await transport.send(Request(method="GET", url=URL, operation="ask"), {})).content)

    if taken:
        assert asyncio.run(main()) == size
    else:
        with pytest.raises(GenesysUnavailable, match="longer than"):
            asyncio.run(main())


def test_no_more_connections_are_opened_than_the_settings_allow() -> None:
    def handle(request: RawRequest) -> object:
        return {}

    async def main() -> int:
        async with raw_server(serving(handle)) as server, open_transport(config(connections=2)) as transport:
            request = Request(method="GET", url=server.url, operation="ask")
            answers = await asyncio.gather(*(transport.send(request, {}) for _ in range(12)))
            assert [answer.status for answer in answers] == [200] * 12
            return server.connections

    assert asyncio.run(main()) == 2
