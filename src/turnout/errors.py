"""The error tree: every error Turnout raises on purpose, and the fault each one is blamed on.

    TurnoutError
    |-- SettingsError        settings are wrong; lists every one of them        (exit code 2)
    |-- RulesError           rule files are wrong; lists every problem          (exit code 1)
    `-- CallError            a call to a service as a whole failed
        |-- TargetError      ... to a target that is not a queue: HTTP, SNS, EventBridge, Step Functions
        |-- ArchiveError     ... to the archive of dead letters
        |-- GenesysError     ... to Genesys Cloud, or to an in-house service of the `tutorial` profile
        |   |-- GenesysUnavailable  throttled, 5xx, connection lost, timed out         (system: try again)
        |   |   `-- GenesysParked   ... for longer than we wait: park the work         (system)
        |   |-- GenesysDenied       the client is refused, or may not do this          (config)
        |   |-- GenesysUnsupported  no such request there: wrong host, path, profile   (config)
        |   |-- GenesysNotFound     what was asked for does not exist, or not yet      (data)
        |   `-- GenesysRejected     the request is invalid                             (data)
        `-- SqsError         ... to SQS
            |-- SqsUnavailable   throttled, 5xx, connection lost, timed out         (system: try again)
            |-- SqsDenied        no permission, no usable credentials, KMS refuses  (config)
            |   `-- SqsMisconfigured  the settings for AWS are wrong on this side   (config)
            |-- SqsQueueMissing  the queue does not exist                           (config)
            `-- SqsRejected      the request or the message is invalid              (data)

A failure of one entry of a batch is not an exception: it is data (`turnout.sqs.api.EntryFailure`), because its
neighbours succeeded. Errors of foreign libraries are mapped to this tree in one place each, next to the library's
only import; nothing above that place catches a foreign error.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

__all__ = [
    "ArchiveError",
    "CallError",
    "Fault",
    "GenesysDenied",
    "GenesysError",
    "GenesysNotFound",
    "GenesysParked",
    "GenesysRejected",
    "GenesysUnavailable",
    "GenesysUnsupported",
    "RulesError",
    "SettingsError",
    "SqsDenied",
    "SqsError",
    "SqsMisconfigured",
    "SqsQueueMissing",
    "SqsRejected",
    "SqsUnavailable",
    "TargetError",
    "TurnoutError",
]


class Fault(StrEnum):
    """Who has to act for a failure to go away."""

    DATA = "data"
    """The event itself: the same bytes will fail again until the producer or the rules change."""
    CONFIG = "config"
    """Permissions, queue names, rules: an operator has to repair something, then a replay succeeds."""
    SYSTEM = "system"
    """The network or a service: time alone may repair it."""


class TurnoutError(Exception):
    """Base of every error raised on purpose. `str(error)` tells an operator what to do."""

    exit_code = 1


class SettingsError(TurnoutError):
    """One or more settings are missing or wrong.

    `problems` holds one plain sentence per setting, each naming the environment variable.
    """

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class RulesError(TurnoutError):
    """One or more rule files cannot be used.

    `problems` holds one line per problem, `file:line:col: rule-id: CODE message`, without the caret lines.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class CallError(TurnoutError):
    """A whole call to a service failed: no entry of it is known to have taken effect."""

    code: str
    """The service's error code, or the name of the connection failure; few different values."""
    fault = Fault.SYSTEM
    retryable = False
    retry_after: float | None = None
    """Seconds that the service asked us to wait, when it did."""


class TargetError(CallError):
    """A call to a target that is not a queue failed. `target` says which, without secrets."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        fault: Fault,
        retryable: bool,
        target: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.code = code
        self.fault = fault
        self.retryable = retryable
        self.target = target
        self.retry_after = retry_after
        super().__init__(f"{target}: {code}: {message}" if target else f"{code}: {message}")


class ArchiveError(CallError):
    """A call to the archive failed. `place` says for what: `s3://bucket/key`; `reason` is the rest of the sentence."""

    def __init__(
        self, message: str, *, code: str, fault: Fault = Fault.SYSTEM, retryable: bool = False, place: str = ""
    ) -> None:
        self.code = code
        self.fault = fault
        self.retryable = retryable
        self.place = place
        self.reason = f"{code}: {message}"
        super().__init__(f"{place}: {self.reason}" if place else self.reason)


class GenesysError(CallError):
    """A whole call to Genesys failed.

    `code` is the service's error code (`too.many.requests.retry.after`), the HTTP status (`HTTP 502`) or the name of
    the connection failure; `status` the HTTP status, when there was an answer; `operation` is what was asked for, in
    plain words and without ids; `correlation_id` is what Genesys Care asks for.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        operation: str = "",
        status: int | None = None,
        correlation_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.code = code
        self.operation = operation
        self.status = status
        self.correlation_id = correlation_id
        self.retry_after = retry_after
        traced = f" (correlation id {correlation_id})" if correlation_id else ""
        super().__init__(f"{operation}: {code}: {message}{traced}" if operation else f"{code}: {message}{traced}")


class GenesysUnavailable(GenesysError):
    """Genesys could not answer now: throttled, an internal error, no connection, no answer in time. Try again."""

    retryable = True


class GenesysParked(GenesysUnavailable):
    """The call would have to wait longer than the settings allow: put the work aside for `retry_after` seconds."""


class GenesysDenied(GenesysError):
    """The OAuth client is refused, or its roles do not permit this call."""

    fault = Fault.CONFIG


class GenesysUnsupported(GenesysError):
    """What answers does not know this request: wrong host, path or profile."""

    fault = Fault.CONFIG


class GenesysNotFound(GenesysError):
    """What was asked for does not exist, or is too fresh to be known."""

    fault = Fault.DATA


class GenesysRejected(GenesysError):
    """Genesys understood the request and refuses it for good."""

    fault = Fault.DATA


class SqsError(CallError):
    """A whole call to SQS failed.

    `code` is the service's error code in its short spelling (`QueueDoesNotExist`), or the name of the connection
    failure; `operation` is the API call (`SendMessageBatch`); `queue` is the queue's name, never a signed URL.
    """

    def __init__(self, message: str, *, code: str, operation: str = "", queue: str = "") -> None:
        self.code = code
        self.operation = operation
        self.queue = queue
        where = " ".join(part for part in (operation, queue) if part)
        super().__init__(f"{where}: {code}: {message}" if where else f"{code}: {message}")


class SqsUnavailable(SqsError):
    """SQS could not answer now: throttled, an internal error, no connection, no answer in time. Try again."""

    retryable = True

    def __init__(
        self,
        message: str,
        *,
        code: str,
        operation: str = "",
        queue: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, operation=operation, queue=queue)
        self.retry_after = retry_after


class SqsDenied(SqsError):
    """The credentials are missing or may not do this, or the queue's encryption key refuses."""

    fault = Fault.CONFIG


class SqsMisconfigured(SqsDenied):
    """The settings for AWS are wrong on this side, such as a profile that does not exist: nothing was asked of SQS."""

    exit_code = 2


class SqsQueueMissing(SqsError):
    """The queue does not exist in this account and region, at this endpoint."""

    fault = Fault.CONFIG


class SqsRejected(SqsError):
    """SQS understood the request and refuses it for good: sizes, characters, parameters."""

    fault = Fault.DATA
