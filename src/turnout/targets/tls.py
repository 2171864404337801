"""Why TLS with an endpoint failed, in words: which of the two certificates it was, where it was one."""

from __future__ import annotations

import ssl

__all__ = ["tls_problem"]


def tls_problem(error: BaseException) -> str:
    """Which certificate is not accepted, or that we and the endpoint have no TLS in common, when that is the cause."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate verification failed: {cause.verify_message}"
    if cause is None or isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):  # no more than a lost connection
        return ""
    words = (cause.reason or "no reason given").replace("_", " ").lower()
    if "alert certificate required" in words:
        return "TLS failed: a client certificate is demanded: let the rules name it (client_certificate_from)"
    if "alert" in words and ("certificate" in words or "unknown ca" in words):  # said by the other side, of ours
        return f"TLS failed: the client certificate is not accepted: {words}"
    return f"TLS failed: {words}"
