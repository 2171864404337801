"""Reading answers that nobody promised, and what each status means."""

from datetime import UTC, datetime

import httpx
import pytest

from turnout.errors import (
    CallError,
    Fault,
    GenesysDenied,
    GenesysError,
    GenesysNotFound,
    GenesysRejected,
    GenesysUnavailable,
    GenesysUnsupported,
)
from turnout.genesys.answers import Answer, error_body, read_json, retry_after
from turnout.genesys.errors import error_of_answer, error_of_login, error_of_transport

JSON_404 = b'{"message":"not here","code":"not.found","status":404,"contextId":"abc-1"}'


def answer(status: int = 200, content: bytes = b"", **headers: str) -> Answer:
    return Answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, b"{}", GenesysRejected),
        (401, b"{}", GenesysDenied),
        (403, b"{}", GenesysDenied),
        (404, JSON_404, GenesysNotFound),
        (404, b"", GenesysNotFound),
        (404, b"<html>nginx</html>", GenesysUnsupported),
        (405, b"", GenesysUnsupported),
        (406, b"", GenesysUnsupported),
        (410, b"", GenesysUnsupported),
        (300, b"", GenesysUnsupported),
        (302, b"", GenesysUnsupported),
        (408, b"", GenesysUnavailable),
        (425, b"", GenesysUnavailable),
        (409, b"{}", GenesysRejected),
        (413, b"", GenesysRejected),
        (422, b"[]", GenesysRejected),
        (429, b"", GenesysUnavailable),
        (500, b"", GenesysUnavailable),
        (501, b"", GenesysUnsupported),
        (502, b"<html>", GenesysUnavailable),
        (503, b"\xff\xfe", GenesysUnavailable),
        (504, b"", GenesysUnavailable),
        (599, b"", GenesysUnavailable),
    ],
)
def test_each_status_says_what_kind_of_failure_it_is(status: int, content: bytes, kind: type[GenesysError]) -> None:
    error = error_of_answer(answer(status, content), "look up")
    assert type(error) is kind
    assert isinstance(error, CallError)
    assert error.status == status
    assert error.retryable == (kind is GenesysUnavailable)
    assert str(error).startswith("look up: ")


def test_each_kind_of_failure_says_who_has_to_act() -> None:
    faults = {kind: kind.fault for kind in (GenesysUnavailable, GenesysDenied, GenesysUnsupported, GenesysRejected)}
    assert list(faults.values()) == [Fault.SYSTEM, Fault.CONFIG, Fault.CONFIG, Fault.DATA]


def test_an_error_carries_code_advice_answer_and_correlation_id() -> None:
    error = error_of_answer(answer(404, JSON_404), "look up")
    assert str(error) == (
        "look up: not.found: there is no such object, or not yet, or it was purged; the answer was: not here "
        "(correlation id abc-1)"
    )
    assert error_of_answer(answer(500, b"", inin_correlation_id="head-1"), "x").correlation_id == "head-1"
    assert error_of_answer(answer(500, b"", inin_correlation_id="a b\n"), "x").correlation_id == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>502</body></html>",
        b"null",
        b"[1]",
        b'"x"',
        b"NaN",
        b"\xff\x00",
        b"{",
        b"[" * 100_000,
        b'{"code":' + b"9" * 5_000 + b"}",
    ],
    ids=["empty", "html", "null", "list", "text", "nan", "binary", "cut", "deep", "huge"],
)
def test_a_body_that_is_no_error_body_is_none_and_the_status_speaks(content: bytes) -> None:
    assert error_body(answer(500, content)) is None
    assert error_of_answer(answer(500, content), "x").code == "HTTP 500"


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b'{"code":"a.b","message":"no"}', "a.b", "no"),
        (b'{"error":"invalid_client","description":"who?"}', "invalid_client", "who?"),
        (b'{"error":"x","error_description":"y"}', "x", "y"),
        (b'{"code":7,"message":null}', "7", ""),
        (b'{"code":{"a":1},"message":["x"]}', "", ""),
        (b'{"code":true,"message":false}', "", ""),
        (b'{"code":"<b>","message":"no"}', "", "no"),
        (b'{"code":"evil\\ncode","message":"two\\nlines\\u001b[31m \\ud800 end"}', "evil code", "two lines [31m end"),
    ],
)
def test_error_bodies_are_read_with_care(content: bytes, code: str, message: str) -> None:
    body = error_body(answer(400, content))
    assert body is not None
    assert (body.code, " ".join(body.message.split())) == (code, message)


def test_a_correlation_id_in_a_body_that_is_none_is_not_told() -> None:
    assert error_of_answer(answer(500, b'{"contextId":"abc-1"}'), "x").correlation_id == "abc-1"
    assert error_of_answer(answer(500, b'{"contextId":"see http://x"}'), "x").correlation_id == ""


def test_a_long_message_is_cut() -> None:
    body = error_body(answer(400, b'{"message":"' + b"x" * 10_000 + b'"}'))
    assert body is not None
    assert len(body.message) == 300


def test_a_secret_that_the_server_repeats_is_masked() -> None:
    echo = answer(400, b'{"code":"tok-123","message":"bad tok-123 here"}')
    assert "tok-123" not in str(error_of_answer(echo, "x", ["tok-123"]))
    at_the_cut = answer(400, b'{"message":"' + b"-" * 297 + b'tok-123"}', inin_correlation_id="tok-123")
    assert "tok" not in str(error_of_answer(at_the_cut, "x", ["tok-123"]))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("42", 42.0),
        ("0", 0.0),
        ("1.5", 1.5),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("1e300", 2_592_000.0),
        ("Sun, 06 Nov 2022 08:50:07 GMT", 30.0),
        ("Sun, 06 Nov 2022 08:49:07 GMT", 0.0),
        ("Sun, 06 Nov 2022 08:50:07", 30.0),
        ("Sun, 06 Nov 2022 09:50:07 +0100", 30.0),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    now = datetime(2022, 11, 6, 8, 49, 37, tzinfo=UTC)
    assert retry_after(answer(429, retry_after=text), now) == seconds


def test_json_that_is_none_is_refused_and_half_a_surrogate_pair_is_let_pass() -> None:
    for content in (b"", b"<html>", b"NaN", b'{"a":Infinity}', b"[" * 100_000):
        with pytest.raises(ValueError, match=r"."):
            read_json(content)
    assert read_json(b'{"a":"\\ud800"}') == {"a": "\ud800"}


@pytest.mark.parametrize(
    ("status", "content", "kind"),
    [
        (400, b'{"error":"invalid_client"}', GenesysDenied),
        (401, b'{"error":"invalid_client"}', GenesysDenied),
        (401, b"<html>", GenesysUnsupported),
        (404, b"{}", GenesysUnsupported),
        (302, b"", GenesysUnsupported),
        (429, b"", GenesysUnavailable),
        (503, b"<html>", GenesysUnavailable),
    ],
)
def test_a_failed_login_says_whether_client_address_or_time_is_to_blame(
    status: int, content: bytes, kind: type[GenesysError]
) -> None:
    assert type(error_of_login(answer(status, content), ())) is kind


def test_a_login_that_is_refused_says_what_to_check_and_what_the_server_said_without_the_secret() -> None:
    body = b'{"error":"invalid_client","description":"no s3cret here"}'
    found = error_of_login(answer(401, body, inin_correlation_id="head-1"), ["s3cret"])
    assert str(found) == (
        "log in: invalid_client: the OAuth client is refused: check client id and secret, that the client exists in "
        "this region, and that its grant type is Client Credentials; the answer was: no *** here "
        "(correlation id head-1)"
    )
    assert (found.status, found.code) == (401, "invalid_client")
    assert str(error_of_login(answer(401, b"{}"), ())).endswith("its grant type is Client Credentials")


@pytest.mark.parametrize(("content", "code"), [(JSON_404, "not.found"), (b"<html>nginx</html>", "HTTP 404")])
def test_what_is_no_login_server_is_told_by_its_status(content: bytes, code: str) -> None:
    found = error_of_login(answer(404, content), ())
    assert str(found) == f"log in: {code}: check region and login URL: what answered is no login server"
    assert found.status == 404


def test_a_rate_limit_is_told_as_one() -> None:
    assert "the rate limit is used up" in str(error_of_answer(answer(429), "look up"))
    assert "the rate limit" not in str(error_of_answer(answer(503), "look up"))


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (httpx.ConnectError("x"), GenesysUnavailable, "the connection failed"),
        (httpx.ReadTimeout("x"), GenesysUnavailable, "no answer in time"),
        (TimeoutError(), GenesysUnavailable, "no answer in time"),
        (httpx.RemoteProtocolError("x"), GenesysUnavailable, "the connection failed"),
        (httpx.UnsupportedProtocol("x"), GenesysUnsupported, "the URL cannot be used"),
        (httpx.InvalidURL("x"), GenesysUnsupported, "the URL cannot be used"),
    ],
)
def test_failures_without_an_answer_are_judged_in_one_place(
    error: Exception, kind: type[GenesysError], said: str
) -> None:
    found = error_of_transport(error, "look up")
    assert type(found) is kind
    assert found.code == type(error).__name__
    assert str(found).startswith(f"look up: {found.code}: {said}")
