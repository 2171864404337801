"""SNS topics, EventBridge buses and state machines as targets, against an emulator that has all three."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from tests.servers.emulators import moto
from tests.servers.processes import Server
from tests.unit.pipeline.yard import SOURCE, Yard, event, ruleset

from turnout.account import Outcome
from turnout.errors import Fault, TargetError
from turnout.message import Attribute
from turnout.pipeline.worker import Worker
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.targets.api import Destination
from turnout.targets.aws import AwsClients, BusDestination, StateMachineDestination, TopicDestination
from turnout.targets.destinations import open_destinations

EVENT = '{"id": "1", "detail-type": "Interaction Completed", "detail": {"to": "\N{SNOWMAN}"}}'
PASS = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Pass", "End": True}}})
ROLE = "arn:aws:iam::123456789012:role/unused"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with moto() as running:
        yield running


@pytest.fixture(autouse=True)
def _aws(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


def send(kind: type[Any], address: str, *messages: OutgoingMessage) -> SentBatch:
    async def main() -> SentBatch:
        clients = AwsClients()
        try:
            destination: Destination = kind(clients, address)
            assert len(messages) <= destination.max_entries
            return await destination.send(messages)
        finally:
            await clients.aclose()

    return asyncio.run(main())


def queue_behind(topic: str, name: str) -> str:
    sqs = client("sqs")
    attributes = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
    url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    return url


def received(url: str, **more: Any) -> list[dict[str, Any]]:
    answer = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], **more)
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def test_a_topic_gets_body_and_attributes() -> None:
    name = f"t{uuid4().hex}"
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    queue = queue_behind(topic, name)
    sent = send(TopicDestination, topic, OutgoingMessage(EVENT, {"tenant": Attribute("String", "acme")}))
    assert sent.failures == ()
    assert sent.message_ids[0]
    (message,) = received(queue)
    assert message["Body"] == EVENT
    assert message["MessageAttributes"]["tenant"]["StringValue"] == "acme"


def test_a_fifo_topic_gets_group_and_deduplication_id() -> None:
    name = f"t{uuid4().hex}.fifo"
    topic = client("sns").create_topic(Name=name, Attributes={"FifoTopic": "true"})["TopicArn"]
    message = OutgoingMessage(EVENT, group_id="g", deduplication_id="d")
    assert TopicDestination(AwsClients(), topic).ordered
    assert send(TopicDestination, topic, message).failures == ()


def test_a_worker_keeps_the_order_of_each_group_through_a_fifo_topic_which_drops_copies() -> None:
    name = f"t{uuid4().hex}.fifo"
    topic = client("sns").create_topic(Name=name, Attributes={"FifoTopic": "true"})["TopicArn"]
    queue = queue_behind(topic, name)
    rules = ruleset(
        f"targets: {{topic: {{topic: '{topic}'}}}}\nunmatched: drop\n"
        "rules: [{id: one, when: exists(detail), send: [topic], group: detail.tenant}]\n"
    )
    tenants = ("acme", "globex", "not a group's n\u00e4me")
    bodies = [event("topic", number, tenant=tenants[number % 3], place=number) for number in range(30)]

    async def main() -> None:
        yard = Yard()
        async with open_destinations(yard.sqs, beside=SOURCE) as destinations:
            yard.worker = Worker(yard.config, rules, yard.sqs, yard.watch, None, destinations)
            await yard.route(*bodies, bodies[0])
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 31}

    asyncio.run(main())
    groups: dict[str, list[int]] = {}
    while messages := received(queue, AttributeNames=["MessageGroupId"]):
        for message in messages:
            number = json.loads(message["Body"])["detail"]["place"]
            groups.setdefault(message["Attributes"]["MessageGroupId"], []).append(number)
            client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(groups.values()) == [[*range(first, 30, 3)] for first in range(3)]
    assert {"acme", "globex"} < set(groups)


def test_a_bus_gets_the_whole_event_as_detail_under_its_own_type() -> None:
    events, sqs = client("events"), client("sqs")
    name = f"b{uuid4().hex}"
    events.create_event_bus(Name=name)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventBusName=name, EventPattern='{"source": ["turnout"]}')
    events.put_targets(Rule=name, EventBusName=name, Targets=[{"Id": "1", "Arn": arn}])
    message = OutgoingMessage(EVENT, event_type="Interaction Completed")
    assert send(BusDestination, name, message, message).failures == ()
    got = [json.loads(each["Body"]) for each in received(url)]
    assert [(each["detail-type"], each["source"], each["detail"]) for each in got] == [
        ("Interaction Completed", "turnout", json.loads(EVENT))
    ] * 2


def test_a_state_machine_starts_one_execution_for_one_event_however_often_it_comes() -> None:
    states = client("stepfunctions")
    arn = states.create_state_machine(name=f"m{uuid4().hex}", definition=PASS, roleArn=ROLE)["stateMachineArn"]
    message = OutgoingMessage(EVENT, deduplication_id="0" * 64)
    send(StateMachineDestination, arn, message)
    send(StateMachineDestination, arn, message)
    (execution,) = states.list_executions(stateMachineArn=arn)["executions"]
    assert states.describe_execution(executionArn=execution["executionArn"])["input"] == EVENT


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        (TopicDestination, "arn:aws:sns:us-east-1:123456789012:missing"),
        (StateMachineDestination, "arn:aws:states:us-east-1:123456789012:stateMachine:missing"),
    ],
)
def test_what_does_not_exist_is_for_an_operator_to_repair(kind: type[Any], address: str) -> None:
    with pytest.raises(TargetError) as caught:
        send(kind, address, OutgoingMessage(EVENT))
    assert (caught.value.fault, caught.value.retryable) == (Fault.CONFIG, False)
    assert "missing" in str(caught.value)


def test_an_endpoint_that_does_not_answer_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TargetError) as caught:
        send(BusDestination, "any", OutgoingMessage(EVENT))
    assert (caught.value.fault, caught.value.retryable) == (Fault.SYSTEM, True)
