"""The one way to ask AWS: what goes wrong, botocore's errors too, becomes a `Silence`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError, PartialCredentialsError

from turnout.doctor.facts import Silence, Why
from turnout.errors import SqsDenied, SqsError, SqsMisconfigured, SqsQueueMissing
from turnout.sqs.codes import THROTTLED, short_code
from turnout.sqs.foreign_answers import LENT_EXPIRED, lent_expired
from turnout.targets.aws import AwsClients

__all__ = ["ANSWER_SECONDS", "Answer", "ask", "ask_service"]

ANSWER_SECONDS = 10.0
"""Longest wait for one answer."""

Answer = Mapping[str, Any]

T = TypeVar("T")

_MISSING = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDoesNotExist",
        "ResourceNotFoundException",
        "StateMachineDoesNotExist",
        "TableNotFoundException",
    }
)
_UNKNOWN_CALLER = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED = frozenset(
    {
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "KmsAccessDenied",
        "UnauthorizedOperation",
    }
)


async def ask_service(
    clients: AwsClients, service: str, region: str | None, operation: str, action: str, **request: object
) -> Answer | Silence:
    """What a service answers to one of its operations; see `ask`."""
    client = await ask(clients.get(service, region or None), action)
    if isinstance(client, Silence):
        return client
    answer: Answer | Silence = await ask(getattr(client, operation)(**request), action)
    return answer


async def ask(question: Awaitable[T], action: str) -> T | Silence:
    """The answer, or why there is none; so too for opening a client. `action` is the IAM action of the question."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await question
    except ClientError as error:
        details = error.response.get("Error", {})
        code = str(details.get("QueryErrorCode") or details.get("Code") or "Unknown")
        # A HEAD has no body, so that its code is the bare status; else it is the status of a page that is not AWS's.
        if code.isdigit() and not error.operation_name.startswith("Head"):
            return Silence(Why.FAILED, "BadAnswer", f"an answer with HTTP status {code} that is not AWS's", action)
        return Silence(_why(code), code, str(details.get("Message") or "").strip(), action)
    except (NoCredentialsError, PartialCredentialsError) as error:
        return Silence(Why.UNKNOWN_CALLER, type(error).__name__, str(error), action)
    except ParamValidationError as error:  # a name that none can have; what is wrong with it stands in a second line
        return Silence(Why.FAILED, type(error).__name__, str(error.kwargs["report"]), action)
    except SqsError as error:
        why = _why(error.code)
        if why is Why.FAILED and isinstance(error, SqsMisconfigured):
            why = Why.SETTINGS
        elif why is Why.FAILED:
            why = Why.MISSING if isinstance(error, SqsQueueMissing) else why
            why = Why.DENIED if isinstance(error, SqsDenied) else why
        return Silence(why, error.code, str(error), action)
    except TimeoutError:
        return Silence(Why.FAILED, "TimeoutError", f"no answer within {ANSWER_SECONDS:.0f} s", action)
    except ValueError as error:  # botocore's, while a client is opened
        advice = "AWS_ENDPOINT_URL, or the service's own, must look like https://host or http://localhost:4566"
        invalid = str(error).startswith("Invalid endpoint")
        code, text = ("InvalidEndpoint", f"{error}: {advice}") if invalid else (type(error).__name__, str(error))
        return Silence(Why.FAILED, code, text, action)
    except Exception as error:  # noqa: BLE001 - whatever botocore makes of an answer that is not AWS's: it is told
        if lent_expired(error):
            return Silence(Why.UNKNOWN_CALLER, "ExpiredToken", LENT_EXPIRED, action)
        said = str(error).strip().splitlines()
        return Silence(Why.FAILED, type(error).__name__, said[0] if said else "no answer", action)


def _why(code: str) -> Why:
    if code in _MISSING:
        return Why.MISSING
    if code in _UNKNOWN_CALLER:
        return Why.UNKNOWN_CALLER
    if short_code(code) in THROTTLED:
        return Why.THROTTLED
    return Why.DENIED if code in _DENIED else Why.FAILED
