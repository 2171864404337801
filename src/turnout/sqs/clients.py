"""The two clients of the real SQS by name, for the setting that chooses between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Literal

from turnout.sqs.aio import open_aio_sqs
from turnout.sqs.api import Sqs
from turnout.sqs.session import AwsConfig
from turnout.sqs.wire.client import open_wire_sqs

__all__ = ["ClientName", "open_sqs"]

ClientName = Literal["wire", "aioboto3"]

_OPENERS: Mapping[ClientName, Callable[[AwsConfig], AbstractAsyncContextManager[Sqs]]] = {
    "wire": open_wire_sqs,
    "aioboto3": open_aio_sqs,
}


def open_sqs(client: ClientName, config: AwsConfig | None = None) -> AbstractAsyncContextManager[Sqs]:
    """A client for a `with` statement, closed at its end. Raises `SqsDenied` when AWS's settings cannot be used."""
    return _OPENERS[client](config or AwsConfig())
