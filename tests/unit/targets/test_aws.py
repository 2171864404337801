"""SNS, EventBridge, Step Functions and Lambda as targets: what counts as taken, and whose fault a refusal is.

Against an endpoint that answers what it is told. What the services do when all is well is in the contract tests.
"""

import asyncio
import gc
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import pytest
from tests.servers.raw import raw_server, trickling
from tests.unit.targets.endpoint import Endpoint, endpoint

from turnout.errors import Fault, TargetError
from turnout.idempotency.api import StoreUnavailable
from turnout.idempotency.dynamodb import open_dynamo_store
from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.codes import short_code
from turnout.sqs.foreign_answers import LENT_EXPIRED
from turnout.targets.api import Destination
from turnout.targets.aws import (
    AwsClients,
    BusDestination,
    FunctionDestination,
    StateMachineDestination,
    TopicDestination,
)
from turnout.telemetry.semconv import queue_attributes, system_of

TOPIC = "arn:aws:sns:us-east-1:123456789012:topic"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:machine"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:function"
ONE_OF_EACH = [
    (TopicDestination, TOPIC),
    (BusDestination, "bus"),
    (StateMachineDestination, MACHINE),
    (FunctionDestination, FUNCTION),
]
NONSENSE = [b"<html>a proxy's page</html>", b"[1, 2]", b'{"Entries": 7, "Attributes": 7}', b"{", b"", b"\xff\xfe"]
SYSTEM = (Fault.SYSTEM, True)
CONFIG = (Fault.CONFIG, False)
DATA = (Fault.DATA, False)


@pytest.mark.parametrize("address", ["orders", "arn:aws:events:us-east-1:123456789012:event-bus/orders"])
def test_a_bus_is_told_as_one_however_it_is_addressed(address: str) -> None:
    bus = BusDestination(AwsClients(), address)
    assert (bus.name, system_of(bus.url)) == ("orders", "aws_events")
    assert queue_attributes(bus.url) == {"messaging.system": "aws_events", "messaging.destination.name": "orders"}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    with endpoint() as running:
        running.status = 200
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.url.partition("/hook")[0])
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield running


class Answer(NamedTuple):
    body: bytes
    status: int = 200
    cut: bool = False


def send_each(
    service: Endpoint,
    kind: type[Any],
    address: str,
    *answers: Answer,
    count: int = 1,
    message: OutgoingMessage = OutgoingMessage("{}"),  # noqa: B008 - it is immutable
) -> list[SentBatch | TargetError]:
    """What comes of `count` messages for each of the answers, in order."""

    async def main() -> list[SentBatch | TargetError]:
        clients = AwsClients(call_seconds=20.0)
        results: list[SentBatch | TargetError] = []
        try:
            destination: Destination = kind(clients, address)
            for answer in answers:
                service.body, service.status, service.cut = answer
                try:
                    results.append(await destination.send([message] * count))
                except TargetError as error:
                    results.append(error)
        finally:
            await clients.aclose()
        return results

    return asyncio.run(main())


def publish_result(successful: str, failed: str) -> bytes:
    return (
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
        f"<Failed>{failed}</Failed><Successful>{successful}</Successful></PublishBatchResult></PublishBatchResponse>"
    ).encode()


def taken(index: int) -> str:
    return f"<member><Id>{index}</Id><MessageId>m{index}</MessageId></member>"


def refused(index: int, code: str, sender_fault: str) -> str:
    return f"<member><Id>{index}</Id><Code>{code}</Code><SenderFault>{sender_fault}</SenderFault></member>"


def test_each_entry_of_a_topics_batch_has_a_fate_of_its_own_and_silence_is_not_consent(service: Endpoint) -> None:
    failed = refused(1, "InternalError", "false") + refused(2, "InvalidParameter", "true")
    (sent,) = send_each(service, TopicDestination, TOPIC, Answer(publish_result(taken(0) + taken(7), failed)), count=4)
    assert isinstance(sent, SentBatch)
    assert sent.message_ids == ("m0", None, None, None)
    assert [(failure.index, failure.code, (failure.fault, failure.retryable)) for failure in sent.failures] == [
        (1, "InternalError", SYSTEM),
        (2, "InvalidParameter", DATA),
        (3, "BadAnswer", SYSTEM),
    ]


def test_a_topic_gets_attributes_of_each_type_in_the_field_that_sns_reads_and_without_labels(service: Endpoint) -> None:
    attributes = {
        "tenant": Attribute("String.label", "a"),
        "count": Attribute("Number", "7"),
        "seal": Attribute("Binary", data=b"\x00\xff"),
    }
    message = OutgoingMessage("{}", attributes)
    (sent,) = send_each(service, TopicDestination, TOPIC, Answer(publish_result(taken(0), "")), message=message)
    assert isinstance(sent, SentBatch)
    told = dict(parse_qsl(service.got[0].body.decode()))
    entry = "PublishBatchRequestEntries.member.1.MessageAttributes.entry"
    assert {
        told[f"{entry}.{number}.Name"]: {
            name.rpartition(".")[2]: value
            for name, value in told.items()
            if name.startswith(f"{entry}.{number}.Value.")
        }
        for number in (1, 2, 3)
    } == {
        "tenant": {"DataType": "String", "StringValue": "a"},
        "count": {"DataType": "Number", "StringValue": "7"},
        "seal": {"DataType": "Binary", "BinaryValue": "AP8="},
    }


@pytest.mark.parametrize(("event_type", "told"), [("v2.detail.events.conversation", None), (None, "event")])
def test_a_bus_gets_the_events_own_detail_type_and_the_source_that_the_target_names(
    service: Endpoint, event_type: str | None, told: str | None
) -> None:
    message = OutgoingMessage("{}", event_type=event_type)
    send_each(service, BusDestination, "bus", Answer(b'{"Entries": [{"EventId": "e"}]}'), message=message)
    (entry,) = json.loads(service.got[0].body)["Entries"]
    assert entry == {
        "EventBusName": "bus",
        "Source": "turnout",
        "DetailType": told or event_type,
        "Detail": "{}",
    }


def test_each_entry_put_on_a_bus_has_a_fate_of_its_own_and_silence_is_not_consent(service: Endpoint) -> None:
    entries: list[dict[str, str]] = [
        {"EventId": "e0"},
        {"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"},
        {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."},
        {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."},
        {},
    ]
    body = json.dumps({"FailedEntryCount": 3, "Entries": entries}).encode()
    (sent,) = send_each(service, BusDestination, "bus", Answer(body), count=6)
    assert isinstance(sent, SentBatch)
    assert sent.message_ids == ("e0", None, None, None, None, None)
    assert [(failure.index, failure.code, (failure.fault, failure.retryable)) for failure in sent.failures] == [
        (1, "ThrottlingException", SYSTEM),
        (2, "MalformedDetail", DATA),
        (3, "NotAuthorizedForSourceException", CONFIG),
        (4, "BadAnswer", SYSTEM),
        (5, "BadAnswer", SYSTEM),
    ]


@pytest.mark.parametrize(("kind", "address"), ONE_OF_EACH)
def test_an_answer_that_is_not_the_services_or_cut_off_is_a_failure_to_repeat_and_never_a_success(
    service: Endpoint, kind: type[Any], address: str
) -> None:
    answers = [Answer(body, cut=cut) for body in NONSENSE for cut in (False, True)]
    for answer, result in zip(answers, send_each(service, kind, address, *answers), strict=True):
        failures = [result] if isinstance(result, TargetError) else result.failures
        assert [(failure.fault, failure.retryable) for failure in failures] == [SYSTEM], answer


@pytest.mark.parametrize(("kind", "address"), ONE_OF_EACH)
def test_what_is_told_of_a_failure_can_be_written_down_everywhere_and_is_no_whole_page(
    service: Endpoint, kind: type[Any], address: str
) -> None:
    page = b"<html>" + b"a proxy's page " * 100_000
    half = rb'{"__type": "\ud800", "message": "\ud800", "Entries": [{"ErrorCode": "\ud800", "ErrorMessage": "\ud800"}]}'
    answers = [Answer(page), Answer(page, 403), Answer(page, 400), Answer(half), Answer(half, 400)]
    for answer, result in zip(answers, send_each(service, kind, address, *answers), strict=True):
        failures = [result] if isinstance(result, TargetError) else result.failures
        for failure in failures:
            text = str(failure) if isinstance(failure, TargetError) else failure.message
            assert len(text) < 1_200, answer.status
            assert f"{text} {failure.code}".encode()


@pytest.mark.parametrize("said", [b"{}", b'{"message": null}'])
def test_a_refusal_without_a_reason_says_that_there_is_none(service: Endpoint, said: bytes) -> None:
    (refusal,) = send_each(service, FunctionDestination, FUNCTION, Answer(said, 400))
    assert str(refusal) == "function: 400: no reason is given"


@pytest.mark.parametrize(
    ("kind", "address", "expected"),
    [
        (
            TopicDestination,
            TOPIC,
            {
                (429, "Throttled"): SYSTEM,
                (400, "KMSThrottling"): SYSTEM,
                (500, "InternalError"): SYSTEM,
                (404, "NotFound"): CONFIG,
                (403, "AuthorizationError"): CONFIG,
                (400, "KMSDisabled"): CONFIG,
                (400, "InvalidParameter"): DATA,
            },
        ),
        (
            BusDestination,
            "bus",
            {
                (500, "InternalException"): SYSTEM,
                (403, "ThrottlingException"): SYSTEM,
                (400, "ResourceNotFoundException"): CONFIG,
                (403, "AccessDeniedException"): CONFIG,
            },
        ),
        (
            StateMachineDestination,
            MACHINE,
            {
                (400, "ExecutionLimitExceeded"): SYSTEM,
                (400, "ThrottlingException"): SYSTEM,
                (400, "StateMachineDoesNotExist"): CONFIG,
                (400, "InvalidExecutionInput"): DATA,
            },
        ),
        (
            FunctionDestination,
            FUNCTION,
            {
                (429, "TooManyRequestsException"): SYSTEM,
                (502, "EC2ThrottledException"): SYSTEM,
                (404, "ResourceNotFoundException"): CONFIG,
                (413, "RequestTooLargeException"): DATA,
            },
        ),
    ],
)
def test_each_code_says_who_has_to_act(
    service: Endpoint, kind: type[Any], address: str, expected: Mapping[tuple[int, str], tuple[Fault, bool]]
) -> None:
    write = xml_error if kind is TopicDestination else json_error
    results = send_each(service, kind, address, *(Answer(write(code), status) for status, code in expected))
    told = [(result.code, (result.fault, result.retryable)) for result in results if isinstance(result, TargetError)]
    assert told == [(short_code(code), verdict) for (_, code), verdict in expected.items()]


def xml_error(code: str) -> bytes:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
    return f'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">{error}</ErrorResponse>'.encode()


def json_error(code: str) -> bytes:
    return json.dumps({"__type": code, "message": "no"}).encode()


# Not Lambda's: its status alone accepts an event, and what follows is not read.
@pytest.mark.parametrize(("kind", "address"), ONE_OF_EACH[:3])
def test_an_answer_that_comes_byte_by_byte_and_never_ends_is_waited_for_no_longer_than_any(
    service: Endpoint, monkeypatch: pytest.MonkeyPatch, kind: type[Any], address: str
) -> None:
    trickle = trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")

    async def main() -> None:
        clients = AwsClients(call_seconds=0.2)
        try:
            async with asyncio.timeout(10), raw_server(trickle) as server:
                monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
                with pytest.raises(TargetError, match="TimeoutError: no answer in time") as caught:
                    await kind(clients, address).send([OutgoingMessage("{}")])
            assert (caught.value.fault, caught.value.retryable) == SYSTEM
        finally:
            await clients.aclose()

    asyncio.run(main())


def test_an_event_whose_execution_was_started_before_is_taken(service: Endpoint) -> None:
    (sent,) = send_each(service, StateMachineDestination, MACHINE, Answer(json_error("ExecutionAlreadyExists"), 400))
    assert sent == SentBatch((None,))


def test_events_whose_ids_begin_alike_or_are_no_names_start_an_execution_each(service: Endpoint) -> None:
    service.body = b'{"executionArn": "arn", "startDate": 1}'
    ids = ["plain_Name-1", "x" * 80 + "1", "x" * 80 + "2", "a:b", "a/b"]

    async def main() -> None:
        clients = AwsClients(call_seconds=20.0)
        try:
            for each in ids:
                await StateMachineDestination(clients, MACHINE).send([OutgoingMessage("{}", deduplication_id=each)])
        finally:
            await clients.aclose()

    asyncio.run(main())
    names = [json.loads(got.body)["name"] for got in service.got]
    assert len(set(names)) == len(ids)
    assert names[0] == ids[0]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name) for name in names)


@pytest.mark.parametrize("port", ["1", "port"])
def test_a_proxys_password_is_in_no_message(monkeypatch: pytest.MonkeyPatch, service: Endpoint, port: str) -> None:
    for name in ("AWS_ENDPOINT_URL", "https_proxy", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://worker:pr0xy-s@cret@127.0.0.1:{port}")
    (failed,) = send_each(service, TopicDestination, TOPIC, Answer(b""))
    assert isinstance(failed, TargetError)
    assert f"***@127.0.0.1:{port}" in str(failed)
    assert "pr0xy" not in str(failed)
    assert "cret" not in str(failed)


@pytest.mark.parametrize(("kind", "address"), [(TopicDestination, TOPIC), (FunctionDestination, FUNCTION)])
def test_an_event_that_is_no_valid_text_is_at_fault_itself_and_is_not_sent_as_another(
    service: Endpoint, kind: type[Any], address: str
) -> None:
    async def main() -> None:
        clients = AwsClients(call_seconds=20.0)
        try:
            with pytest.raises(TargetError, match="the event is no valid text") as caught:
                await kind(clients, address).send([OutgoingMessage('{"note": "\ud83d"}')])
            assert (caught.value.fault, caught.value.retryable) == DATA
        finally:
            await clients.aclose()

    asyncio.run(main())
    assert service.got == []


def test_a_function_that_accepts_an_event_says_so_by_its_status(service: Endpoint) -> None:
    accepted, odd = send_each(service, FunctionDestination, FUNCTION, Answer(b"", 202), Answer(b"", 200))
    assert isinstance(accepted, SentBatch)
    assert accepted.failures == ()
    assert isinstance(odd, TargetError)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # looked for in the log, which tells every one
def test_what_a_function_answers_beside_its_status_holds_no_connection(
    service: Endpoint, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    answers = Answer(b"x" * 1_000_000, 202), Answer(b"x" * 1_000_000, 200)
    send_each(service, FunctionDestination, FUNCTION, *answers)
    gc.collect()
    assert len(service.got) == 2
    assert "Unclosed" not in caplog.text


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("please log in", "answer is not the service's"),
        ('{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2020-01-01"}', "not the service's"),
        ('{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2020-01-01T00:00Z"}', LENT_EXPIRED),
    ],
)
def test_credentials_that_are_none_or_expired_when_they_are_lent_are_a_failure_to_repeat(
    service: Endpoint, printed: str, words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "printed").write_text(printed)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {tmp_path / 'printed'}\n")
    (failure,) = send_each(service, TopicDestination, TOPIC, Answer(b""))
    assert isinstance(failure, TargetError)
    assert failure.retryable
    assert words in str(failure)


def test_a_table_behind_something_that_is_not_dynamodb_is_unavailable(service: Endpoint) -> None:
    async def main() -> None:
        async with open_dynamo_store("table", ttl_days=14, region="us-east-1", timeout_seconds=20.0) as store:
            for body in NONSENSE:
                service.body = body
                with pytest.raises(StoreUnavailable, match="answer is not DynamoDB's"):
                    await store.claim({"key": "owner"}, 30.0)

    asyncio.run(main())
