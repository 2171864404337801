"""The benchmark's SQS stub by itself: boto3 and the product's own client must find in it what they expect of SQS."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.benchmarks.events import EVENT_BYTES, SHAPES, events
from tests.benchmarks.stub.process import Stub, running_stub

from turnout.message import Attribute
from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import OutgoingMessage
from turnout.sqs.digests import attributes_md5
from turnout.sqs.session import AwsConfig


@pytest.fixture(scope="module")
def stub() -> Iterator[Stub]:
    with running_stub() as running:
        yield running


@pytest.fixture(params=["plain", "tls"])
def client(request: pytest.FixtureRequest, stub: Stub) -> Any:
    tls = request.param == "tls"
    return boto3.client(
        "sqs",
        endpoint_url=stub.tls_url if tls else stub.url,
        verify=str(stub.ca) if tls else None,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def queue(client: Any) -> Iterator[str]:
    url: str = client.create_queue(QueueName="test")["QueueUrl"]
    yield url
    client.purge_queue(QueueUrl=url)


def test_boto3_sends_receives_and_deletes_one_message(client: Any, queue: str) -> None:
    attributes = {
        "text": {"DataType": "String", "StringValue": "Rückruf"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
    }
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = client.send_message(
        QueueUrl=queue, MessageBody='{"a": "\u4e2d\\n"}', MessageAttributes=attributes, MessageSystemAttributes=header
    )
    answer = client.receive_message(
        QueueUrl=queue, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"], WaitTimeSeconds=1
    )
    (message,) = answer["Messages"]
    assert message["Body"] == '{"a": "\u4e2d\\n"}'
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["AWSTraceHeader"] == header["AWSTraceHeader"]["StringValue"]
    ours = {"text": Attribute("String", text="Rückruf"), "bytes": Attribute("Binary", data=b"\0\xff")}
    assert sent["MD5OfMessageAttributes"] == attributes_md5(ours)
    client.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    counts = client.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_ten_messages_go_and_come_in_one_call_each(client: Any, queue: str) -> None:
    entries = [{"Id": str(number), "MessageBody": f"body {number}"} for number in range(10)]
    assert len(client.send_message_batch(QueueUrl=queue, Entries=entries)["Successful"]) == 10
    messages = client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [message["Body"] for message in messages] == [f"body {number}" for number in range(10)]
    assert "Attributes" not in messages[0]
    assert len({message["ReceiptHandle"] for message in messages}) == 10
    assert "Messages" not in client.receive_message(QueueUrl=queue)
    handles = [{"Id": str(number), "ReceiptHandle": m["ReceiptHandle"]} for number, m in enumerate(messages)]
    assert len(client.delete_message_batch(QueueUrl=queue, Entries=handles)["Successful"]) == 10


def test_a_message_made_visible_comes_back_under_a_new_handle(client: Any, queue: str) -> None:
    client.send_message(QueueUrl=queue, MessageBody="again")
    (first,) = client.receive_message(QueueUrl=queue)["Messages"]
    entry = {"Id": "0", "ReceiptHandle": first["ReceiptHandle"], "VisibilityTimeout": 0}
    answer = client.change_message_visibility_batch(QueueUrl=queue, Entries=[entry])
    assert [done["Id"] for done in answer["Successful"]] == ["0"]
    (second,) = client.receive_message(QueueUrl=queue, AttributeNames=["All"])["Messages"]
    assert second["Attributes"]["ApproximateReceiveCount"] == "2"
    assert second["ReceiptHandle"] != first["ReceiptHandle"]
    client.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])  # no longer good: deletes nothing
    counts = client.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_what_sqs_refuses_is_refused(client: Any, queue: str) -> None:
    with pytest.raises(client.exceptions.QueueDoesNotExist) as missing:
        client.receive_message(QueueUrl=queue + "-not")
    assert missing.value.response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    assert missing.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(ClientError, match="BatchEntryIdsNotDistinct"):
        client.send_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "MessageBody": "x"}] * 2)
    with pytest.raises(ClientError, match="TooManyEntriesInBatchRequest"):
        client.delete_message_batch(
            QueueUrl=queue, Entries=[{"Id": str(number), "ReceiptHandle": "x"} for number in range(11)]
        )
    answer = client.delete_message_batch(QueueUrl=queue, Entries=[{"Id": "0", "ReceiptHandle": "x"}])
    assert answer["Failed"][0]["Code"] == "ReceiptHandleIsInvalid"


@pytest.mark.parametrize("tls", [False, True])
def test_the_products_client_finds_digests_handles_and_long_polls_in_order(
    stub: Stub, tls: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(stub.ca))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    endpoint = stub.tls_url if tls else stub.url
    url = endpoint + stub.queue("ours")
    attributes = {"traceparent": Attribute("String", text="00-" + "1" * 32 + "-" + "2" * 16 + "-01")}

    async def go() -> None:
        async with open_aio_sqs(AwsConfig(region="us-east-1", endpoint_url=endpoint)) as sqs:
            parked = asyncio.create_task(sqs.receive(url, wait_seconds=20))
            await asyncio.to_thread(stub.wait, "ours", parked=1)
            sent = await sqs.send(url, [OutgoingMessage("first", attributes), OutgoingMessage("second")])
            assert not sent.failures
            messages = await parked
            assert [message.body for message in messages] == ["first", "second"]
            assert [message.attributes for message in messages] == [attributes, {}]
            assert await sqs.change_visibility(url, [message.handle for message in messages], 60) == ()
            assert await sqs.delete(url, [message.handle for message in messages]) == ()
            assert await sqs.receive(url, wait_seconds=0) == []

    asyncio.run(go())
    report = stub.report()["ours"]
    assert (report.sent, report.received, report.deleted, report.visible, report.held) == (2, 2, 2, 0, 0)
    assert (report.sends, report.receives, report.deletes, report.empty_receives) == (1, 1, 1, 1)
    assert 0 < report.p50_seconds <= report.p99_seconds <= report.busy_seconds


def test_loaded_events_are_hidden_until_released_and_a_sink_has_the_same_checksum(stub: Stub, client: Any) -> None:
    source = stub.url + stub.queue("loaded")
    sink = stub.url + stub.queue("sink", sink=True)
    stub.load("loaded", 25, shape=1, seed=7)
    assert "Messages" not in client.receive_message(QueueUrl=source)
    stub.release("loaded")
    bodies = []
    for _ in range(3):
        messages = client.receive_message(QueueUrl=source, MaxNumberOfMessages=10)["Messages"]
        bodies += [message["Body"] for message in messages]
        entries = [{"Id": str(number), "MessageBody": m["Body"]} for number, m in enumerate(messages)]
        client.send_message_batch(QueueUrl=sink, Entries=entries)
        for message in messages:
            client.delete_message(QueueUrl=source, ReceiptHandle=message["ReceiptHandle"])
    assert bodies == list(events(1, 25, 7))
    assert stub.wait("loaded", deleted=25, seconds=0.1)
    assert not stub.wait("loaded", deleted=26, seconds=0.05)
    report = stub.report()
    assert report["sink"].sent == 25
    assert report["sink"].checksum == report["loaded"].checksum
    assert "Messages" not in client.receive_message(QueueUrl=sink)


@pytest.mark.parametrize("shape", SHAPES)
def test_events_are_json_of_the_announced_size_and_repeatable(shape: int) -> None:
    made = list(events(shape, 20, seed=3))
    assert made == list(events(shape, 20, seed=3))
    assert len({json.loads(event)["id"] for event in made}) == 20
    assert all(abs(len(event) - EVENT_BYTES) < 60 for event in made)
