"""Names of span attributes, span operations and their fixed values.

The `messaging.*`, `aws.*`, `server.*` and `error.*` names are those of the OpenTelemetry semantic conventions 1.44
(docs/messaging/messaging-spans.md and sqs.md; all of them still "development"); the `turnout.*` names are our own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

from turnout.queues import arn_name, queue_name
from turnout.telemetry.redaction import cut

__all__ = ["SCHEMA_URL", "clean", "queue_attributes", "system_of"]

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

SYSTEM = "messaging.system"
SYSTEM_SQS = "aws_sqs"
SYSTEM_HTTP = "http"
OPERATION_NAME = "messaging.operation.name"
OPERATION_TYPE = "messaging.operation.type"
DESTINATION = "messaging.destination.name"
MESSAGE_ID = "messaging.message.id"
CONVERSATION_ID = "messaging.message.conversation_id"
BATCH_COUNT = "messaging.batch.message_count"
QUEUE_URL = "aws.sqs.queue.url"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
ERROR_TYPE = "error.type"

TARGET = "turnout.target"
OUTCOME = "turnout.outcome"
ATTEMPTS = "turnout.delivery.attempts"
RETRY_DELAY = "turnout.retry.delay_seconds"
RULES_MATCHED = "turnout.rules.matched"
RULESET = "turnout.ruleset.fingerprint"
EVENT_ID = "turnout.event.id"
EVENT_TYPE = "turnout.event.type"
RECEIVE_COUNT = "turnout.receive_count"
REPLAY_ID = "turnout.replay.id"
LETTER_REASON = "turnout.letter.reason"
LETTER_FAULT = "turnout.letter.fault"
LETTER_OWED = "turnout.letter.owed"

CREATE = "create"
DELETE = "delete"
EVALUATE = "evaluate rules"
PROCESS = "process"
RECEIVE = "receive"
RETRY = "retry"
SEND = "send"
SETTLE = "settle"

ENDPOINT = "endpoint:"
"""What the address of an HTTP endpoint begins with, where the URL of a queue could stand as well."""

_LONGEST_TEXT = 256


def clean(text: str) -> str:
    """Text from outside as a span can carry it: valid Unicode (a lone surrogate cannot be encoded), not endless."""
    text = cut(text, _LONGEST_TEXT)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=1024)
def queue_attributes(url: str) -> dict[str, str | int]:
    """The attributes every span about this queue (or other destination, by its ARN or `ENDPOINT`) carries.

    The answer is shared: copy it, do not change it.
    """
    if url.startswith(ENDPOINT):
        return _endpoint_attributes(url.removeprefix(ENDPOINT))
    if url.startswith("arn:"):  # arn:partition:service:region:account:resource
        service = url.split(":")[2:3]
        return {SYSTEM: f"aws_{service[0]}" if service else "aws", DESTINATION: clean(arn_name(url))}
    server = _server(url)
    attributes = {SYSTEM: SYSTEM_SQS, DESTINATION: clean(queue_name(re.split("[?#]", url)[0])), **server}
    if server:
        parts = urlsplit(url)
        # Without user and password, should somebody have put them there.
        attributes[QUEUE_URL] = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    return attributes


def system_of(url: str) -> str:
    """The messaging system that this queue, or other destination, belongs to."""
    return str(queue_attributes(url)[SYSTEM])


def _endpoint_attributes(url: str) -> dict[str, str | int]:
    server = _server(url)
    return {SYSTEM: SYSTEM_HTTP, DESTINATION: clean(str(server.get(SERVER_ADDRESS, url))), **server}


def _server(url: str) -> dict[str, str | int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # no such URL can be: the name must do
        return {}
    return {SERVER_ADDRESS: host, SERVER_PORT: port or (80 if parts.scheme == "http" else 443)} if host else {}
