"""An HTTP(S) endpoint as a destination: one POST a message, signed when a secret is given.

The body is the event as it came. Headers say what SQS attributes would: `Idempotency-Key` (the same for every copy of
the event, another one for each replay), `traceparent`, and `Turnout-Attribute-NAME` for message attributes of type
String and Number (printable ASCII only; spaces around a value are no part of a header's value and stay away). With a
secret, `Turnout-Signature: t=UNIX_SECONDS,v1=HEX` carries the HMAC-SHA256 of `t`, a dot and the body, which a receiver
checks together with the age of `t`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import math
import re
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from turnout.errors import Fault, TargetError
from turnout.rules.addresses import without_secrets
from turnout.sqs.api import MAX_MESSAGE_BYTES, OutgoingMessage, SentBatch
from turnout.sqs.deadline import Deadline
from turnout.targets.api import INVALID_URL
from turnout.targets.tls import tls_problem
from turnout.telemetry import semconv

__all__ = ["HttpDestination", "signature"]

_TRY_AGAIN = frozenset({408, 425, 429})
# It works, but what this one event is about is in the way of it for now: another request is changing it, or has locked
# it (RFC 9110, 15.5.10; RFC 4918, 11.3). Recovery takes both for transient, too.
_NOT_NOW = {
    409: "the endpoint cannot take this event at the moment: it conflicts with what is there",
    423: "the endpoint cannot take this event at the moment: what it is about is locked",
}
# The endpoint is not what the rules take it for, or does not let us in: an operator's to repair.
_CONFIG = frozenset({401, 403, 404, 405, 407, 410, 451, 501})
_LONGEST_RETRY_AFTER = 900.0
_LONGEST_REST = 65_536
_REST_SECONDS = 0.25
_HEADER_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def signature(secret: bytes, at: int, body: bytes) -> str:
    """The value of the `Turnout-Signature` header for a body sent at `at` (seconds since the epoch)."""
    digest = hmac.new(secret, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class HttpDestination:
    """POSTs to one URL. A status of 2xx means accepted; redirects are not followed."""

    max_entries = 1
    max_message_bytes = MAX_MESSAGE_BYTES
    max_batch_bytes = MAX_MESSAGE_BYTES
    ordered = False

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        secret: str = "",
        call_seconds: float = 15.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._target = url
        self._secret = secret.encode()
        # httpx bounds each read alone: an endpoint that sends its headers letter by letter would hold a call for ever.
        self._call_seconds = call_seconds
        self._timeout = httpx.Timeout(None, connect=5.0)
        self._clock = clock
        self._place = without_secrets(url)
        self.url = semconv.ENDPOINT + self._place
        self.name = urlsplit(url).hostname or self._place

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        """One POST; raises `TargetError`."""
        (message,) = messages
        try:
            body = message.body.encode()
        except UnicodeEncodeError as error:  # half a surrogate pair
            raise self._error("the event is no valid text", type(error).__name__, Fault.DATA, False) from error
        try:
            # Only the status matters, and an endpoint may answer at any length.
            async with (
                Deadline(self._call_seconds) as whole,
                self._client.stream(
                    "POST", self._target, content=body, headers=self._headers(message, body), timeout=self._timeout
                ) as response,
            ):
                status, retry_after = response.status_code, response.headers.get("retry-after")
                whole.lift()  # the answer is there, whatever becomes of the rest
                await _read_rest(response)
        except (httpx.TimeoutException, TimeoutError) as error:
            raise self._error("no answer in time", type(error).__name__, Fault.SYSTEM, True) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError) as error:  # the last: no name of a host
            raise self._error("the URL cannot be used: correct it", INVALID_URL, Fault.CONFIG, False) from error
        except httpx.LocalProtocolError as error:
            # Nothing was sent: what this message asks for is no request. Others are.
            raise self._error("the event makes no valid request", type(error).__name__, Fault.DATA, False) from error
        except httpx.ProxyError as error:
            raise self._proxy_refused(str(error)[:3]) from error
        except (httpx.HTTPError, OSError) as error:  # the second: what TLS says later than in its handshake
            text = tls_problem(error) or "the connection failed"
            raise self._error(text, type(error).__name__, Fault.SYSTEM, True) from error
        if 200 <= status < 300:
            return SentBatch((None,))
        if status in _TRY_AGAIN or (status >= 500 and status not in _CONFIG):
            raise self._error("", f"HTTP {status}", Fault.SYSTEM, True, self._seconds(retry_after))
        if status in _NOT_NOW:
            raise self._error(_NOT_NOW[status], f"HTTP {status}", Fault.DATA, True, self._seconds(retry_after))
        if status in _CONFIG or status < 400:
            raise self._error(_advice(status), f"HTTP {status}", Fault.CONFIG, False)
        text = "the event is too large for the endpoint" if status == 413 else "the endpoint refuses this event"
        raise self._error(text, f"HTTP {status}", Fault.DATA, False)

    def _proxy_refused(self, status: str) -> TargetError:
        """The proxy did not connect us with the endpoint; `status` is its answer's, if it gave one."""
        code = f"HTTP {status}" if status.isascii() and status.isdigit() else "ProxyError"
        if status in ("401", "403", "407"):
            text = "the proxy does not let us through: check its credentials, and what it allows"
            return self._error(text, code, Fault.CONFIG, False)
        return self._error("the proxy does not connect us with the endpoint", code, Fault.SYSTEM, True)

    def _headers(self, message: OutgoingMessage, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/json", "user-agent": "turnout"}
        for name, attribute in message.attributes.items():
            if attribute.text is None or not attribute.text.isascii() or not attribute.text.isprintable():
                continue
            value = attribute.text.strip()
            if name in ("traceparent", "tracestate"):
                headers[name] = value
            elif _HEADER_NAME.fullmatch(name):
                headers[f"turnout-attribute-{name}"] = value
        if message.deduplication_id:
            headers["idempotency-key"] = message.deduplication_id
        if self._secret:
            headers["turnout-signature"] = signature(self._secret, int(self._clock()), body)
        return headers

    def _seconds(self, retry_after: str | None) -> float | None:
        """A Retry-After header (RFC 9110, 10.2.3: seconds or a date) in seconds, within reason."""
        if not retry_after:
            return None
        try:
            seconds = float(retry_after)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(retry_after).timestamp() - self._clock()
            except (ValueError, OverflowError):
                return None
        return min(max(0.0, seconds), _LONGEST_RETRY_AFTER) if math.isfinite(seconds) else None

    def _error(
        self, text: str, code: str, fault: Fault, retryable: bool, retry_after: float | None = None
    ) -> TargetError:
        return TargetError(
            text or "the endpoint cannot take events now",
            code=code,
            fault=fault,
            retryable=retryable,
            target=self._place,
            retry_after=retry_after,
        )


async def _read_rest(response: httpx.Response) -> None:
    """Read the rest of a short answer: then its connection can be used again, and the next event needs no handshake."""
    room = _LONGEST_REST
    with contextlib.suppress(httpx.HTTPError, OSError):
        async with asyncio.timeout(_REST_SECONDS):
            async for part in response.aiter_raw():
                room -= len(part)
                if room < 0:
                    return


def _advice(status: int) -> str:
    """What an operator has to look at. Where a redirect leads is not said: it may carry a key, as the URL does."""
    if status < 400:
        return "the endpoint redirects, and redirects are not followed: name the address that it redirects to"
    if status in (404, 410):
        return "nothing is there: check the URL"
    if status in (405, 501):
        return "nothing can be posted there: check the URL"
    return "the endpoint does not let us in: check the URL and its credentials"
