"""Asks SQS and Lambda about queues; what IAM says of them is asked in `iam`, about their keys in `keys`.

What is tried with the queues themselves is an empty batch: it has no entries, so it cannot send, delete or hide
anything, however lenient the server is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from turnout.doctor.asking.answers import Answer, ask, ask_service
from turnout.doctor.asking.iam import Iam
from turnout.doctor.asking.keys import ask_key
from turnout.doctor.facts import Attributes, Caller, MappingFacts, QueueFacts, Role, Silence, Why
from turnout.doctor.permissions import actions_of
from turnout.doctor.policies import redrive_policy
from turnout.errors import SqsError
from turnout.queues import queue_name
from turnout.sqs.place import Place, find_place
from turnout.sqs.session import AwsConfig, AwsSession
from turnout.targets.aws import AwsClients

__all__ = ["QueueAsker", "not_asked", "read_mapping"]

_PROBES = {
    "sqs:SendMessage": "send_message_batch",
    "sqs:DeleteMessage": "delete_message_batch",
    "sqs:ChangeMessageVisibility": "change_message_visibility_batch",
}


class QueueAsker:
    """Asks about one account's queues. `aclose` closes what it opened."""

    def __init__(self, clients: AwsClients) -> None:
        self._clients = clients
        self._session = AwsSession(AwsConfig())
        self._open = contextlib.AsyncExitStack()
        self._sqs: dict[Place, Any] = {}
        self._opening = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the clients."""
        await self._open.aclose()

    async def caller(self, queue: str) -> Caller:
        """Whom AWS takes us for, at the place of the queue with this URL."""
        try:
            place = self._session.place(queue)
            client = await self._client(queue)
            endpoint = str(client.meta.endpoint_url)
        except Exception as error:  # noqa: BLE001 - whatever botocore makes of broken settings: it is told
            return not_asked(error)
        emulator = find_place(endpoint, None, {}).region is None
        answer = await ask_service(self._clients, "sts", place.region, "get_caller_identity", "sts:GetCallerIdentity")
        region = place.region or ""
        if isinstance(answer, Silence):
            return Caller("", "", region, endpoint, emulator, await self._ahead(queue), answer)
        return Caller(str(answer["Account"]), str(answer["Arn"]), region, endpoint, emulator, _ahead(answer))

    def proxied(self, url: str) -> bool:
        """Whether the environment asks for a proxy on the way to `url`."""
        return self._session.proxied(url)

    async def _ahead(self, queue: str) -> float | None:
        answer = await self._ask(queue, "get_queue_attributes", "", AttributeNames=["QueueArn"])
        return None if isinstance(answer, Silence) else _ahead(answer)

    async def facts(self, url: str, role: Role, targets: tuple[str, ...], caller: Caller, iam: Iam) -> QueueFacts:
        """Everything about one queue."""
        attributes = await self._attributes(url)
        found: Attributes = {} if isinstance(attributes, Silence) else attributes
        arn = found.get("QueueArn", "")
        denied, redrive, key, decisions, mappings = await asyncio.gather(
            self._denied(url, role),
            self._redrive(url, found),
            ask_key(self._clients, caller, iam, found, role),
            iam.decisions(actions_of(role), [arn]),
            self._mappings(arn, role, caller),
        )
        return QueueFacts(
            name=queue_name(url),
            url=url,
            role=role,
            targets=targets,
            attributes=attributes,
            redrive_to=redrive,
            key=key,
            denied=denied,
            decisions=decisions,
            mappings=mappings,
        )

    async def _attributes(self, url: str) -> Attributes | Silence:
        answer = await self._ask(url, "get_queue_attributes", "sqs:GetQueueAttributes", AttributeNames=["All"])
        if isinstance(answer, Silence):
            return answer
        attributes = answer.get("Attributes")
        if not isinstance(attributes, Mapping) or not attributes:
            return Silence(Why.FAILED, "BadAnswer", "the answer is not SQS's", "sqs:GetQueueAttributes")
        return {name: str(value) for name, value in attributes.items()}

    async def _denied(self, url: str, role: Role) -> Mapping[str, Silence]:
        denied = {}
        for action in actions_of(role):
            if action in _PROBES:
                answer = await self._ask(url, _PROBES[action], action, Entries=[])
                if isinstance(answer, Silence) and answer.why is Why.DENIED:
                    denied[action] = answer
        return denied

    async def _redrive(self, url: str, attributes: Attributes) -> Attributes | Silence | None:
        policy = redrive_policy(attributes)
        # Queue and dead-letter queue are always in the same account and region.
        beside = f"{url.rpartition('/')[0]}/"
        return await self._attributes(beside + policy[0].rpartition(":")[2]) if policy else None

    async def _mappings(self, arn: str, role: Role, caller: Caller) -> tuple[MappingFacts, ...] | Silence | None:
        if role is Role.TARGET or caller.emulator or not arn:
            return None
        ask_lambda = functools.partial(ask_service, self._clients, "lambda", caller.region)
        answer = await ask_lambda("list_event_source_mappings", "lambda:ListEventSourceMappings", EventSourceArn=arn)
        if isinstance(answer, Silence):
            return answer
        found = []
        for mapping in answer.get("EventSourceMappings", ()):
            function = str(mapping.get("FunctionArn", ""))
            about = await ask_lambda(
                "get_function_configuration", "lambda:GetFunctionConfiguration", FunctionName=function
            )
            found.append(read_mapping(mapping, about))
        return tuple(found)

    async def _ask(self, queue: str, operation: str, action: str, **request: object) -> Answer | Silence:
        client = await ask(self._client(queue), action)
        if isinstance(client, Silence):  # nobody knows which region that queue is in
            return client
        answer: Answer | Silence = await ask(getattr(client, operation)(QueueUrl=queue, **request), action)
        return answer

    async def _client(self, queue: str) -> Any:
        place = self._session.place(queue)
        async with self._opening:
            client = self._sqs.get(place)
            if client is None:
                client = self._sqs[place] = await self._session.client(place)
                self._open.push_async_callback(client.close)
            return client


def not_asked(error: Exception) -> Caller:
    """Nobody, when the settings for AWS are such that nothing can be asked: there is no endpoint then."""
    code = error.code if isinstance(error, SqsError) else type(error).__name__
    nobody = isinstance(error, SqsError) and error.operation == "Credentials"
    why = Why.UNKNOWN_CALLER if nobody else Why.FAILED
    return Caller("", "", "", "", False, None, Silence(why, code, str(error)))


def read_mapping(mapping: Answer, about: Answer | Silence) -> MappingFacts:
    """An event source mapping as Lambda describes it, and the timeout of its function."""
    return MappingFacts(
        function=str(mapping.get("FunctionArn", "")).rpartition(":function:")[2],
        enabled=str(mapping.get("State", "")) in ("Enabled", "Enabling", "Creating", "Updating"),
        window_seconds=int(mapping.get("MaximumBatchingWindowInSeconds") or 0),
        reports_failures="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or ()),
        timeout_seconds=None if isinstance(about, Silence) else int(about.get("Timeout") or 3),
    )


def _ahead(answer: Answer) -> float | None:
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(text)).total_seconds()
    except (ValueError, TypeError):
        return None
