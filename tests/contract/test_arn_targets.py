"""What an ARN names as a destination, and Lambda functions among them, against an emulator that has them."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from tests.servers.emulators import moto
from tests.servers.processes import Server
from tests.servers.raw import Request, answer, raw_server, serving

from turnout.errors import Fault, TargetError
from turnout.message import Attribute
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.memory import MemorySqs
from turnout.targets.aws import BusDestination, FunctionDestination, StateMachineDestination, TopicDestination
from turnout.targets.destinations import Destinations, open_destinations
from turnout.targets.queue import QueueDestination, arn_queue_url

DEAD = "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:handler"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        # Functions are accepted and not run: that needs containers.
        request = urllib.request.Request(
            f"{running.url}/moto-api/config", json.dumps({"lambda": {"use_docker": False}}).encode(), method="POST"
        )
        urllib.request.urlopen(request, timeout=10).close()
        yield running


@pytest.fixture(autouse=True)
def _aws(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


def make_function(name: str) -> str:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("app.py", "def handler(event, context):\n    return event\n")
    roles = client("iam")
    role = f"role-{name}"
    roles.create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    made = client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.12",
        Role=roles.get_role(RoleName=role)["Role"]["Arn"],
        Handler="app.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    return str(made["FunctionArn"])


def send(arn: str, message: OutgoingMessage) -> SentBatch:
    async def main() -> SentBatch:
        async with open_destinations(MemorySqs(), beside=DEAD, environ={}) as destinations:
            return await destinations.at_arn(arn).send([message])

    return asyncio.run(main())


def test_a_function_is_invoked_asynchronously_and_the_request_is_named() -> None:
    arn = make_function("taker")
    sent = send(arn, OutgoingMessage('{"a": 1}', {"ignored": Attribute("String", "x")}))
    assert not sent.failures
    assert len(sent.message_ids) == 1


@pytest.mark.parametrize(
    ("status", "code", "fault", "again"),
    [
        (404, "ResourceNotFoundException", Fault.CONFIG, False),
        (400, "InvalidRequestContentException", Fault.DATA, False),
        (413, "RequestTooLargeException", Fault.DATA, False),
        (403, "AccessDenied", Fault.CONFIG, False),
        (429, "TooManyRequestsException", Fault.SYSTEM, True),
        (500, "ServiceException", Fault.SYSTEM, True),
    ],
)
def test_what_lambda_refuses_is_told_with_who_has_to_act(
    status: int, code: str, fault: Fault, again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []

    def refuse(request: Request) -> bytes:
        seen.append(request)
        return answer({"Message": "no"}, status, x_amzn_ErrorType=code)

    async def main() -> None:
        async with (
            raw_server(serving(refuse)) as lambdas,
            open_destinations(MemorySqs(), beside=DEAD, environ={}) as destinations,
        ):
            monkeypatch.setenv("AWS_ENDPOINT_URL", lambdas.url)
            with pytest.raises(TargetError, match=f"handler: {code}") as caught:
                await destinations.at_arn(f"{FUNCTION}:live").send([OutgoingMessage('{"a": 1}')])
        assert (caught.value.fault, caught.value.retryable) == (fault, again)

    asyncio.run(main())
    (request,) = seen
    assert request.headers["x-amz-invocation-type"] == "Event"
    assert request.body == b'{"a": 1}'
    assert "handler%3Alive/invocations" in request.line


def made(arn: str, beside: str = DEAD) -> Any:
    return Destinations(MemorySqs(), beside=beside, environ={}).at_arn(arn)


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:sqs:eu-west-1:111122223333:crm", QueueDestination, "crm"),
        (FUNCTION, FunctionDestination, "handler"),
        (f"{FUNCTION}:$LATEST", FunctionDestination, "handler"),
        ("arn:aws:sns:us-east-1:1:topic", TopicDestination, "topic"),
        ("arn:aws:states:us-east-1:1:stateMachine:m", StateMachineDestination, "m"),
        ("arn:aws:states:us-east-1:1:stateMachine:m:PROD", StateMachineDestination, "m"),
        ("arn:aws:events:us-east-1:1:event-bus/orders", BusDestination, "orders"),
    ],
)
def test_an_arn_leads_to_the_kind_of_thing_it_names(arn: str, kind: type[Any], name: str) -> None:
    destination = made(arn)
    assert isinstance(destination, kind)
    assert destination.name == name


@pytest.mark.parametrize(
    ("arn", "says"),
    [
        ("arn:aws:events:us-east-1:1:api-destination/crm/0c5d", "an API destination"),
        ("arn:aws:events:us-east-1:1:rule/x", "events"),
        ("arn:aws:kinesis:us-east-1:1:stream/s", "kinesis"),
        ("arn:aws:states:us-east-1:1:execution:m:e", "states"),
        ("arn:aws:sqs:eu-west-1", "what is the ARN of no queue"),
        ("arn:aws:sqs:elsewhere.example/:111122223333:q", "what is the ARN of no queue"),
        ("arn:aws:sqs:u@elsewhere.example/:111122223333:q", "what is the ARN of no queue"),
        ("arn:aws:sqs:eu-west-1:111122223333:../q", "what is the ARN of no queue"),
        ("nonsense", "nothing known"),
        ("", "nothing known"),
    ],
)
def test_what_cannot_be_sent_to_is_told(arn: str, says: str) -> None:
    with pytest.raises(TargetError, match=f"nothing can be sent to {says}") as caught:
        made(arn)
    assert caught.value.fault is Fault.CONFIG


@pytest.mark.parametrize(
    ("arn", "beside", "url"),
    [
        ("arn:aws:sqs:eu-west-1:1:q", DEAD, "https://sqs.eu-west-1.amazonaws.com/1/q"),
        ("arn:aws-cn:sqs:cn-north-1:1:q", "", "https://sqs.cn-north-1.amazonaws.com.cn/1/q"),
        (
            "arn:aws-eusc:sqs:eusc-de-east-1:1:q",
            "https://sqs.eusc-de-east-1.amazonaws.eu/1/dead",
            "https://sqs.eusc-de-east-1.amazonaws.eu/1/q",
        ),
        (
            "arn:aws-iso-f:sqs:us-isof-south-1:1:q",
            "https://sqs.us-isof-south-1.csp.hci.ic.gov/1/dead",
            "https://sqs.us-isof-south-1.csp.hci.ic.gov/1/q",
        ),
        ("arn:aws:sqs:eu-west-1:1:q.fifo", "http://127.0.0.1:4566/000000000000/dead", "http://127.0.0.1:4566/1/q.fifo"),
    ],
)
def test_a_queues_url_follows_from_its_arn(arn: str, beside: str, url: str) -> None:
    assert arn_queue_url(arn, beside=beside) == url
