"""What spans say about the place that a message comes from or goes to."""

from __future__ import annotations

import pytest

from turnout.telemetry.redaction import redactor
from turnout.telemetry.semconv import clean, queue_attributes


def test_a_queue_is_told_by_name_url_and_server() -> None:
    assert queue_attributes("https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo") == {
        "messaging.system": "aws_sqs",
        "messaging.destination.name": "orders.fifo",
        "aws.sqs.queue.url": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo",
        "server.address": "sqs.eu-west-1.amazonaws.com",
        "server.port": 443,
    }


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://localhost/0/q", 80), ("http://localhost:4566/0/q", 4566), ("https://localhost/0/q", 443)],
)
def test_the_port_is_the_schemes_own_when_none_is_given(url: str, port: int) -> None:
    assert queue_attributes(url)["server.port"] == port


@pytest.mark.parametrize("address", ["maria.mustermann@example.com", "sip:maria@example.com", "+4930123456789"])
def test_a_text_that_is_too_long_does_not_end_with_half_an_address(address: str) -> None:
    redact = redactor({})
    for begun in range(4, len(address) + 3):
        told = clean("x" * (255 - begun) + "," + address + " called")
        assert len(told) <= 256
        assert address[:4] not in redact(told)
    assert clean(f"{'x' * 200} {address}, {'y' * 100}").endswith(f"{address}, ")
    assert clean("x" * 300) == "x" * 256


def test_credentials_in_a_url_are_not_told() -> None:
    told = queue_attributes("https://user:hunter2@sqs.example/0/orders?X-Amz-Signature=abc#token")
    assert told["aws.sqs.queue.url"] == "https://sqs.example/0/orders"
    assert "hunter2" not in repr(told)
    assert "abc" not in repr(told)


@pytest.mark.parametrize("url", ["orders", "", "https://[", "https://host:port/0/orders", "https://h:99999/0/orders"])
def test_what_is_no_url_has_a_name_all_the_same(url: str) -> None:
    told = queue_attributes(url)
    assert told["messaging.system"] == "aws_sqs"
    assert "server.address" not in told


@pytest.mark.parametrize(
    ("arn", "system", "name"),
    [
        ("arn:aws:sns:eu-west-1:123456789012:alerts", "aws_sns", "alerts"),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/orders", "aws_events", "orders"),
        ("arn:aws:states:eu-west-1:123456789012:stateMachine:orders", "aws_states", "orders"),
        ("arn:aws:states:eu-west-1:123456789012:stateMachine:orders:PROD", "aws_states", "orders"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:handler:live", "aws_lambda", "handler"),
        ("arn:", "aws", ""),
    ],
)
def test_another_aws_destination_is_told_by_its_arn(arn: str, system: str, name: str) -> None:
    assert queue_attributes(arn) == {"messaging.system": system, "messaging.destination.name": name}


def test_text_from_outside_is_cut_and_made_valid() -> None:
    assert clean("x" * 1_000) == "x" * 256
    assert clean("caf\u00e9 \ud800") == "caf\u00e9 ?"


def test_an_http_endpoint_is_no_queue() -> None:
    assert queue_attributes("endpoint:https://hooks.example:8443/...") == {
        "messaging.system": "http",
        "messaging.destination.name": "hooks.example",
        "server.address": "hooks.example",
        "server.port": 8443,
    }
    assert queue_attributes("endpoint:https://[")["messaging.destination.name"] == "https://["
