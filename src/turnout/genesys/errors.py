"""What an answer that is not a success means, as an error of Turnout's tree whose message says what to do.

The only place where a status of Genesys or an exception of httpx is judged. 408, 429, 5xx and lost connections may go
away by themselves; 400, 401 (after one fresh token), 403, 404, 409 and 501 do not.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from turnout.errors import (
    GenesysDenied,
    GenesysError,
    GenesysNotFound,
    GenesysParked,
    GenesysRejected,
    GenesysUnavailable,
    GenesysUnsupported,
)
from turnout.genesys.answers import Answer, error_body, retry_after
from turnout.genesys.secret import masked

__all__ = ["error_of_answer", "error_of_login", "error_of_transport", "parked", "unreadable"]

_TRY_AGAIN = frozenset({408, 425})
_NOT_THIS_REQUEST = frozenset({405, 406, 410, 415, 501})


def error_of_answer(answer: Answer, operation: str, secrets: Sequence[str] = ()) -> GenesysError:
    """The error that an answer other than 2xx means. `secrets` were sent and must not come back in the message."""
    body = error_body(answer, secrets)
    status = answer.status
    said = body.message if body else ""
    code = (body.code if body else "") or f"HTTP {status}"
    correlation_id = masked(answer.correlation_id, secrets) or (body.context_id if body else "")

    def error(kind: type[GenesysError], advice: str) -> GenesysError:
        return kind(
            f"{advice}; the answer was: {said}" if said else advice,
            code=code,
            operation=operation,
            status=status,
            correlation_id=correlation_id,
            retry_after=retry_after(answer),
        )

    if status == 429:
        return error(GenesysUnavailable, "the rate limit is used up, which everybody with this OAuth client shares")
    if status in _NOT_THIS_REQUEST or 300 <= status < 400:
        return error(GenesysUnsupported, "check the API URL and the profile: this address does not know the request")
    if status in _TRY_AGAIN or status >= 500:
        return error(GenesysUnavailable, "the service cannot answer now")
    if status == 401:
        return error(
            GenesysDenied, "a fresh token is refused: check that the region is the one the OAuth client belongs to"
        )
    if status == 403:
        return error(
            GenesysDenied,
            "give the OAuth client a role with the permission that is missing, in the conversation's division",
        )
    if status == 404:
        if body is None and answer.content.strip():
            return error(
                GenesysUnsupported, "check the API URL and the profile: what answered 404 is no API, but a web server"
            )
        return error(GenesysNotFound, "there is no such object, or not yet, or it was purged")
    return error(GenesysRejected, "the request is refused for good")


def error_of_login(answer: Answer, secrets: Sequence[str]) -> GenesysError:
    """The error that a login's answer other than 2xx means."""
    operation = "log in"
    found = error_of_answer(answer, operation, secrets)
    if isinstance(found, GenesysUnavailable):
        return found
    body = error_body(answer, secrets)
    if body is None or isinstance(found, (GenesysNotFound, GenesysUnsupported)):
        return GenesysUnsupported(
            "check region and login URL: what answered is no login server",
            code=found.code,
            operation=operation,
            status=answer.status,
        )
    said = body.message
    return GenesysDenied(
        "the OAuth client is refused: check client id and secret, that the client exists in this region, and that its "
        "grant type is Client Credentials" + (f"; the answer was: {said}" if said else ""),
        code=found.code,
        operation=operation,
        status=answer.status,
        correlation_id=found.correlation_id,
    )


def error_of_transport(error: Exception, operation: str) -> GenesysError:
    """The error that an exception of httpx, or our own time limit, means. Holds nothing of the request."""
    code = type(error).__name__
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return GenesysUnsupported("the URL cannot be used: check API and login URL", code=code, operation=operation)
    if isinstance(error, (httpx.TimeoutException, TimeoutError)):
        return GenesysUnavailable("no answer in time", code=code, operation=operation)
    return GenesysUnavailable(
        "the connection failed: check the network, and that the region or URL is right", code=code, operation=operation
    )


def unreadable(answer: Answer, operation: str, reason: str) -> GenesysUnavailable:
    """A success whose body is not what was promised, such as the page of a gateway."""
    return GenesysUnavailable(
        f"the answer cannot be used ({reason}): something between us and the service may have replaced it",
        code="UNREADABLE_ANSWER",
        operation=operation,
        status=answer.status,
        correlation_id=answer.correlation_id,
    )


def parked(operation: str, seconds: float, longest: float) -> GenesysParked:
    """A wait that is longer than the settings allow."""
    return GenesysParked(
        f"the rate limit opens again in {seconds:.0f} s, and {longest:.0f} s is the longest wait allowed: try again "
        "then, or raise TURNOUT_GENESYS_LONGEST_WAIT_SECONDS",
        code="RATE_LIMIT",
        operation=operation,
        retry_after=seconds,
    )
