"""Error codes: both spellings, and what each means."""

from __future__ import annotations

import pytest

from turnout.errors import Fault, SqsDenied, SqsError, SqsQueueMissing, SqsRejected, SqsUnavailable
from turnout.sqs.codes import call_error, classify, entry_failure, short_code


@pytest.mark.parametrize(
    ("spelling", "short"),
    [
        ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
        ("com.amazonaws.sqs#QueueDoesNotExist", "QueueDoesNotExist"),
        ("QueueDoesNotExist", "QueueDoesNotExist"),
        ("AWS.SimpleQueueService.InvalidBatchEntryId", "InvalidBatchEntryId"),
        ("AWS.SimpleQueueService.MessageNotInflight", "MessageNotInflight"),
        ("QueueAlreadyExists", "QueueNameExists"),
        ("KMS.AccessDeniedException", "KmsAccessDenied"),
        ("KMS.ThrottlingException", "KmsThrottled"),
        ("com.amazon.coral.service#InternalFailure", "InternalFailure"),
        ("InvalidSignatureException:http://internal.amazon.com/coral/", "InvalidSignatureException"),
        ("", "Unknown"),
    ],
)
def test_both_spellings_of_a_code_have_one_short_one(spelling: str, short: str) -> None:
    assert short_code(spelling) == short


@pytest.mark.parametrize(
    "code",
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalError",
        "InternalFailure",
        "ServiceUnavailable",
        "KmsThrottled",
        "OverLimit",
    ],
)
def test_what_passes_by_itself_may_be_retried(code: str) -> None:
    verdict = classify(code, status=400)
    assert (verdict.error, verdict.fault, verdict.retryable) == (SqsUnavailable, Fault.SYSTEM, True)


@pytest.mark.parametrize(
    ("code", "error", "fault"),
    [
        ("AccessDenied", SqsDenied, Fault.CONFIG),
        ("AccessDeniedException", SqsDenied, Fault.CONFIG),
        ("ExpiredToken", SqsDenied, Fault.CONFIG),
        ("InvalidClientTokenId", SqsDenied, Fault.CONFIG),
        ("SignatureDoesNotMatch", SqsDenied, Fault.CONFIG),
        ("KmsDisabled", SqsDenied, Fault.CONFIG),
        ("KmsSomethingNew", SqsDenied, Fault.CONFIG),
        ("AWS.SimpleQueueService.NonExistentQueue", SqsQueueMissing, Fault.CONFIG),
        ("InvalidMessageContents", SqsRejected, Fault.DATA),
        ("InvalidParameterValue", SqsRejected, Fault.DATA),
        ("MissingParameter", SqsRejected, Fault.DATA),
        ("UnsupportedOperation", SqsRejected, Fault.DATA),
        ("AWS.SimpleQueueService.BatchRequestTooLong", SqsRejected, Fault.DATA),
        ("ReceiptHandleIsInvalid", SqsRejected, Fault.DATA),
    ],
)
def test_what_somebody_must_repair_is_not_retried(code: str, error: type[SqsError], fault: Fault) -> None:
    verdict = classify(code)
    assert (verdict.error, verdict.fault, verdict.retryable) == (error, fault, False)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 509])
def test_an_unknown_code_with_a_passing_status_may_be_retried(status: int) -> None:
    assert classify("NeverHeardOf", status=status).error is SqsUnavailable


@pytest.mark.parametrize(("status", "error"), [(400, SqsRejected), (403, SqsDenied), (401, SqsDenied)])
def test_an_unknown_code_is_judged_by_its_status(status: int, error: type[SqsError]) -> None:
    assert classify("NeverHeardOf", status=status).error is error


def test_throttling_counts_as_throttling_even_with_status_403() -> None:
    assert classify("RequestThrottled", status=403).error is SqsUnavailable


def test_an_unknown_code_of_an_entry_is_judged_by_sender_fault() -> None:
    assert entry_failure(3, "NeverHeardOf", "m", sender_fault=True).fault is Fault.DATA
    failure = entry_failure(3, "NeverHeardOf", "m", sender_fault=False)
    assert (failure.index, failure.fault, failure.retryable) == (3, Fault.SYSTEM, True)


def test_a_known_code_of_an_entry_outranks_sender_fault() -> None:
    assert entry_failure(0, "InternalError", "m", sender_fault=True).retryable
    assert not entry_failure(0, "InvalidMessageContents", "m", sender_fault=False).retryable


def test_without_any_hint_an_unknown_code_may_pass() -> None:
    assert entry_failure(0, "NeverHeardOf", "m").retryable


def test_the_error_of_a_call_says_what_where_and_for_how_long() -> None:
    error = call_error(
        "com.amazonaws.sqs#RequestThrottled", "slow down", operation="ReceiveMessage", queue="orders", retry_after=1.5
    )
    assert isinstance(error, SqsUnavailable)
    assert str(error) == "ReceiveMessage orders: RequestThrottled: slow down"
    assert (error.code, error.operation, error.queue, error.retry_after) == (
        "RequestThrottled",
        "ReceiveMessage",
        "orders",
        1.5,
    )


def test_an_error_without_a_message_still_says_something() -> None:
    assert "503" in str(call_error("", "", status=503))
