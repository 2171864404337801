"""Dead letters of Lambda functions: asynchronous invocations, on-failure destinations, streams.

Lambda developer guide, "Capturing records of Lambda asynchronous invocations" and "Retain discarded batch records for
a Kinesis data stream event source".
"""

from __future__ import annotations

from turnout.json_text import members
from turnout.recovery.letter import Evidence, Kind, Layer, Origin, Payload
from turnout.recovery.messages import attributes_of
from turnout.recovery.shapes.eventbridge import batch_pointer
from turnout.recovery.shapes.parcel import Parcel, field, integer, said, scalar
from turnout.recovery.shapes.sns import from_notification
from turnout.recovery.times import moment

__all__ = ["dead_letter", "destination", "record", "stream"]

_DEAD_LETTER = ("RequestID", "ErrorCode", "ErrorMessage")
_FUNCTION_ERROR = 200
"""The status with which Lambda answers when the function itself failed: the invocation succeeded."""


def dead_letter(parcel: Parcel) -> Layer | None:
    """The payload of an asynchronous invocation, as the function got it; the failure is in attributes."""
    request = parcel.attribute("RequestID")
    if not request or "ErrorCode" not in parcel.attributes:
        return None
    status = integer(parcel.attribute("ErrorCode"))
    evidence = Evidence(
        Kind.ATTRIBUTE,
        "lambda",
        code="FunctionError" if status == _FUNCTION_ERROR else parcel.attribute("ErrorCode"),
        message=parcel.attribute("ErrorMessage"),
        status=0 if status == _FUNCTION_ERROR else status,
        details={"RequestID": request},
    )
    return Layer(Origin.LAMBDA_ASYNC, parcel.body, parcel.without(_DEAD_LETTER), evidence=(evidence,))


def destination(parcel: Parcel) -> Layer | None:
    """A record of a failed asynchronous invocation, as a message of its own or as an event on a bus."""
    through_bus = scalar(parcel.event, "source") == "lambda" and isinstance(field(parcel.event, "detail"), dict)
    report = field(parcel.event, "detail") if through_bus else dict(parcel.event)
    condition = scalar(report, "requestContext", "condition")
    if not condition or not isinstance(report, dict) or "requestPayload" not in report:
        return None
    text = members(parcel.body)["detail"] if through_bus else parcel.body
    details = {
        "requestId": scalar(report, "requestContext", "requestId"),
        "functionError": scalar(report, "responseContext", "functionError"),
        "errorType": scalar(report, "responsePayload", "errorType"),
    }
    status = integer(scalar(report, "responseContext", "statusCode"))
    return Layer(
        Origin.LAMBDA_DESTINATION,
        members(text)["requestPayload"],
        {},
        evidence=(
            Evidence(
                Kind.ENVELOPE,
                "lambda",
                code=condition,
                message=": ".join(
                    part for part in (details["errorType"], scalar(report, "responsePayload", "errorMessage")) if part
                ),
                status=0 if status == _FUNCTION_ERROR else status,
                details=said(details),
            ),
        ),
        target=scalar(report, "requestContext", "functionArn"),
        attempts=integer(scalar(report, "requestContext", "approximateInvokeCount")),
        last_failure=moment(scalar(report, "timestamp")),
    )


def stream(parcel: Parcel) -> Layer | None:
    """A batch of a stream that a function gave up. Queues and topics get a pointer; only S3 gets the records."""
    pointer = batch_pointer(parcel.event)
    condition = scalar(parcel.event, "requestContext", "condition")
    if not pointer or not condition:
        return None
    details = {
        "requestId": scalar(parcel.event, "requestContext", "requestId"),
        "functionError": scalar(parcel.event, "responseContext", "functionError"),
    }
    return Layer(
        Origin.LAMBDA_STREAM,
        parcel.body,
        parcel.attributes,
        evidence=(Evidence(Kind.ENVELOPE, "lambda", code=condition, details=said(details)),),
        payload=Payload.ABSENT,
        pointer=pointer,
        target=scalar(parcel.event, "requestContext", "functionArn"),
        attempts=integer(scalar(parcel.event, "requestContext", "approximateInvokeCount")),
        last_failure=moment(scalar(parcel.event, "timestamp")),
    )


def record(parcel: Parcel) -> Layer | None:
    """What a function is invoked with by SNS or SQS: a list of records. Only a list of one has one original."""
    records = field(parcel.event, "Records")
    if not isinstance(records, list) or len(records) != 1:
        return None
    (only,) = records
    notification = field(only, "Sns")
    if isinstance(notification, dict):
        return from_notification(notification)
    if scalar(only, "eventSource") != "aws:sqs" or not isinstance(field(only, "body"), str):
        return None
    return Layer(
        Origin.LAMBDA_RECORD,
        scalar(only, "body"),
        attributes_of(field(only, "messageAttributes")),
        source=scalar(only, "eventSourceARN"),
    )
