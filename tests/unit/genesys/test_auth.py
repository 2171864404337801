"""Logging in: once for everybody, again in time, and without a word about the secret."""

import asyncio
import base64
import logging
import traceback
import urllib.parse
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from tests.servers.genesys import CLIENT_ID, CLIENT_SECRET, Stub, answering, dropping, refusing
from tests.unit.genesys.setting import CONVERSATION, Network, config, with_client
from tests.unit.pipeline.virtual_time import run

from turnout.errors import GenesysDenied, GenesysError, GenesysParked, GenesysUnavailable, GenesysUnsupported
from turnout.genesys.auth import Tokens
from turnout.genesys.client import GenesysClient
from turnout.genesys.retry import Retry
from turnout.genesys.secret import Secret
from turnout.genesys.transport import open_transport

WRONG_SECRET = "wrong-" + CLIENT_SECRET
PATH = f"/api/v2/conversations/{CONVERSATION}"


async def ask(client: GenesysClient) -> object:
    return await client.read(PATH, operation="ask")


def stub_with_a_conversation(**changes: float) -> Stub:
    stub = Stub(token_seconds=changes.get("token_seconds", 86_400))
    stub.live[CONVERSATION] = {"id": CONVERSATION}
    return stub


def refusal(stub: Stub, kind: type[GenesysError], **changes: object) -> GenesysError:
    async def use(client: GenesysClient) -> GenesysError:
        with pytest.raises(kind) as caught:
            await ask(client)
        return caught.value

    return with_client(stub, use, **changes)


# ------------------------------------------------------------------------------------------------------------ requests


def test_the_client_proves_itself_in_a_header_by_default() -> None:
    stub = stub_with_a_conversation()
    assert with_client(stub, ask) == {"id": CONVERSATION}
    assert stub.login_bodies == [{"grant_type": "client_credentials"}]


def test_or_in_the_form_with_a_scope_when_one_is_set() -> None:
    stub = stub_with_a_conversation()
    with_client(stub, ask, client_auth="post", scope="a b")
    assert stub.login_bodies == [
        {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "scope": "a b",
        }
    ]


def test_nobody_logs_in_before_something_is_asked() -> None:
    stub = stub_with_a_conversation()

    async def nothing(client: GenesysClient) -> None: ...

    with_client(stub, nothing)
    assert stub.logins == 0


# --------------------------------------------------------------------------------------------------- one for everybody


def test_a_hundred_tasks_log_in_once() -> None:
    stub = stub_with_a_conversation()
    stub.login_delay = 0.05

    async def use(client: GenesysClient) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(100):
                tasks.create_task(ask(client))

    with_client(stub, use)
    assert stub.logins == 1
    assert len(stub.seen) == 100


def test_a_hundred_tasks_whose_token_is_refused_log_in_once_more() -> None:
    stub = stub_with_a_conversation()

    async def use(client: GenesysClient) -> None:
        await ask(client)
        stub.expire_tokens()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(100):
                tasks.create_task(ask(client))

    with_client(stub, use)
    assert stub.logins == 2


def test_a_hundred_tasks_share_one_failed_login() -> None:
    stub = stub_with_a_conversation()
    stub.login_delay = 0.05

    async def use(client: GenesysClient) -> list[object]:
        return await asyncio.gather(*(ask(client) for _ in range(100)), return_exceptions=True)

    outcomes = with_client(stub, use, client_secret=Secret("wrong-secret"))
    assert stub.logins == 1
    assert all(type(one) is GenesysDenied for one in outcomes)


def test_tasks_that_wait_for_a_login_share_its_failure_and_whoever_comes_later_tries_again() -> None:
    server = LoginServer(lambda number: httpx.Response(503))

    async def use(tokens: Tokens) -> None:
        outcomes = await asyncio.gather(*(tokens.token() for _ in range(10)), return_exceptions=True)
        assert [type(one) for one in outcomes] == [GenesysUnavailable] * 10
        assert len(server.times) == 3, "the attempts of one login"
        with pytest.raises(GenesysUnavailable):
            await tokens.token()
        assert len(server.times) == 6

    server.run(use)


def test_when_the_task_that_logs_in_is_cancelled_another_does_it() -> None:
    stub = stub_with_a_conversation()
    stub.login_delay = 0.05

    async def use(client: GenesysClient) -> object:
        first = asyncio.create_task(ask(client))
        while stub.logins == 0:
            await asyncio.sleep(0.001)
        second = asyncio.create_task(ask(client))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert with_client(stub, use) == {"id": CONVERSATION}
    assert stub.logins == 2


# -------------------------------------------------------------------------------------------------------------- in time


class LoginServer:
    """A login server in virtual time; `answer` makes the next answers."""

    def __init__(self, answer: Callable[[int], httpx.Response]) -> None:
        self.times: list[float] = []
        self._answer = answer

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.times.append(asyncio.get_running_loop().time())
        return self._answer(len(self.times))

    def run(self, use: Callable[[Tokens], Awaitable[None]], **changes: Any) -> None:
        async def main() -> None:
            settings = config(**changes)
            async with open_transport(settings, httpx.MockTransport(self.handle)) as transport:
                await use(Tokens(transport, settings, Retry(3, 0.001, 0.002)))

        run(main())


def granted(number: int, expires_in: object = 86_399) -> httpx.Response:
    return httpx.Response(200, json={"access_token": f"t{number}", "token_type": "bearer", "expires_in": expires_in})


def test_a_token_is_kept_until_a_minute_before_it_expires() -> None:
    server = LoginServer(lambda number: granted(number, 300))

    async def use(tokens: Tokens) -> None:
        assert await tokens.token() == "t1"
        await asyncio.sleep(239.9)
        assert await tokens.token() == "t1"
        await asyncio.sleep(0.2)
        assert await tokens.token() == "t2"

    server.run(use)
    assert len(server.times) == 2


def test_the_time_of_a_token_counts_from_when_it_was_asked_for() -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(4)
        return granted(1, 300)

    async def main() -> None:
        settings = config()
        async with open_transport(settings, httpx.MockTransport(slow)) as transport:
            tokens, loop = Tokens(transport, settings, Retry(3, 0.001, 0.002)), asyncio.get_running_loop()
            await tokens.token()
            await asyncio.sleep(237)
            began = loop.time()
            await tokens.token()
            assert loop.time() == began + 4, "it was asked for 241 s ago, and another is"

    run(main())


def test_a_token_of_less_than_two_minutes_is_refreshed_half_way() -> None:
    server = LoginServer(lambda number: granted(number, 30))

    async def use(tokens: Tokens) -> None:
        await tokens.token()
        await asyncio.sleep(14)
        assert await tokens.token() == "t1"
        await asyncio.sleep(2)
        assert await tokens.token() == "t2"

    server.run(use)


def test_the_old_token_serves_while_an_early_refresh_fails_and_logins_are_not_hammered() -> None:
    server = LoginServer(lambda number: granted(number, 300) if number == 1 else httpx.Response(503))

    async def use(tokens: Tokens) -> None:
        await tokens.token()
        await asyncio.sleep(250)
        for _ in range(40):
            assert await tokens.token() == "t1"
            await asyncio.sleep(1)
        assert len(server.times) <= 1 + 3 * 8
        await asyncio.sleep(20)
        with pytest.raises(GenesysUnavailable):
            await tokens.token()

    server.run(use)


def test_a_refused_client_is_not_tried_again_for_half_a_minute() -> None:
    server = LoginServer(lambda number: httpx.Response(400, json={"error": "invalid_client"}))

    async def use(tokens: Tokens) -> None:
        for _ in range(10):
            with pytest.raises(GenesysDenied):
                await tokens.token()
        assert len(server.times) == 1
        await asyncio.sleep(31)
        with pytest.raises(GenesysDenied):
            await tokens.token()

    server.run(use)
    assert server.times == pytest.approx([0, 31])


@pytest.mark.parametrize("seconds", [9_000, 200])
def test_a_login_server_that_asks_for_a_long_wait_is_not_asked_again_for_every_call(seconds: int) -> None:
    server = LoginServer(lambda number: httpx.Response(429, headers={"retry-after": str(seconds)}))

    async def use(tokens: Tokens) -> None:
        for _ in range(10):
            with pytest.raises(GenesysParked) as caught:
                await tokens.token()
            assert caught.value.retry_after == seconds
        assert len(server.times) == 1
        await asyncio.sleep(31)
        with pytest.raises(GenesysParked):
            await tokens.token()

    server.run(use)
    assert server.times == pytest.approx([0, 31])


def test_a_login_server_that_asks_for_a_wait_is_asked_again_after_it() -> None:
    wait = httpx.Response(429, headers={"retry-after": "7"})
    server = LoginServer(lambda number: granted(number) if number > 1 else wait)

    async def use(tokens: Tokens) -> None:
        with pytest.raises(GenesysParked):
            await tokens.token()
        await asyncio.sleep(7.1)
        assert await tokens.token() == "t2"

    server.run(use, longest_wait_seconds=5.0)


def test_a_login_server_that_asks_for_a_long_wait_is_left_alone_while_the_old_token_serves_too() -> None:
    wait = httpx.Response(429, headers={"retry-after": "9000"})
    server = LoginServer(lambda number: granted(number, 300) if number == 1 else wait)

    async def use(tokens: Tokens) -> None:
        await tokens.token()
        await asyncio.sleep(241)
        for _ in range(29):
            assert await tokens.token() == "t1"
            await asyncio.sleep(1)
        assert server.times == pytest.approx([0, 241])
        await asyncio.sleep(2)
        assert await tokens.token() == "t1"
        await asyncio.sleep(28.5)
        with pytest.raises(GenesysParked):  # it has expired
            await tokens.token()

    server.run(use)
    assert server.times == pytest.approx([0, 241, 272])


def test_a_client_that_is_refused_at_an_early_refresh_is_refused_although_its_token_has_not_expired() -> None:
    refused = httpx.Response(400, json={"error": "invalid_client"})
    server = LoginServer(lambda number: granted(number, 300) if number == 1 else refused)

    async def use(tokens: Tokens) -> None:
        await tokens.token()
        await asyncio.sleep(250)
        for _ in range(3):
            with pytest.raises(GenesysDenied):
                await tokens.token()

    server.run(use)
    assert server.times == pytest.approx([0, 250])


def test_a_token_that_is_refused_after_an_early_refresh_failed_is_replaced_at_once() -> None:
    server = LoginServer(lambda number: httpx.Response(503) if 1 < number < 5 else granted(number, 300))

    async def use(tokens: Tokens) -> None:
        await tokens.token()
        await asyncio.sleep(250)
        assert await tokens.token() == "t1"
        tokens.reject("t1")
        assert await tokens.token() == "t5"

    server.run(use)


def test_a_token_that_was_refused_is_replaced_but_not_one_that_came_after_it() -> None:
    server = LoginServer(granted)

    async def use(tokens: Tokens) -> None:
        first = await tokens.token()
        tokens.reject(first)
        assert await tokens.token() == "t2"
        tokens.reject(first)
        assert await tokens.token() == "t2"

    server.run(use)
    assert len(server.times) == 2


@pytest.mark.parametrize("expires_in", [None, "soon", -1, 0, True, [], "1e400"])
def test_a_validity_that_makes_no_sense_is_taken_as_the_shortest(expires_in: object) -> None:
    server = LoginServer(lambda number: granted(number, expires_in))

    async def use(tokens: Tokens) -> None:
        assert await tokens.token() == "t1"
        await asyncio.sleep(239)
        assert await tokens.token() == "t1"
        await asyncio.sleep(2)
        assert await tokens.token() == "t2"

    server.run(use)


# ------------------------------------------------------------------------------------------------------------- failures


def test_a_login_is_tried_again_after_a_lost_connection_a_503_and_a_429() -> None:
    stub = stub_with_a_conversation()
    stub.login_faults += [dropping(), answering(503, "<html>busy</html>"), refusing(0.01)]
    with_client(stub, ask)
    assert stub.logins == 4


def test_a_login_that_goes_on_failing_is_not_multiplied_by_the_calls_own_attempts() -> None:
    stub = stub_with_a_conversation()
    stub.login_faults += [answering(503)] * 50
    error = refusal(stub, GenesysUnavailable)
    assert error.operation == "log in"
    assert stub.logins == 4


def test_a_login_that_would_have_to_wait_too_long_parks_the_work() -> None:
    stub = stub_with_a_conversation()
    stub.login_faults.append(refusing(9_000))
    assert refusal(stub, GenesysParked).retry_after == 9_000
    assert stub.logins == 1


@pytest.mark.parametrize(
    "body", ["<html>welcome</html>", "", "[]", "{}", '{"access_token": 7}', '{"access_token": "a\\r\\nx: y"}']
)
def test_a_success_without_a_usable_token_is_tried_again_and_then_told(body: str) -> None:
    stub = stub_with_a_conversation()
    stub.login_faults += [answering(200, body)] * 4
    assert refusal(stub, GenesysUnavailable).code == "UNREADABLE_ANSWER"
    assert stub.logins == 4


@pytest.mark.parametrize("status", [302, 404, 405, 415, 501])
@pytest.mark.parametrize(
    ("body", "kind"), [("<html>not here</html>", "text/html"), ('{"message": "not here"}', "application/json")]
)
def test_what_is_no_login_server_is_told_from_a_refused_client(status: int, body: str, kind: str) -> None:
    stub = stub_with_a_conversation()
    stub.login_faults.append(answering(status, body, kind=kind))
    error = refusal(stub, GenesysUnsupported)
    assert "check region and login URL" in str(error)


def test_a_refused_client_is_told_what_to_check() -> None:
    error = refusal(stub_with_a_conversation(), GenesysDenied, client_secret=Secret("wrong-secret"))
    assert error.code == "invalid_client"
    assert "check client id and secret" in str(error)
    assert not error.retryable


# -------------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("client_auth", ["basic", "post"])
@pytest.mark.parametrize(
    "fault",
    [None, dropping(), answering(500, '{"code":"x","message":"' + WRONG_SECRET + '"}', kind="application/json")],
    ids=["echoed", "dropped", "repeated"],
)
def test_no_error_log_or_repr_gives_the_secret_away(
    client_auth: str, fault: object, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = WRONG_SECRET
    stub = stub_with_a_conversation()
    if fault is not None:
        stub.login_faults += [fault] * 4  # type: ignore[list-item]
    error = refusal(stub, GenesysError, client_auth=client_auth, client_secret=Secret(secret))
    told = [*traceback.format_exception(error), repr(error), repr(vars(error)), repr(error.__context__), caplog.text]
    told += [str(vars(record)) for record in caplog.records]
    assert not any(form in text for text in told for form in forms(secret))


@pytest.mark.parametrize("form", range(4))
@pytest.mark.parametrize("status", [400, 500])
def test_a_secret_is_masked_in_whatever_form_the_login_server_repeats_it(status: int, form: int) -> None:
    secret = "odd +/characters"  # of which each form is another
    said = f"not with {sorted(forms(secret))[form]}"
    server = LoginServer(lambda number: httpx.Response(status, json={"error": "x", "description": said}))

    async def use(tokens: Tokens) -> None:
        with pytest.raises(GenesysError) as caught:
            await tokens.token()
        assert str(caught.value).endswith("the answer was: not with ***")

    assert len(forms(secret)) == 4
    server.run(use, client_secret=Secret(secret))


def test_no_failed_call_gives_the_token_away(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stub = stub_with_a_conversation()
    token = f"stub-token-0-{'x' * 40}"
    stub.faults.append(answering(403, '{"code":"x","message":"not with ' + token + '"}', kind="application/json"))
    error = refusal(stub, GenesysDenied)
    assert stub.issued == [token]
    assert "not with ***" in str(error)
    told = [*traceback.format_exception(error), repr(vars(error)), caplog.text]
    told += [str(vars(record)) for record in caplog.records]
    assert not any(token in text for text in told)


def test_a_lost_connection_leaves_no_request_behind_in_its_error() -> None:
    stub = stub_with_a_conversation()
    stub.faults += [dropping()] * 4
    error = refusal(stub, GenesysUnavailable)
    chain: BaseException | None = error
    while chain is not None:
        assert not hasattr(chain, "request")
        assert isinstance(chain, GenesysError)
        chain = chain.__cause__ or chain.__context__


def forms(secret: str) -> set[str]:
    """How a secret may be written."""
    return {
        secret,
        urllib.parse.quote(secret, safe=""),
        urllib.parse.quote_plus(secret),
        base64.b64encode(f"{CLIENT_ID}:{secret}".encode()).decode(),
    }


def test_the_first_call_of_a_network_in_virtual_time_logs_in_too() -> None:
    network = Network(lambda request: httpx.Response(200, json={}))
    network.run(ask_dict)
    assert network.logins == 1
    assert network.requests[0][1].headers["authorization"] == "Bearer t1"


async def ask_dict(client: GenesysClient) -> object:
    return await client.read(PATH, operation="ask")
