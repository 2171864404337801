"""An HTTP endpoint as a target: what is posted, and what each answer means."""

import asyncio
import contextlib
import hashlib
import hmac
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from tests.servers.certificates import make_certificates, make_client
from tests.servers.raw import answer, raw_server, serving, trickling
from tests.unit.targets.endpoint import Endpoint, endpoint

from turnout.errors import Fault, TargetError
from turnout.message import Attribute
from turnout.recovery.causes import Cause, Disposition, default_causes
from turnout.sqs.api import OutgoingMessage
from turnout.targets.api import MISSING
from turnout.targets.http import HttpDestination

BODY = '{"id": "1", "détail": "\N{SNOWMAN}"}'


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as running:
        yield running


def post(url: str, message: OutgoingMessage | None = None, *, secret: str = "", call_seconds: float = 5.0) -> None:
    async def main() -> None:
        async with httpx.AsyncClient() as client:
            destination = HttpDestination(
                client, url, secret=secret, call_seconds=call_seconds, clock=lambda: 1_700_000_000.0
            )
            sent = await destination.send([message or OutgoingMessage(BODY)])
            assert not sent.failures

    asyncio.run(main())


def refusal(url: str, call_seconds: float = 5.0) -> TargetError:
    with pytest.raises(TargetError) as caught:
        post(url, call_seconds=call_seconds)
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_the_body_is_posted_byte_for_byte_as_json(hook: Endpoint) -> None:
    post(hook.url)
    (got,) = hook.got
    assert (got.path, got.body) == ("/hook?key=hunter2", BODY.encode())
    assert got.headers["content-type"] == "application/json"


def test_headers_carry_trace_attributes_and_the_key_that_makes_a_repetition_recognisable(hook: Endpoint) -> None:
    attributes = {
        "traceparent": Attribute("String", "00-" + "1" * 32 + "-" + "2" * 16 + "-01"),
        "tenant": Attribute("String", "acme"),
        "evil": Attribute("String", "a\r\nx-injected: 1"),
        "binary": Attribute("Binary", data=b"\0"),
    }
    post(hook.url, OutgoingMessage(BODY, attributes, deduplication_id="d-1"))
    headers = hook.got[0].headers
    assert headers["traceparent"].startswith("00-111")
    assert headers["turnout-attribute-tenant"] == "acme"
    assert headers["idempotency-key"] == "d-1"
    assert not any("evil" in name or "injected" in name or "binary" in name for name in headers)


@pytest.mark.parametrize("value", [" acme", "acme ", "  acme  "])
def test_spaces_around_an_attribute_do_not_keep_the_event_from_its_endpoint(hook: Endpoint, value: str) -> None:
    attributes = {name: Attribute("String", value) for name in ("tenant", "tracestate")}
    post(hook.url, OutgoingMessage(BODY, attributes))
    headers = hook.got[0].headers
    assert (headers["turnout-attribute-tenant"], headers["tracestate"]) == ("acme", "acme")


def test_an_event_that_makes_no_valid_request_is_at_fault_itself_and_not_the_endpoint(hook: Endpoint) -> None:
    with pytest.raises(TargetError) as caught:
        post(hook.url, OutgoingMessage(BODY, deduplication_id=" key"))
    assert (caught.value.fault, caught.value.retryable) == (Fault.DATA, False)
    assert hook.got == []


def test_an_event_that_is_no_valid_text_is_at_fault_itself(hook: Endpoint) -> None:
    with pytest.raises(TargetError) as caught:
        post(hook.url, OutgoingMessage('{"note": "\ud83d"}'))
    assert (caught.value.fault, caught.value.retryable) == (Fault.DATA, False)
    assert hook.got == []


def test_an_endpoint_that_answers_letter_by_letter_holds_a_call_for_a_bounded_time() -> None:
    async def main() -> None:
        trickle = trickling(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")
        async with raw_server(trickle) as server, httpx.AsyncClient() as client:
            destination = HttpDestination(client, server.url, call_seconds=0.2)
            async with asyncio.timeout(10):
                with pytest.raises(TargetError) as caught:
                    await destination.send([OutgoingMessage(BODY)])
        assert (caught.value.code, caught.value.fault, caught.value.retryable) == ("TimeoutError", Fault.SYSTEM, True)

    asyncio.run(main())


def test_an_answer_whose_rest_outlasts_the_time_of_the_call_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("turnout.targets.http._REST_SECONDS", 0.6)

    async def main() -> None:
        trickle = trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        async with raw_server(trickle) as server, httpx.AsyncClient() as client:
            destination = HttpDestination(client, server.url, call_seconds=0.2)
            assert not (await destination.send([OutgoingMessage(BODY)])).failures

    asyncio.run(main())


def test_with_a_secret_the_request_is_signed_so_that_body_and_time_can_be_checked(hook: Endpoint) -> None:
    post(hook.url, secret="s3cret")
    expected = hmac.new(b"s3cret", b"1700000000." + BODY.encode(), hashlib.sha256).hexdigest()
    assert hook.got[0].headers["turnout-signature"] == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    ("status", "fault", "retryable"),
    [
        (408, Fault.SYSTEM, True),
        (409, Fault.DATA, True),
        (423, Fault.DATA, True),
        (425, Fault.SYSTEM, True),
        (429, Fault.SYSTEM, True),
        (500, Fault.SYSTEM, True),
        (503, Fault.SYSTEM, True),
        (302, Fault.CONFIG, False),
        (401, Fault.CONFIG, False),
        (404, Fault.CONFIG, False),
        (400, Fault.DATA, False),
        (413, Fault.DATA, False),
        (422, Fault.DATA, False),
    ],
)
def test_each_status_says_who_has_to_act(hook: Endpoint, status: int, fault: Fault, retryable: bool) -> None:
    hook.status = status
    error = refusal(hook.url)
    assert (error.code, error.fault, error.retryable) == (f"HTTP {status}", fault, retryable)
    assert len(hook.got) == 1


@pytest.mark.parametrize("status", [400, 408, 409, 413, 415, 422, 423, 425, 429, 500, 503])
def test_what_is_tried_again_here_is_transient_for_recovery_and_what_is_given_up_is_not(
    hook: Endpoint, status: int
) -> None:
    hook.status = status
    verdict = default_causes().status(status)
    assert verdict is not None
    assert (verdict.disposition is Disposition.TRANSIENT) == refusal(hook.url).retryable


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (409, "at the moment: it conflicts with what is there"),
        (423, "at the moment: what it is about is locked"),
        (302, "redirects are not followed"),
        (403, "does not let us in"),
        (404, "nothing is there: check the URL"),
        (405, "nothing can be posted there"),
        (501, "nothing can be posted there"),
        (413, "too large"),
    ],
)
def test_a_refusal_says_what_to_look_at_and_not_where_a_redirect_leads(hook: Endpoint, status: int, words: str) -> None:
    hook.status, hook.headers = status, {"location": "https://elsewhere.test/?key=hunter2"}
    assert words in str(refusal(hook.url))


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "connections"),
    [
        (answer(b"thank you"), 1),
        (answer(b"too fast", 429), 1),
        (CHUNKED + b"9\r\nthank you\r\n0\r\n\r\n", 1),
        (answer(b"x" * 1_000_000), 3),
        (answer(b"cut")[:-1], 3),
        (CHUNKED + b"nonsense\r\n", 3),
    ],
)
def test_a_connection_is_used_again_when_its_answer_was_read_and_no_answers_rest_matters(
    said: bytes, connections: int
) -> None:
    async def main() -> None:
        async with raw_server(serving(lambda _: said)) as server, httpx.AsyncClient() as client:
            destination = HttpDestination(client, server.url)
            for _ in range(3):
                with pytest.raises(TargetError) if b"429" in said else contextlib.nullcontext():
                    assert not (await destination.send([OutgoingMessage(BODY)])).failures
            assert server.connections == connections

    asyncio.run(main())


def test_a_certificate_that_is_not_trusted_is_told_as_that(tmp_path: Path) -> None:
    async def main() -> None:
        tls = make_certificates(tmp_path).server
        async with raw_server(serving(lambda _: b""), tls) as server, httpx.AsyncClient() as client:
            with pytest.raises(TargetError, match=r"certificate verification failed: .*certificate") as caught:
                await HttpDestination(client, server.url).send([OutgoingMessage(BODY)])
        assert (caught.value.fault, caught.value.retryable) == (Fault.SYSTEM, True)
        verdict = default_causes().text(str(caught.value))
        assert verdict is not None
        assert (verdict.cause, verdict.disposition) == (Cause.CONFIGURATION_WRONG, Disposition.NEEDS_FIX)

    asyncio.run(main())


def test_what_tls_says_after_its_handshake_is_a_failed_connection_and_not_a_bug_of_ours(tmp_path: Path) -> None:
    async def main(hook: Endpoint, trusted: ssl.SSLContext) -> None:
        async with httpx.AsyncClient(verify=trusted) as client:
            with pytest.raises(TargetError, match="TLS failed: ") as caught:
                await HttpDestination(client, hook.url).send([OutgoingMessage(BODY)])
        assert (caught.value.fault, caught.value.retryable) == (Fault.SYSTEM, True)

    ca, tls = make_certificates(tmp_path)
    make_client(tmp_path).demanded_by(tls)
    with endpoint(tls) as hook:
        asyncio.run(main(hook, ssl.create_default_context(cafile=ca)))


def test_an_answer_that_was_given_counts_though_tls_breaks_in_its_rest(tmp_path: Path) -> None:
    async def main(hook: Endpoint, trusted: ssl.SSLContext) -> None:
        async with httpx.AsyncClient(verify=trusted) as client:
            assert not (await HttpDestination(client, hook.url).send([OutgoingMessage(BODY)])).failures

    ca, tls = make_certificates(tmp_path)
    with endpoint(tls) as hook:
        hook.status, hook.cut, hook.garbage = 200, True, b"this is no record of TLS"
        asyncio.run(main(hook, ssl.create_default_context(cafile=ca)))
    assert len(hook.got) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("86400", 900.0),
        ("-5", 0.0),
        (format_datetime(datetime.fromtimestamp(1_700_000_060, UTC), usegmt=True), 60.0),
        ("soon", None),
        ("nan", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_honoured_within_reason(hook: Endpoint, header: str, seconds: float | None) -> None:
    hook.status, hook.headers = 503, {"retry-after": header}
    assert refusal(hook.url).retry_after == seconds


def test_no_connection_no_answer_and_a_url_that_is_none_are_told_apart(hook: Endpoint) -> None:
    unreachable = refusal("http://127.0.0.1:9/?key=hunter2")
    assert (unreachable.fault, unreachable.retryable) == (Fault.SYSTEM, True)
    hook.answering.clear()
    silent = refusal(hook.url, call_seconds=0.2)
    assert (silent.code, silent.retryable) == ("TimeoutError", True)
    for url in ("ftp://example.test/?key=hunter2", "http://xn--.test/?key=hunter2"):
        wrong = refusal(url)
        assert (wrong.fault, wrong.retryable) == (Fault.CONFIG, False)
        assert wrong.code in MISSING, "a letter does not take it for access that is denied"
