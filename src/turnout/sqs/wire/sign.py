"""AWS Signature Version 4, for POST requests without a query to one endpoint. Bytes in, header lines out.

Source: AWS IAM user guide, "Create a signed AWS API request". A property test holds it equal to botocore's.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from urllib.parse import quote

from turnout.sqs.credentials import Credentials

__all__ = ["CONTENT_TYPE", "Signer", "canonical_path"]

CONTENT_TYPE = "application/x-amz-json-1.0"
_SERVICE = "sqs"


def canonical_path(path: str) -> str:
    """The path as it is signed: dot segments and empty segments resolved, then percent-encoded once more."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if path.endswith("/") and segments else ""
    return quote("/" + "/".join(segments) + slash, safe="/~")


class Signer:
    """Signs the requests to one endpoint.

    `authority` is the `Host` header; `path` the request's path. What stays the same for a second (the date), for a
    day (the signing key) or for ever (the canonical headers) is made once.
    """

    def __init__(self, region: str, authority: str, path: str = "/") -> None:
        self._region = region
        self._before_date = (
            f"POST\n{canonical_path(path)}\n\ncontent-type:{CONTENT_TYPE}\nhost:{authority}\nx-amz-date:"
        )
        self._second = -1
        self._date = ""
        self._day = ""
        self._credentials: Credentials | None = None
        self._inner = self._outer = hashlib.sha256()
        self._scope = ""
        self._token_line = ""
        self._token_header = ""
        self._signed_headers = ""

    def headers(self, target: str, body_sha256: str, credentials: Credentials, now: float) -> str:
        """`X-Amz-Date`, `X-Amz-Security-Token` and `Authorization`, each line ended.

        `target` is the value of `X-Amz-Target`, `body_sha256` in hexadecimal, `now` in seconds since the epoch. The
        request must also carry `Host`, `Content-Type` and `X-Amzn-Query-Mode: true`, which are signed as well.
        """
        second = int(now)
        if second != self._second:
            self._date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._second = second
        if credentials is not self._credentials or not self._date.startswith(self._day):
            self._prepare(credentials)
        date, signed = self._date, self._signed_headers
        canonical = (
            f"{self._before_date}{date}{self._token_line}\nx-amz-target:{target}\nx-amzn-query-mode:true\n\n"
            f"{signed}\n{body_sha256}"
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{date}\n{self._scope}\n{digest}"
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(to_sign.encode())
        outer.update(inner.digest())
        return (
            f"X-Amz-Date: {date}\r\n{self._token_header}"
            f"Authorization: AWS4-HMAC-SHA256 Credential={credentials.access_key}/{self._scope}, "
            f"SignedHeaders={signed}, Signature={outer.hexdigest()}\r\n"
        )

    def _prepare(self, credentials: Credentials) -> None:
        day = self._date[:8]
        key = f"AWS4{credentials.secret_key}".encode()
        for part in (day, self._region, _SERVICE, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        # HMAC (RFC 2104) with the key's half of both hashes done: OpenSSL's own takes two and a half times as long.
        padded = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))
        self._scope = f"{day}/{self._region}/{_SERVICE}/aws4_request"
        token = credentials.token
        self._token_line = f"\nx-amz-security-token:{token}" if token else ""
        self._token_header = f"X-Amz-Security-Token: {token}\r\n" if token else ""
        middle = "x-amz-security-token;" if token else ""
        self._signed_headers = f"content-type;host;x-amz-date;{middle}x-amz-target;x-amzn-query-mode"
        self._day = day
        self._credentials = credentials
