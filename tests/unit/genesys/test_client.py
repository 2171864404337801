"""Calls: when they are tried again, when they are not, and how long anything may take."""

import asyncio
import ssl
import time
from collections.abc import Iterator

import httpx
import pytest
from tests.servers.genesys import (
    Answering,
    Stub,
    answering,
    dropping,
    refusing,
    stalling,
    trickling,
)
from tests.unit.genesys.setting import CONVERSATION, Network, config, with_client

from turnout.errors import (
    GenesysDenied,
    GenesysError,
    GenesysNotFound,
    GenesysParked,
    GenesysRejected,
    GenesysUnavailable,
    GenesysUnsupported,
    SettingsError,
)
from turnout.genesys.answers import Answer
from turnout.genesys.client import GenesysClient, as_object, open_client
from turnout.genesys.retry import Retry

PATH = f"/api/v2/conversations/{CONVERSATION}"
HTML = "<html><h1>502 Bad Gateway</h1></html>"


@pytest.fixture
def stub() -> Stub:
    stub = Stub()
    stub.live[CONVERSATION] = {"id": CONVERSATION}
    return stub


async def ask(client: GenesysClient) -> object:
    return await client.read(PATH, operation="ask")


async def post(client: GenesysClient) -> None:
    await client.call("POST", PATH, operation="post", read=nothing, body={"a": 1})


def nothing(answer: Answer, operation: str) -> None:
    """What is answered does not matter."""


def failure(stub: Stub, kind: type[GenesysError], **changes: object) -> GenesysError:
    async def use(client: GenesysClient) -> GenesysError:
        with pytest.raises(kind) as caught:
            await ask(client)
        assert type(caught.value) is kind
        return caught.value

    return with_client(stub, use, **changes)


TRANSIENT: list[Answering] = [
    answering(408),
    refusing(0.01),
    answering(500, HTML),
    answering(502, HTML),
    answering(503),
    answering(504),
    dropping(),
    answering(200, HTML),
    answering(200, ""),
    answering(200, "[]"),
]


@pytest.mark.parametrize("fault", TRANSIENT)
def test_what_may_go_away_by_itself_is_tried_again(stub: Stub, fault: Answering) -> None:
    stub.faults += [fault] * 3
    assert with_client(stub, ask) == {"id": CONVERSATION}
    assert len(stub.seen) == 4


@pytest.mark.parametrize("fault", TRANSIENT)
def test_but_not_for_ever(stub: Stub, fault: Answering) -> None:
    stub.faults += [fault] * 4
    failure(stub, GenesysUnavailable)
    assert len(stub.seen) == 4


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, GenesysRejected),
        (403, GenesysDenied),
        (404, GenesysUnsupported),
        (409, GenesysRejected),
        (501, GenesysUnsupported),
        (302, GenesysUnsupported),
    ],
)
def test_what_will_not_go_away_is_not_tried_again(stub: Stub, status: int, kind: type[GenesysError]) -> None:
    stub.faults.append(answering(status, HTML, Location="/elsewhere"))
    failure(stub, kind)
    assert len(stub.seen) == 1


def test_what_is_not_there_is_told_from_a_path_that_is_not_there(stub: Stub) -> None:
    del stub.live[CONVERSATION]
    assert failure(stub, GenesysNotFound).code == "not.found"

    async def astray(client: GenesysClient) -> None:
        with pytest.raises(GenesysUnsupported, match="check the API URL and the profile"):
            await client.read("/api/v3/nothing", operation="ask")

    with_client(stub, astray)


@pytest.mark.parametrize("fault", [answering(503), dropping(), answering(408), refusing(0.01)])
def test_a_call_that_is_not_idempotent_is_sent_once(stub: Stub, fault: Answering) -> None:
    stub.faults.append(fault)

    async def use(client: GenesysClient) -> None:
        with pytest.raises(GenesysUnavailable):
            await post(client)

    with_client(stub, use)
    assert len(stub.seen) == 1


@pytest.mark.parametrize(
    ("method", "idempotent", "sent"),
    [
        ("GET", None, 4),
        ("PUT", None, 4),
        ("GET", False, 1),
        ("PATCH", True, 4),
        ("PATCH", None, 1),
        ("POST", True, 4),
        ("POST", None, 1),
    ],
)
def test_what_is_sent_again_is_what_its_method_or_its_caller_says_is_safe(
    method: str, idempotent: bool | None, sent: int
) -> None:
    network = Network(lambda request: httpx.Response(503))

    async def use(client: GenesysClient) -> None:
        with pytest.raises(GenesysUnavailable):
            await client.call(method, "/x", operation="do", read=as_object, idempotent=idempotent)

    network.run(use)
    assert len(network.requests) == sent


def test_a_refused_token_is_replaced_once_even_for_a_call_that_is_not_idempotent(stub: Stub) -> None:
    async def use(client: GenesysClient) -> None:
        await ask(client)
        stub.expire_tokens()
        stub.faults.append(answering(202))
        await post(client)

    with_client(stub, use)
    assert stub.logins == 2
    assert [one.method for one in stub.seen] == ["GET", "POST", "POST"]


def test_a_fresh_token_that_is_refused_too_is_the_end_of_it(stub: Stub) -> None:
    stub.token_seconds = 0
    error = failure(stub, GenesysDenied)
    assert "a fresh token is refused" in str(error)
    assert (len(stub.seen), stub.logins) == (2, 2)


def test_an_expired_token_is_replaced_and_nobody_notices(stub: Stub) -> None:
    async def use(client: GenesysClient) -> object:
        await ask(client)
        stub.expire_tokens()
        return await ask(client)

    assert with_client(stub, use) == {"id": CONVERSATION}


# --------------------------------------------------------------------------------------------------------------- waits


def answers(*given: httpx.Response) -> Network:
    left: Iterator[httpx.Response] = iter(given)
    return Network(lambda request: next(left))


def test_retry_after_is_waited_for_and_holds_all_other_calls_too() -> None:
    refusal = httpx.Response(429, headers={"retry-after": "42"})
    network = Network(lambda request: refusal if len(network.requests) == 1 else httpx.Response(200, json={}))

    async def use(client: GenesysClient) -> None:
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(1)
        await asyncio.gather(first, *(ask(client) for _ in range(5)))

    network.run(use)
    assert network.times == [0.0] + [42.0] * 6


def test_a_service_that_says_when_it_is_back_is_left_alone_until_then_and_no_other_call_waits_for_it() -> None:
    refusal = httpx.Response(503, headers={"retry-after": "7"})
    network = Network(lambda request: refusal if len(network.requests) == 1 else httpx.Response(200, json={}))

    async def use(client: GenesysClient) -> None:
        first = asyncio.create_task(ask(client))
        await asyncio.sleep(1)
        await ask(client)
        await first

    network.run(use)
    assert network.times == [0.0, 1.0, 7.0]


def test_all_waits_of_a_call_together_may_be_as_long_as_the_settings_allow_and_no_longer() -> None:
    network = Network(lambda request: httpx.Response(503, headers={"retry-after": "60"}))

    async def use(client: GenesysClient) -> None:
        with pytest.raises(GenesysParked):
            await ask(client)

    network.run(use, longest_wait_seconds=120.0)
    assert network.times == [0.0, 60.0, 120.0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_beyond_the_cap_parks_the_work_at_once(status: int) -> None:
    network = answers(httpx.Response(status, headers={"retry-after": "7200"}))

    async def use(client: GenesysClient) -> GenesysParked:
        with pytest.raises(GenesysParked) as caught:
            await ask(client)
        return caught.value

    error = network.run(use)
    assert error.retry_after == 7_200
    assert error.operation == "ask"
    assert network.times == [0.0]


def test_after_a_long_429_others_are_parked_without_asking() -> None:
    network = answers(httpx.Response(429, headers={"retry-after": "7200"}))

    async def use(client: GenesysClient) -> None:
        for _ in range(5):
            with pytest.raises(GenesysParked):
                await ask(client)

    network.run(use)
    assert len(network.requests) == 1


def test_several_waits_of_one_call_do_not_add_up_beyond_the_cap() -> None:
    network = Network(lambda request: httpx.Response(429, headers={"retry-after": "100"}))

    async def use(client: GenesysClient) -> None:
        with pytest.raises(GenesysParked):
            await ask(client)

    network.run(use, longest_wait_seconds=180.0)
    assert network.times == [0.0, 100.0]


def test_a_call_that_is_not_idempotent_is_parked_as_well() -> None:
    network = answers(httpx.Response(429, headers={"retry-after": "7200"}))

    async def use(client: GenesysClient) -> None:
        with pytest.raises(GenesysParked):
            await post(client)

    network.run(use)


def test_calls_keep_to_the_limit_that_answers_tell_of() -> None:
    headers = {"inin-ratelimit-count": "298", "inin-ratelimit-allowed": "300", "inin-ratelimit-reset": "20"}
    network = Network(
        lambda request: httpx.Response(200, json={}, headers=headers if len(network.requests) == 1 else {})
    )

    async def use(client: GenesysClient) -> None:
        await ask(client)
        await asyncio.gather(*(ask(client) for _ in range(4)))

    network.run(use)
    assert network.times == [0.0, 0.0, 0.0, 20.0, 20.0]


def test_the_wait_before_another_attempt_is_full_jitter_under_a_doubling_ceiling() -> None:
    error = GenesysUnavailable("x", code="HTTP 503")
    most = Retry(10, 2.0, 60.0, uniform=lambda: 1.0)
    assert [most.wait(error, made) for made in range(1, 11)] == [2, 4, 8, 16, 32, 60, 60, 60, 60, None]
    assert Retry(10, 2.0, 60.0, uniform=lambda: 0.0).wait(error, 5) == 0.0
    asked = GenesysUnavailable("x", code="HTTP 503", retry_after=7.0)
    assert Retry(10, 2.0, 60.0, uniform=lambda: 0.5).wait(asked, 1) == 7.0
    assert most.wait(GenesysRejected("x", code="HTTP 400"), 1) is None


def test_the_stubs_own_limit_per_token_is_never_exceeded_by_many_tasks() -> None:
    stub = Stub(allowed=20, window_seconds=0.3)
    stub.live[CONVERSATION] = {"id": CONVERSATION}

    async def use(client: GenesysClient) -> int:
        found = await asyncio.gather(*(ask(client) for _ in range(30)))
        return len(found)

    assert with_client(stub, use, requests_per_minute=20, connections=5) == 30
    assert len(stub.seen) == 30, "no request was refused"


# -------------------------------------------------------------------------------------------------------- slow answers


@pytest.mark.parametrize(
    ("fault", "code"), [(stalling(30), "ReadTimeout"), (trickling(0.05, 600), "TimeoutError")], ids=["silent", "drip"]
)
def test_a_slow_answer_is_given_up(stub: Stub, fault: Answering, code: str) -> None:
    stub.faults.append(fault)
    started = time.monotonic()
    error = failure(stub, GenesysUnavailable, read_seconds=0.2, call_seconds=0.5, attempts=1)
    assert error.code == code
    assert time.monotonic() - started < 15


def test_nobody_there_is_told_in_plain_words() -> None:
    async def main() -> GenesysError:
        async with open_client(config("http://127.0.0.1:9")) as client:
            with pytest.raises(GenesysUnavailable) as caught:
                await ask(client)
            return caught.value

    error = asyncio.run(main())
    assert str(error) == (
        "log in: ConnectError: the connection failed: check the network, and that the region or URL is right"
    )


def test_an_answer_without_end_is_cut_off(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.genesys.transport._LONGEST_ANSWER", 1_000)
    stub.live[CONVERSATION]["filler"] = "x" * 2_000
    assert "longer than 1,000 bytes" in str(failure(stub, GenesysUnavailable, attempts=1))


def test_a_token_is_not_carried_to_where_a_redirect_points(stub: Stub) -> None:
    stub.faults.append(answering(307, Location=PATH))
    failure(stub, GenesysUnsupported)
    assert len(stub.seen) == 1


def test_a_cancelled_call_gives_its_turn_back(stub: Stub) -> None:
    stub.faults.append(stalling(30))

    async def use(client: GenesysClient) -> object:
        stuck = asyncio.create_task(ask(client))
        while not stub.seen:
            await asyncio.sleep(0.001)
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        return await ask(client)

    assert with_client(stub, use, connections=1) == {"id": CONVERSATION}


def test_what_tls_says_after_its_handshake_is_a_lost_connection_and_tried_again() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if len(network.requests) == 1:
            raise ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC]")
        return httpx.Response(200, json={"id": CONVERSATION})

    network = Network(answer)
    assert network.run(ask) == {"id": CONVERSATION}
    assert len(network.requests) == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SSL_CERT_FILE", "nowhere.pem"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("HTTPS_PROXY", "gopher://proxy.example.test"),
        ("HTTPS_PROXY", "http://user:hush/hush@proxy.example.test"),
    ],
)
def test_a_proxy_or_authorities_that_cannot_be_used_are_told_as_settings(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        with pytest.raises(SettingsError, match="proxy and SSL_CERT_") as told:
            async with open_client(config()):
                pass
        assert "hush" not in str(told.value)

    monkeypatch.setenv(variable, value)
    asyncio.run(main())
