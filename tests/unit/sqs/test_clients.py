"""Both clients of the real service, side by side: settings, endpoints, and what they make of bad answers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.servers.certificates import make_certificates
from tests.servers.processes import free_port
from tests.servers.raw import Peer, Request, answer, raw_server, serving

from turnout.errors import Fault, SqsDenied, SqsError, SqsMisconfigured, SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.message import Attribute
from turnout.sqs import codes, credentials, session
from turnout.sqs.aio import AioSqs, open_aio_sqs
from turnout.sqs.api import OutgoingMessage, Sqs
from turnout.sqs.clients import open_sqs
from turnout.sqs.digests import attributes_md5, body_md5
from turnout.sqs.place import Place
from turnout.sqs.session import AwsConfig, AwsSession
from turnout.sqs.wire.client import WireSqs, open_wire_sqs

QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

Opener = Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]]

both = pytest.mark.parametrize("opener", [open_aio_sqs, open_wire_sqs])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    return monkeypatch


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30))


@asynccontextmanager
async def talking_to(opener: Opener, handle: Callable[[Request], bytes | object]) -> AsyncIterator[Sqs]:
    async with (
        raw_server(serving(handle)) as server,
        opener(AwsConfig(region="eu-west-1", endpoint_url=server.url, answer_seconds=1)) as sqs,
    ):
        yield sqs


# Requests


@both
def test_a_send_carries_everything_that_a_message_has(opener: Opener) -> None:
    seen: list[dict[str, Any]] = []

    def handle(request: Request) -> object:
        seen.append(dict(request.parameters))
        return {"Successful": [{"Id": str(i), "MessageId": f"m{i}", "MD5OfMessageBody": ""} for i in range(3)]}

    async def test() -> None:
        attributes = {"t": Attribute("String", text="é"), "b": Attribute("Binary", data=b"\x00\xff")}
        messages = [
            OutgoingMessage("plain"),
            OutgoingMessage('q"\\\u2028', attributes, delay_seconds=7, trace_header="Root=1"),
            OutgoingMessage("fifo", group_id="g", deduplication_id="d"),
        ]
        async with talking_to(opener, handle) as sqs:
            await sqs.send(QUEUE, messages)
        assert seen == [
            {
                "QueueUrl": QUEUE,
                "Entries": [
                    {"Id": "0", "MessageBody": "plain"},
                    {
                        "Id": "1",
                        "MessageBody": 'q"\\\u2028',
                        "MessageAttributes": {
                            "t": {"DataType": "String", "StringValue": "é"},
                            "b": {"DataType": "Binary", "BinaryValue": base64.b64encode(b"\x00\xff").decode()},
                        },
                        "DelaySeconds": 7,
                        "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}},
                    },
                    {"Id": "2", "MessageBody": "fifo", "MessageGroupId": "g", "MessageDeduplicationId": "d"},
                ],
            }
        ]

    run(test())


@both
def test_the_other_calls_ask_for_what_they_say(opener: Opener) -> None:
    seen: dict[str, dict[str, Any]] = {}

    def handle(request: Request) -> object:
        seen[request.operation] = dict(request.parameters)
        return {"Successful": [{"Id": "0"}, {"Id": "1"}]}

    async def test() -> None:
        async with talking_to(opener, handle) as sqs:
            await sqs.receive(QUEUE, max_messages=3, wait_seconds=0, visibility_seconds=0)
            await sqs.delete(QUEUE, ["h0", "h1"])
            await sqs.change_visibility(QUEUE, ["h0", "h1"], 0)
            await sqs.queue_attributes(QUEUE)
        assert seen == {
            "ReceiveMessage": {
                "QueueUrl": QUEUE,
                "MaxNumberOfMessages": 3,
                "WaitTimeSeconds": 0,
                "VisibilityTimeout": 0,
                "MessageAttributeNames": ["All"],
                "MessageSystemAttributeNames": ["All"],
            },
            "DeleteMessageBatch": {
                "QueueUrl": QUEUE,
                "Entries": [{"Id": "0", "ReceiptHandle": "h0"}, {"Id": "1", "ReceiptHandle": "h1"}],
            },
            "ChangeMessageVisibilityBatch": {
                "QueueUrl": QUEUE,
                "Entries": [
                    {"Id": "0", "ReceiptHandle": "h0", "VisibilityTimeout": 0},
                    {"Id": "1", "ReceiptHandle": "h1", "VisibilityTimeout": 0},
                ],
            },
            "GetQueueAttributes": {"QueueUrl": QUEUE, "AttributeNames": ["All"]},
        }

    run(test())


# Answers


@both
def test_an_entry_that_arrived_with_another_digest_counts_as_failed(opener: Opener) -> None:
    def handle(_: Request) -> object:
        good, bad = body_md5("good"), body_md5("something else")
        return {
            "Successful": [
                {"Id": "0", "MessageId": "m0", "MD5OfMessageBody": good},
                {"Id": "1", "MessageId": "m1", "MD5OfMessageBody": bad},
                {"Id": "2", "MessageId": "m2", "MD5OfMessageBody": good, "MD5OfMessageAttributes": bad},
            ]
        }

    async def test() -> None:
        attributes = {"a": Attribute("String", text="x")}
        messages = [OutgoingMessage("good"), OutgoingMessage("good"), OutgoingMessage("good", attributes)]
        async with talking_to(opener, handle) as sqs:
            sent = await sqs.send(QUEUE, messages)
        assert sent.message_ids == ("m0", None, None)
        assert [(f.index, f.code, f.retryable, f.fault) for f in sent.failures] == [
            (1, "ChecksumMismatch", True, Fault.SYSTEM),
            (2, "ChecksumMismatch", True, Fault.SYSTEM),
        ]

    run(test())


@both
def test_a_received_message_with_another_digest_is_left_out_and_logged(
    opener: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    attributes = {"a": {"DataType": "Number", "StringValue": "1"}}
    right = attributes_md5({"a": Attribute("Number", text="1")})

    def message(name: str, **more: object) -> dict[str, object]:
        return {"MessageId": name, "ReceiptHandle": f"h-{name}", "Body": "body", **more}

    def handle(_: Request) -> object:
        return {
            "Messages": [
                message("intact", MD5OfBody=body_md5("body")),
                message("damaged", MD5OfBody=body_md5("b0dy")),
                message("whole", MessageAttributes=attributes, MD5OfMessageAttributes=right),
                message("torn", MessageAttributes=attributes, MD5OfMessageAttributes=body_md5("")),
                message("silent"),
            ]
        }

    async def test() -> None:
        async with talking_to(opener, handle) as sqs:
            messages = await sqs.receive(QUEUE)
        assert [m.id for m in messages] == ["intact", "whole", "silent"]

    with caplog.at_level(logging.WARNING, "turnout.sqs"):
        run(test())
    assert [record.getMessage() for record in caplog.records if record.name == "turnout.sqs"] == [
        "message damaged from orders arrived damaged and is left out",
        "message torn from orders arrived damaged and is left out",
    ]


@both
def test_entries_fail_singly_and_an_unmentioned_one_counts_as_failed(opener: Opener) -> None:
    failed = [
        {"Id": "1", "Code": "AWS.SimpleQueueService.InternalError", "SenderFault": False, "Message": "again"},
        {"Id": "2", "Code": "InvalidMessageContents", "SenderFault": True, "Message": "never"},
    ]

    def handle(request: Request) -> object:
        digest = hashlib.md5(b"x").hexdigest()
        if request.operation == "SendMessageBatch":
            return {"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": digest}], "Failed": failed}
        return {"Successful": [{"Id": "0"}], "Failed": failed}

    async def test() -> None:
        async with talking_to(opener, handle) as sqs:
            sent = await sqs.send(QUEUE, [OutgoingMessage("x")] * 4)
            assert sent.message_ids == ("m", None, None, None)
            for failures in (
                sent.failures,
                await sqs.delete(QUEUE, ["a", "b", "c", "d"]),
                await sqs.change_visibility(QUEUE, ["a", "b", "c", "d"], 1),
            ):
                assert [(f.index, f.code, f.retryable) for f in failures] == [
                    (1, "InternalError", True),
                    (2, "InvalidMessageContents", False),
                    (3, "NotAnswered", True),
                ]

    run(test())


@both
@pytest.mark.parametrize("entry_id", ["4", "99", "-1", "", "x", "٣"])
def test_an_entry_nobody_sent_is_ignored(opener: Opener, entry_id: str) -> None:
    async def test() -> None:
        reply = {"Successful": [{"Id": "0"}], "Failed": [{"Id": entry_id, "Code": "X", "SenderFault": True}]}
        async with talking_to(opener, lambda _: reply) as sqs:
            (failure,) = await sqs.delete(QUEUE, ["a", "b"])
        assert (failure.index, failure.code) == (1, "NotAnswered")

    run(test())


@both
@pytest.mark.parametrize(
    ("written", "error", "code"),
    [
        (
            answer(
                {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "No."},
                400,
                x_amzn_query_error="AWS.SimpleQueueService.NonExistentQueue;Sender",
            ),
            SqsQueueMissing,
            "QueueDoesNotExist",
        ),
        (answer({"__type": "com.amazonaws.sqs#KmsDisabled", "message": "No."}, 400), SqsDenied, "KmsDisabled"),
        (answer({"__type": "AccessDeniedException", "message": "No."}, 403), SqsDenied, "AccessDenied"),
        (answer({"__type": "InvalidParameterValue", "message": "No."}, 400), SqsRejected, "InvalidParameterValue"),
        (answer({"__type": "ThrottlingException", "message": "No."}, 400), SqsUnavailable, "ThrottlingException"),
        (answer(b"<html>oops</html>", 503), SqsUnavailable, "BadAnswer"),
        (answer(b"<html>oops</html>", 404), SqsUnavailable, "BadAnswer"),
        (answer({"Messages": "none"}), SqsUnavailable, "BadAnswer"),
        (answer({"Messages": [{"Body": "b"}]}), SqsUnavailable, "BadAnswer"),
        (answer(b"\xff\xfe", 500), SqsUnavailable, "BadAnswer"),
        (answer(b"[" * 100_000, 500), SqsUnavailable, "BadAnswer"),
    ],
)
def test_both_clients_raise_the_same_error(opener: Opener, written: bytes, error: type[SqsError], code: str) -> None:
    async def test() -> None:
        async with talking_to(opener, lambda _: written) as sqs:
            with pytest.raises(error) as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
        assert (caught.value.code, caught.value.operation, caught.value.queue) == (code, "ReceiveMessage", "orders")

    run(test())


@both
@pytest.mark.parametrize("status", [403, 502])
def test_a_page_of_a_proxy_is_not_told_as_what_sqs_said(opener: Opener, status: int) -> None:
    async def test() -> None:
        async with talking_to(opener, lambda _: answer(b"<html>a proxy's page</html>", status)) as sqs:
            with pytest.raises(SqsUnavailable) as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
        said = f"ReceiveMessage orders: BadAnswer: an answer with HTTP status {status} that is not SQS's"
        assert str(caught.value) == said

    run(test())


@both
def test_a_page_of_a_proxy_is_never_taken_for_an_empty_queue(opener: Opener) -> None:
    page = answer(b"<html>Log in to the network</html>", Content_Type="text/html; charset=utf-8")

    async def test() -> None:
        async with talking_to(opener, lambda _: page) as sqs:
            with pytest.raises(SqsUnavailable, match="BadAnswer"):
                await sqs.receive(QUEUE, wait_seconds=0)

    run(test())


DEEP = b'{"Messages": ' + b"[" * 100_000
NOT_UTF8 = b'{"Messages": [{"Body": "\xff"}]}'


@both
@pytest.mark.parametrize("written", [DEEP, NOT_UTF8, b'{"Messages": [{"Body": "\\ud800"}]}'])
def test_a_hostile_answer_is_an_error_of_ours(opener: Opener, written: bytes) -> None:
    async def test() -> None:
        async with talking_to(opener, lambda _: answer(written)) as sqs:
            with pytest.raises(SqsUnavailable, match="BadAnswer"):
                await sqs.receive(QUEUE, wait_seconds=0)

    run(test())


@pytest.mark.parametrize("written", [b"", b"not JSON", b"[]", b'{"Messages": [', b"null", b"\x00"])
def test_an_answer_that_is_not_json_is_never_taken_for_an_empty_queue(written: bytes) -> None:
    async def test() -> None:
        async with talking_to(open_wire_sqs, lambda _: answer(written)) as sqs:
            with pytest.raises(SqsUnavailable, match="BadAnswer"):
                await sqs.receive(QUEUE, wait_seconds=0)

    run(test())


# Connections


@both
def test_a_server_that_is_not_there_is_unavailable(opener: Opener) -> None:
    async def test() -> None:
        async with opener(AwsConfig(region="eu-west-1", endpoint_url=f"http://127.0.0.1:{free_port()}")) as sqs:
            with pytest.raises(SqsUnavailable):
                await sqs.send(QUEUE, [OutgoingMessage("x")])

    run(test())


@both
def test_a_server_that_does_not_answer_is_given_up(opener: Opener) -> None:
    async def converse(peer: Peer) -> None:
        await peer.request()
        await peer.closed()

    async def test() -> None:
        async with (
            raw_server(converse) as server,
            opener(AwsConfig(region="eu-west-1", endpoint_url=server.url, answer_seconds=0.3)) as sqs,
        ):
            with pytest.raises(SqsUnavailable):
                await sqs.send(QUEUE, [OutgoingMessage("x")])

    run(test())


@both
def test_a_call_is_made_once_and_not_repeated_behind_our_back(opener: Opener) -> None:
    calls = 0

    def handle(_: Request) -> object:
        nonlocal calls
        calls += 1
        return answer({"__type": "ServiceUnavailable", "message": "later"}, 503)

    async def test() -> None:
        async with talking_to(opener, handle) as sqs:
            with pytest.raises(SqsUnavailable):
                await sqs.send(QUEUE, [OutgoingMessage("x")])

    run(test())
    assert calls == 1


@both
def test_tls_goes_by_the_authorities_of_aws_ca_bundle(
    opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca))

    async def test() -> None:
        async with (
            raw_server(serving(lambda _: {}), certificates.server) as server,
            opener(AwsConfig(region="eu-west-1", endpoint_url=server.url)) as sqs,
        ):
            assert await sqs.receive(QUEUE, wait_seconds=0) == []

    run(test())


@both
def test_tls_does_not_trust_just_anybody(opener: Opener, tmp_path: Path) -> None:
    async def test() -> None:
        async with (
            raw_server(serving(lambda _: {}), make_certificates(tmp_path).server) as server,
            opener(AwsConfig(region="eu-west-1", endpoint_url=server.url)) as sqs,
        ):
            with pytest.raises(SqsUnavailable):
                await sqs.receive(QUEUE, wait_seconds=0)

    run(test())


# Settings


@both
def test_without_credentials_every_call_is_denied(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    async def test() -> None:
        async with talking_to(opener, lambda _: {}) as sqs:
            with pytest.raises(SqsDenied) as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
            assert caught.value.code == "NoCredentialsError"

    run(test())


def lent(expires: str, **more: object) -> str:
    """What a `credential_process` prints."""
    keys = {"Version": 1, "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": SECRET, "SessionToken": "t0ken"}
    return json.dumps({**keys, "Expiration": expires, **more})


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file that the only lender of credentials prints."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    file = tmp_path / "printed"
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {file}\n")
    return file


@both
@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (lent("2020-01-01T00:00:00Z"), "ExpiredToken", "log in there again"),
        (lent("tomorrow"), "InvalidCredentials", "tomorrow"),
        ("please log in", "InvalidCredentials", "credential_process"),
        ("[]", "InvalidCredentials", "credential_process"),
        (lent("2999-01-01T00:00:00Z", AccessKeyId=12345), "InvalidCredentials", "are no text"),
        (lent("2999-01-01T00:00:00Z", SessionToken="tökén"), "InvalidCredentials", "characters that they cannot have"),
    ],
)
def test_credentials_that_are_expired_or_none_when_they_are_lent_are_told_as_that(
    opener: Opener, printed: Path, text: str, code: str, words: str
) -> None:
    printed.write_text(text)

    async def test() -> None:
        async with talking_to(opener, lambda _: {}) as sqs:
            with pytest.raises(SqsDenied, match=f"^Credentials: .*{words}") as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
            assert caught.value.code == code

    run(test())


@both
@pytest.mark.parametrize(
    "lender", ["credential_process = /nowhere/lend", "role_arn = arn\nweb_identity_token_file = /nowhere/token"]
)
def test_a_file_that_is_not_there_to_lend_credentials_is_a_wrong_setting(
    opener: Opener, printed: Path, lender: str
) -> None:
    printed.with_name("config").write_text(f"[default]\n{lender}\n")

    async def test() -> None:
        async with talking_to(opener, lambda _: {}) as sqs:
            with pytest.raises(SqsMisconfigured, match=r"^Credentials: InvalidCredentials: .* No such file") as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
            assert caught.value.exit_code == 2

    run(test())


ASSUMED = b"""<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>
<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>"""
REFUSED = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not this role</Message></Error></ErrorResponse>"


@both
@pytest.mark.parametrize(
    ("queue", "environ", "config"),
    [
        (QUEUE, {}, None),
        ("http://localhost/0/orders", {"AWS_REGION": "eu-west-1"}, None),
        ("http://localhost/0/orders", {}, "eu-west-1"),
    ],
)
def test_sts_is_asked_for_a_role_in_the_region_of_the_queue_where_no_other_is_named(
    opener: Opener, printed: Path, queue: str, environ: dict[str, str], config: str | None, monkeypatch: Any
) -> None:
    role = "[default]\nrole_arn = arn:aws:iam::123456789012:role/worker\nsource_profile = keys"
    keys = "[profile keys]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = x"
    printed.with_name("config").write_text(f"{role}\n{keys}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    refusing, scopes = True, []

    def lend(request: Request) -> bytes:
        scopes.append(request.headers["authorization"].split("/")[2:4])
        return answer(REFUSED, 403) if refusing else answer(ASSUMED)

    async def test() -> None:
        nonlocal refusing
        async with raw_server(serving(lend)) as sts, raw_server(serving(lambda _: {})) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.url)
            async with opener(AwsConfig(region=config, endpoint_url=server.url)) as sqs:
                with pytest.raises(SqsDenied, match=r"^Credentials: AccessDenied: not this role"):
                    await sqs.receive(queue, wait_seconds=0)
                refusing = False
                assert await sqs.receive(queue, wait_seconds=0) == []

    run(test())
    assert [*map(tuple, scopes)] == [("eu-west-1", "sts")] * len(scopes)


@both
@pytest.mark.parametrize("later", ["please log in", lent("2020-01-01T00:00:00Z")])
def test_credentials_that_cannot_be_renewed_any_more_are_an_error_of_ours_or_stay_in_use(
    opener: Opener, printed: Path, later: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "CHECK_SECONDS", 0.0)
    soon = datetime.now(UTC) + timedelta(seconds=60)  # so soon that they are renewed at each call
    printed.write_text(lent(soon.isoformat()))

    async def test() -> None:
        async with talking_to(opener, lambda _: {}) as sqs:
            assert await sqs.receive(QUEUE, wait_seconds=0) == []
            printed.write_text(later)
            try:
                assert await sqs.receive(QUEUE, wait_seconds=0) == []
            except SqsError as error:
                assert error.code in ("BadAnswer", "ExpiredToken")  # noqa: PT017

    run(test())


@both
def test_what_lends_no_credentials_and_does_not_end_is_not_waited_for_for_ever(
    opener: Opener, printed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(session, "_LENDING_SECONDS", 0.2)
    (tmp_path / "config").write_text("[default]\ncredential_process = sleep 1\n")

    async def test() -> None:
        async with talking_to(opener, lambda _: {}) as sqs:
            with pytest.raises(SqsUnavailable, match="is silent for"):
                await sqs.receive(QUEUE, wait_seconds=0)
            await asyncio.sleep(1.0)  # until its end is known: a process that is left behind is told of

    run(test())


@both
def test_without_a_region_the_error_says_what_to_set(opener: Opener) -> None:
    async def test() -> None:
        async with opener(AwsConfig(endpoint_url="http://127.0.0.1:1")) as sqs:
            with pytest.raises(SqsDenied, match="AWS_REGION") as caught:
                await sqs.receive("http://localhost/1/q", wait_seconds=0)
            assert caught.value.code == "NoRegion"
            assert caught.value.exit_code == 2

    run(test())


@both
def test_a_profile_that_does_not_exist_is_denied_at_once(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")

    async def test() -> None:
        with pytest.raises(SqsDenied, match="no-such-profile") as caught:
            async with opener(AwsConfig()):
                pass
        assert caught.value.exit_code == 2, "a wrong setting, as a wrong one of Turnout's own"

    run(test())


@both
def test_no_error_tells_a_secret(opener: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t0ken-of-the-session")

    async def test() -> None:
        errors: list[BaseException] = []
        written = answer({"__type": "InvalidSignatureException", "message": "bad signature"}, 403)
        async with talking_to(opener, lambda _: written) as sqs:
            with pytest.raises(SqsDenied) as caught:
                await sqs.send(QUEUE, [OutgoingMessage("x")])
            errors.append(caught.value)
        error: BaseException | None = errors[0]
        while error is not None:
            assert SECRET not in repr(error) + str(error)
            assert "t0ken" not in repr(error) + str(error)
            error = error.__cause__ or error.__context__

    run(test())


@both
def test_a_file_of_authorities_that_cannot_be_read_is_a_wrong_setting(
    opener: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "absent.pem"
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))

    async def test() -> None:
        async with opener(AwsConfig(region="eu-west-1")) as sqs:
            with pytest.raises(SqsMisconfigured, match=str(bundle)) as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
            assert caught.value.code == "InvalidCaBundle"

    run(test())


def test_a_proxy_is_refused_with_a_word_on_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pr0xy-secret@proxy:3128")

    async def test() -> None:
        async with open_wire_sqs(AwsConfig(region="eu-west-1")) as sqs:
            with pytest.raises(SqsMisconfigured, match="TURNOUT_SQS_CLIENT=aioboto3") as caught:
                await sqs.receive(QUEUE, wait_seconds=0)
            assert "pr0xy" not in str(caught.value)

    run(test())


def test_a_proxy_for_other_hosts_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    async def test() -> None:
        async with talking_to(open_wire_sqs, lambda _: {}) as sqs:
            assert await sqs.receive(QUEUE, wait_seconds=0) == []

    run(test())


def test_clients_are_opened_by_name() -> None:
    async def test() -> None:
        async with open_sqs("wire") as wire, open_sqs("aioboto3", AwsConfig()) as aio:
            assert (type(wire), type(aio)) == (WireSqs, AioSqs)

    run(test())


def endpoint_of(queue: str, config: AwsConfig) -> str:
    async def find() -> str:
        session = AwsSession(config)
        return await session.endpoint_url(session.place(queue))

    return asyncio.run(find())


VPC_QUEUE = "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com/123456789012/orders"


@pytest.mark.parametrize(
    ("queue", "variables", "endpoint"),
    [
        (QUEUE, {}, "https://sqs.eu-west-1.amazonaws.com"),
        ("https://queue.amazonaws.com/1/q", {}, "https://sqs.us-east-1.amazonaws.com"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/1/q", {}, "https://sqs.cn-north-1.amazonaws.com.cn"),
        ("https://sqs.us-east-1.amazonaws.com/1/q", {"AWS_USE_FIPS_ENDPOINT": "true"}, "https://sqs-fips.us-east-1.amazonaws.com"),
        ("https://sqs-fips.us-east-1.amazonaws.com/1/q", {}, "https://sqs-fips.us-east-1.amazonaws.com"),
        (QUEUE, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://sqs.eu-west-1.api.aws"),
        (VPC_QUEUE, {}, "https://vpce-0a-1b.sqs.eu-west-1.vpce.amazonaws.com"),
        (QUEUE, {"AWS_ENDPOINT_URL": "http://sqs:4566"}, "http://sqs:4566"),
        (QUEUE, {"AWS_ENDPOINT_URL": "http://x:1", "AWS_ENDPOINT_URL_SQS": "http://sqs:4566"}, "http://sqs:4566"),
        (VPC_QUEUE, {"AWS_ENDPOINT_URL_SQS": "https://vpce-9.sqs.eu-west-1.vpce.amazonaws.com"}, "https://vpce-9.sqs.eu-west-1.vpce.amazonaws.com"),
        ("http://localhost:4566/0/q", {"AWS_REGION": "eu-west-1"}, "http://localhost:4566"),
        ("http://localhost:4566/0/q", {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://sqs:1"}, "http://sqs:1"),
    ],
)  # fmt: skip
def test_endpoints_are_found_as_aws_finds_them(
    monkeypatch: pytest.MonkeyPatch, queue: str, variables: dict[str, str], endpoint: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert endpoint_of(queue, AwsConfig()) == endpoint


@pytest.mark.parametrize("url", ["nonsense", "http://", "localhost:4566", "http://127.0.0.1:99999"])
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "endpoint_url of the AWS profile"])
@both
def test_an_endpoint_that_is_none_is_told_with_the_variable_it_came_from(
    opener: Opener, name: str, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {url}\n" if "profile" in name else "")
    if "profile" not in name:
        monkeypatch.setenv(name, url)

    async def test() -> None:
        async with opener(AwsConfig(region="eu-west-1")) as sqs:
            with pytest.raises(SqsDenied, match=f"InvalidEndpoint: .*{name} must look like"):
                await sqs.receive(QUEUE, max_messages=1, wait_seconds=0, visibility_seconds=30)

    run(test())


def test_an_endpoint_in_the_configuration_outranks_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://other:1")
    assert endpoint_of(VPC_QUEUE, AwsConfig(endpoint_url="http://mine:2")) == "http://mine:2"


def test_the_region_may_come_from_the_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile there]\nregion = ap-southeast-2\n")
    monkeypatch.setenv("AWS_PROFILE", "there")
    assert AwsSession(AwsConfig()).place("http://localhost/0/q") == Place("ap-southeast-2", "http://localhost")


@both
def test_queues_of_two_regions_are_reached_at_two_endpoints(opener: Opener) -> None:
    async def test() -> None:
        async with (
            raw_server(serving(lambda _: {"Attributes": {"at": "one"}})) as one,
            raw_server(serving(lambda _: {"Attributes": {"at": "two"}})) as two,
            opener(AwsConfig(region="eu-west-1")) as sqs,
        ):
            assert await sqs.queue_attributes(f"{one.url}/0/q") == {"at": "one"}
            assert await sqs.queue_attributes(f"{two.url}/0/q") == {"at": "two"}

    run(test())


def test_credentials_that_could_break_a_header_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a\r\nX-Evil: 1")

    async def test() -> None:
        async with talking_to(open_wire_sqs, lambda _: {}) as sqs:
            with pytest.raises(SqsDenied, match="InvalidCredentials"):
                await sqs.receive(QUEUE, wait_seconds=0)

    run(test())


CODES = [code for codes in codes._CODES.values() for code in codes.split() if code != "Closed"]


def test_both_clients_make_the_same_of_every_error_that_sqs_has() -> None:
    """Each code that we know and some that we do not, in both protocols' spelling, under statuses that could come."""
    cases = [
        (spelling, status, header)
        for code in [*CODES, "NeverHeardOf", "KmsNeverHeardOf"]
        for spelling in (code, f"com.amazonaws.sqs#{code}")
        for status, header in ((400, ""), (403, f"AWS.SimpleQueueService.{code};Sender"), (503, ""))
    ]
    case = cases[0]

    def handle(_: Request) -> bytes:
        spelling, status, header = case
        more = {"x_amzn_query_error": header} if header else {}
        return answer({"__type": spelling, "message": f"About {spelling}."}, status, retry_after="7", **more)

    async def told(sqs: Sqs) -> tuple[object, ...]:
        with pytest.raises(SqsError) as caught:
            await sqs.send(QUEUE, [OutgoingMessage("x")])
        error = caught.value
        return type(error), error.code, error.retry_after, error.operation, error.queue, str(error)

    async def test() -> None:
        nonlocal case
        async with talking_to(open_aio_sqs, handle) as aio, talking_to(open_wire_sqs, handle) as wire:
            for case in cases:
                assert await told(aio) == await told(wire), case

    run(test())


@both
def test_a_client_that_can_open_no_file_says_that_sqs_cannot_be_reached_and_works_once_it_can(opener: Opener) -> None:
    script = f"""
import asyncio, resource
from turnout.errors import SqsUnavailable
from turnout.sqs.session import AwsConfig
from {opener.__module__} import {opener.__name__} as opener

async def main():
    config = AwsConfig(region="eu-west-1", endpoint_url="http://127.0.0.1:{free_port()}")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with opener(config) as sqs:
        for limit in (3, soft):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                await sqs.receive("{QUEUE}", wait_seconds=0)
            except SqsUnavailable as error:
                print(error.code)

asyncio.run(main())
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    first, *then = said.stdout.split()
    assert (first, then) in (("OSError", ["ConnectionRefusedError"]), ("OSError", ["EndpointConnectionError"])), said
