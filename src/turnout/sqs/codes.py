"""What SQS's error codes mean: the short spelling of each, who is to blame, and whether trying again can help.

This is the one place that knows error codes. The implementations map whole-call errors to the error tree with
`call_error` and entries of `Failed` with `entry_failure`; nothing else decides from a code. No I/O, no AWS library.

Sources: the service model of SQS (2012-11-05), the Amazon SQS API reference ("Common errors"), and the standard retry
mode of the AWS SDKs. SQS answers with two spellings of one code, the query protocol's
(`AWS.SimpleQueueService.NonExistentQueue`) and the JSON protocol's (`com.amazonaws.sqs#QueueDoesNotExist`).
"""

from __future__ import annotations

from enum import Enum

import msgspec

from turnout.errors import Fault, SqsDenied, SqsError, SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.sqs.api import EntryFailure

__all__ = [
    "CLOCK_SKEWED",
    "CREDENTIALS_EXPIRED",
    "THROTTLED",
    "Kind",
    "Verdict",
    "call_error",
    "classify",
    "entry_failure",
    "short_code",
]


class Kind(Enum):
    """The four ways in which SQS says no; one per class of the error tree."""

    UNAVAILABLE = "unavailable"
    DENIED = "denied"
    QUEUE_MISSING = "queue missing"
    REJECTED = "rejected"


class Verdict(msgspec.Struct, frozen=True):
    """What a code means. `code` is the short spelling."""

    code: str
    kind: Kind

    @property
    def error(self) -> type[SqsError]:
        """The class of the error tree for a whole call."""
        return _ERRORS[self.kind]

    @property
    def fault(self) -> Fault:
        """Who has to act."""
        return self.error.fault

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without anybody acting."""
        return self.error.retryable


_ERRORS: dict[Kind, type[SqsError]] = {
    Kind.UNAVAILABLE: SqsUnavailable,
    Kind.DENIED: SqsDenied,
    Kind.QUEUE_MISSING: SqsQueueMissing,
    Kind.REJECTED: SqsRejected,
}

# Codes that are not simply one name, with or without a prefix, in both protocols.
_SHORT = {
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
    "AccessDeniedException": "AccessDenied",
    "NonExistentQueue": "QueueDoesNotExist",
    "QueueAlreadyExists": "QueueNameExists",
    "KMS.AccessDeniedException": "KmsAccessDenied",
    "KMS.DisabledException": "KmsDisabled",
    "KMS.InvalidKeyUsageException": "KmsInvalidKeyUsage",
    "KMS.InvalidStateException": "KmsInvalidState",
    "KMS.KMSInvalidStateException": "KmsInvalidState",
    "KMS.NotFoundException": "KmsNotFound",
    "KMS.OptInRequired": "KmsOptInRequired",
    "KMS.ThrottlingException": "KmsThrottled",
}

_PREFIX = "AWS.SimpleQueueService."

_CODES = {
    Kind.UNAVAILABLE: """
        InternalError InternalFailure InternalServerError InternalServerException OverLimit PriorRequestNotComplete
        RequestTimeout RequestTimeoutException ServiceUnavailable ServiceUnavailableException
        TransactionInProgressException BadAnswer Closed""",
    Kind.DENIED: """
        AccessDenied AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature
        IncompleteSignatureException InvalidAccessKeyId InvalidAddress InvalidClientTokenId InvalidSecurity
        InvalidSecurityToken InvalidSignatureException KmsAccessDenied KmsDisabled KmsInvalidKeyUsage
        KmsInvalidState KmsNotFound KmsOptInRequired MissingAuthenticationToken
        MissingAuthenticationTokenException NotAuthorized OptInRequired RequestExpired RequestTimeTooSkewed
        SignatureDoesNotMatch UnauthorizedOperation UnrecognizedClientException""",
    Kind.QUEUE_MISSING: "QueueDoesNotExist QueueDeletedRecently ResourceNotFoundException",
    Kind.REJECTED: """
        BatchEntryIdsNotDistinct BatchRequestTooLong EmptyBatchRequest InvalidAction InvalidAttributeName
        InvalidAttributeValue InvalidBatchEntryId InvalidIdFormat InvalidMessageContents
        InvalidParameterCombination InvalidParameterValue MalformedQueryString MessageNotInflight MissingAction
        MissingParameter ReceiptHandleIsInvalid SerializationException TooManyEntriesInBatchRequest
        UnknownOperationException UnsupportedOperation ValidationError ValidationException""",
}

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KmsThrottled",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Codes of those that asked too much at once."""

_KINDS = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
_KINDS |= dict.fromkeys(THROTTLED, Kind.UNAVAILABLE)

CREDENTIALS_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""Codes that fresh credentials cure: refresh them, then repeat the call once."""

CLOCK_SKEWED = frozenset(
    {"RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "InvalidSignatureException"}
)
"""Codes a wrong clock can cause: if the answer's `Date` differs from ours, correct it, then repeat the call once."""

_UNAVAILABLE_STATUS = frozenset({408, 425, 429})


def short_code(code: str) -> str:
    """The short spelling of `code`: without namespace, query prefix or trailing URI. An empty code is `Unknown`."""
    code = code.rpartition("#")[2].partition(":")[0].removeprefix(_PREFIX)
    return _SHORT.get(code, code) or "Unknown"


def classify(code: str, *, status: int = 0, sender_fault: bool | None = None) -> Verdict:
    """What `code`, in either spelling, means.

    A code this module does not know is judged by `sender_fault` (of a batch entry), then by the HTTP `status`; with
    neither, it is taken for something that may pass, because giving up is what cannot be undone.
    """
    code = short_code(code)
    known = _KINDS.get(code)
    if known is not None:
        kind = known  # before the status: RequestThrottled also comes with HTTP 403
    elif status in _UNAVAILABLE_STATUS:
        kind = Kind.UNAVAILABLE
    elif code.startswith("Kms"):
        kind = Kind.DENIED
    elif sender_fault is not None:
        kind = Kind.REJECTED if sender_fault else Kind.UNAVAILABLE
    elif status in (401, 403):
        kind = Kind.DENIED
    elif 400 <= status < 500:
        kind = Kind.REJECTED
    else:
        kind = Kind.UNAVAILABLE
    return Verdict(code, kind)


def call_error(
    code: str,
    message: str,
    *,
    status: int = 0,
    operation: str = "",
    queue: str = "",
    retry_after: float | None = None,
) -> SqsError:
    """The error to raise for a call that failed as a whole. `queue` is the queue's name, not its URL."""
    verdict = classify(code, status=status)
    if not message:
        message = f"SQS answered with HTTP status {status}" if status else "SQS gave no reason"
    if verdict.kind is Kind.UNAVAILABLE:
        return SqsUnavailable(message, code=verdict.code, operation=operation, queue=queue, retry_after=retry_after)
    return verdict.error(message, code=verdict.code, operation=operation, queue=queue)


def entry_failure(index: int, code: str, message: str, *, sender_fault: bool | None = None) -> EntryFailure:
    """The record of one entry of a batch that failed. A known code outranks SenderFault, which servers get wrong."""
    verdict = classify(code, sender_fault=sender_fault)
    return EntryFailure(index, verdict.code, message, verdict.fault, verdict.retryable)
