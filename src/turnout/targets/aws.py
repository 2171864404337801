"""Other AWS services as destinations: an SNS topic, an EventBridge bus, a state machine, a Lambda function.

Each sends by the service's batch call where there is one and reads its answer entry by entry. All go through aioboto3
clients that are opened when first used.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

from turnout.errors import Fault, TargetError
from turnout.queues import arn_name
from turnout.sqs.api import OutgoingMessage, SentBatch
from turnout.sqs.deadline import Deadline
from turnout.sqs.foreign_answers import BAD_ANSWER, bad_answer
from turnout.sqs.place import configured_region
from turnout.targets.answers import entry_failure, published, put, told

__all__ = ["AwsClients", "BusDestination", "FunctionDestination", "StateMachineDestination", "TopicDestination"]

# Step Functions API reference, StartExecution: what every part of AWS takes as a name.
_EXECUTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")

# What aiohttp says of a proxy's URL has it all, and becomes part of letters.
_PASSWORD = re.compile(r"(?<=://)[^/\s]*(?=@)")


class AwsClients:
    """One aioboto3 client per service and region, opened on first use."""

    def __init__(self, call_seconds: float = 15.0) -> None:
        self.call_seconds = call_seconds
        self._config = AioConfig(
            connect_timeout=5.0,
            read_timeout=None,  # the whole call has a bound
            max_pool_connections=32,
            retries={"total_max_attempts": 1},
        )
        self._session = aioboto3.Session(region_name=configured_region(os.environ))
        self._open = contextlib.AsyncExitStack()
        self._clients: dict[tuple[str, str | None], Any] = {}
        self._opening = asyncio.Lock()

    @property
    def region(self) -> str:
        """Where whatever names no region of its own is; empty when nothing says so."""
        return str(self._session.region_name or "")

    async def get(self, service: str, region: str | None) -> Any:
        """The client; botocore's errors pass through to the caller's mapping."""
        async with self._opening:
            client = self._clients.get((service, region))
            if client is None:
                made = self._session.client(service, region_name=region, config=self._config)
                client = self._clients[service, region] = await self._open.enter_async_context(made)
            return client

    async def aclose(self) -> None:
        """Close all clients."""
        await self._open.aclose()


class _AwsDestination:
    """What all of them have in common: an address (ARN or name), a client, and the mapping of errors."""

    service: str
    ordered = False

    def __init__(self, clients: AwsClients, address: str) -> None:
        self._clients = clients
        self._address = address
        parts = address.split(":")
        self._region = parts[3] or None if len(parts) >= 6 else None
        # A bus may be given by its name, which spans and metrics would take for a queue's.
        self.url = address if len(parts) >= 6 else f"arn:aws:{self.service}:::{address}"
        self.name = arn_name(address)

    @contextlib.contextmanager
    def _foreign_errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            details = error.response.get("Error", {})
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            failure = entry_failure(0, details.get("Code", "Unknown"), str(details.get("Message") or ""), status)
            raise self._error(failure.message, failure.code, failure.fault, failure.retryable) from error
        except (BotoCoreError, aiohttp.ClientError, OSError, TimeoutError) as error:
            config = type(error).__name__ in ("NoCredentialsError", "NoRegionError", "ParamValidationError")
            fault = Fault.CONFIG if config else Fault.SYSTEM
            text = _PASSWORD.sub("***", str(error)) or "no answer in time"
            raise self._error(text, type(error).__name__, fault, not config) from error
        except UnicodeEncodeError as error:  # half a surrogate pair; nothing was sent
            raise self._error("the event is no valid text", type(error).__name__, Fault.DATA, False) from error
        except BAD_ANSWER as error:
            raise self._bad_answer(error) from error

    def _bad_answer(self, why: object) -> TargetError:
        return self._error(told(bad_answer(why, "the service")), "BadAnswer", Fault.SYSTEM, True)

    def _error(self, text: str, code: str, fault: Fault, retryable: bool) -> TargetError:
        return TargetError(text, code=code, fault=fault, retryable=retryable, target=self.name)

    async def _call(self, operation: str, **request: object) -> Mapping[str, Any]:
        with self._foreign_errors():
            async with Deadline(self._clients.call_seconds):
                client = await self._clients.get(self.service, self._region)
                answer: Mapping[str, Any] = await getattr(client, operation)(**request)
            return answer


class TopicDestination(_AwsDestination):
    """An SNS topic: PublishBatch, 10 messages and 256 KiB. FIFO topics get group and deduplication id."""

    service = "sns"
    max_entries = 10
    max_message_bytes = max_batch_bytes = 262_144

    def __init__(self, clients: AwsClients, address: str) -> None:
        super().__init__(clients, address)
        self.ordered = address.endswith(".fifo")

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Destination.send`."""
        entries = [self._entry(index, message) for index, message in enumerate(messages)]
        with self._foreign_errors():
            answer = await self._call("publish_batch", TopicArn=self._address, PublishBatchRequestEntries=entries)
            return published(len(messages), answer)

    def _entry(self, index: int, message: OutgoingMessage) -> dict[str, object]:
        entry: dict[str, object] = {"Id": str(index), "Message": message.body}
        attributes = {
            name: {"DataType": value.data_type.partition(".")[0]}
            | ({"StringValue": value.text} if value.text is not None else {"BinaryValue": value.data})
            for name, value in message.attributes.items()
        }
        if attributes:
            entry["MessageAttributes"] = attributes
        if self.ordered:
            entry["MessageGroupId"] = message.group_id
            entry["MessageDeduplicationId"] = message.deduplication_id
        return entry


class BusDestination(_AwsDestination):
    """An EventBridge bus: PutEvents, 10 entries and less than 1 MB.

    The whole event becomes the new event's `detail`, under the source `turnout`: nobody may publish with a
    source that begins with `aws.`, nor onto a partner's bus. `detail-type` is the event's own.
    """

    service = "events"
    max_entries = 10
    max_message_bytes = max_batch_bytes = 1_000_000

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Destination.send`."""
        entries = [
            {
                "EventBusName": self._address,
                "Source": "turnout",
                "DetailType": message.event_type or "event",
                "Detail": message.body,
            }
            | ({"TraceHeader": message.trace_header} if message.trace_header else {})
            for message in messages
        ]
        with self._foreign_errors():
            return put(len(messages), await self._call("put_events", Entries=entries))


class StateMachineDestination(_AwsDestination):
    """A Step Functions state machine: one StartExecution a message, 256 KiB.

    The execution is named by the deduplication id, or its hash where it is no name, so that the same event starts one
    execution only and different ones never share theirs.
    """

    service = "stepfunctions"
    max_entries = 1
    max_message_bytes = max_batch_bytes = 262_144

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Destination.send`."""
        (message,) = messages
        request = {"stateMachineArn": self._address, "input": message.body}
        if message.deduplication_id:
            request["name"] = _execution_name(message.deduplication_id)
        if message.trace_header:
            request["traceHeader"] = message.trace_header
        try:
            answer = await self._call("start_execution", **request)
        except TargetError as error:
            if error.code == "ExecutionAlreadyExists":
                return SentBatch((None,))
            raise
        execution = answer.get("executionArn")
        if not isinstance(execution, str):
            raise self._bad_answer("it names no execution")
        return SentBatch((execution,))


class FunctionDestination(_AwsDestination):
    """A Lambda function: one asynchronous Invoke a message, 1 MB (256 KB before late 2025; facts of the API reference).

    Accepted means queued: what the function then makes of it is told to its own dead-letter queue or destination.
    Message attributes have no place in an invocation.
    """

    service = "lambda"
    max_entries = 1
    max_message_bytes = max_batch_bytes = 1_048_576

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """See `Destination.send`."""
        (message,) = messages
        with self._foreign_errors():
            payload = message.body.encode()
        answer = await self._call("invoke", FunctionName=self._address, InvocationType="Event", Payload=payload)
        # It is not read; left open, it would hold its connection until it is collected.
        if (said := answer.get("Payload")) is not None:
            said.close()
        # What accepts an asynchronous invocation is this status and nothing else (API reference, Invoke).
        if answer.get("StatusCode") != 202:
            raise self._bad_answer(f"status {answer.get('StatusCode')} does not accept an event")
        return SentBatch((answer.get("ResponseMetadata", {}).get("RequestId"),))


def _execution_name(identity: str) -> str:
    return identity if _EXECUTION_NAME.fullmatch(identity) else hashlib.sha256(identity.encode()).hexdigest()
