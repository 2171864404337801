"""Builds dead letters of every origin, in the shapes that AWS writes, around one event of our own."""

from __future__ import annotations

import json
from typing import Any

from turnout.letter import LetterAttribute, sealed_attributes
from turnout.message import Attribute

CONVERSATION = "7d4c1f0a-53b2-4f0e-9a67-1b2c3d4e5f60"
EVENT_ID = "0c9a4a55-0000-4000-8000-00000000e001"
EVENT_TYPE = "v2.detail.events.conversation.{id}.user.end"
SENT_MS = 1_765_552_590_101
TARGET = "arn:aws:sqs:eu-west-1:111122223333:crm"
RULE = "arn:aws:events:eu-west-1:111122223333:rule/bus/to-crm"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:handler:$LATEST"

EVENT: dict[str, Any] = {
    "version": "0",
    "id": EVENT_ID,
    "detail-type": EVENT_TYPE,
    "source": "aws.partner/genesys.com/cloud/11111111-2222-4333-8444-555555555555/acme",
    "account": "111122223333",
    "time": "2025-12-12T15:15:07Z",
    "region": "eu-west-1",
    "resources": [],
    "detail": {
        "topicName": f"v2.detail.events.conversation.{CONVERSATION}.user.end",
        "version": "2",
        "eventBody": {"conversationId": CONVERSATION, "ani": "tel:+14295550100", "mediaType": "VOICE"},
        "timestamp": "2025-12-12T15:15:07.919Z",
    },
}

# Spaces, an escape and a number that no decoder writes the same way: what comes out must be this text.
BODY = json.dumps(EVENT).replace('"VOICE"', '"VO\\u0049CE" ,  "score": 1.50e0')


def strings(**attributes: str) -> dict[str, Any]:
    return {name: {"StringValue": value, "DataType": "String"} for name, value in attributes.items()}


def message(body: str, attributes: dict[str, Any] | None = None, **system: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "MessageId": "5b0f9d5c-0000-4000-8000-000000000001",
        "ReceiptHandle": "AQEB-handle",
        "Body": body,
        "Attributes": {"SentTimestamp": str(SENT_MS), "ApproximateReceiveCount": "3", **system},
    }
    if attributes:
        found["MessageAttributes"] = attributes
    return found


def boto_attributes(attributes: dict[str, Attribute]) -> dict[str, Any]:
    return {
        name: {"DataType": value.data_type}
        | ({"StringValue": value.text} if value.text is not None else {"BinaryValue": value.data})
        for name, value in attributes.items()
    }


def own(body: str = BODY, originals: dict[str, Attribute] | None = None, **fields: Any) -> dict[str, Any]:
    letter = LetterAttribute(
        **{
            "reason": "RETRIES_EXHAUSTED",
            "fault": "system",
            "message": "SendMessageBatch crm: ThrottlingException: Rate exceeded (after 5 attempts)",
            "source": "events",
            "event_id": EVENT_ID,
            "rules": ("vip", "voice"),
            "owed": ("crm",),
            "done": ("audit", "archive"),
            "attempts": 5,
            "first_failure": "2025-12-12T15:15:10.000+00:00",
            "last_failure": "2025-12-12T15:16:10.000+00:00",
            "ruleset": "f1",
            "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            **fields,
        }
    )
    return message(body, boto_attributes(sealed_attributes(letter, originals or {}, len(body))))


def rule(code: str, error: str = "", body: str = BODY, **others: str) -> dict[str, Any]:
    named = {"RULE_ARN": RULE, "TARGET_ARN": TARGET, "ERROR_CODE": code, "RETRY_ATTEMPTS": "185", **others}
    if error:
        named["ERROR_MESSAGE"] = error
    return message(body, strings(**named))


def scheduler(code: str, body: str = BODY, **others: str) -> dict[str, Any]:
    named = {
        "SCHEDULE_ARN": "arn:aws:scheduler:eu-west-1:111122223333:schedule/default/nightly",
        "TARGET_ARN": TARGET,
        "ERROR_CODE": code,
        "ERROR_MESSAGE": "it failed",
        "EXECUTION_ID": "e-1",
        "SCHEDULED_TIME": "2025-12-12T15:00:00Z",
        "RETRY_ATTEMPTS": "2",
        "IS_PAYLOAD_TRUNCATED": "false",
        **others,
    }
    return message(body, strings(**named))


def bus_v2(code: str, ids: list[str]) -> dict[str, Any]:
    record = {
        "version": "1.0",
        "busArn": "arn:aws:events:eu-west-1:111122223333:event-bus/orders",
        "subscriberArn": "arn:aws:events:eu-west-1:111122223333:subscriber/s",
        "targetArn": TARGET,
        "errorCode": code,
        "errorMessage": "said so",
        "exhaustedRetryCondition": "MaximumRetryAttempts",
        "retryAttempts": 7,
        "failedMessages": [{"eventId": event_id} for event_id in ids],
    }
    return message(json.dumps(record))


def lambda_async(error: str, status: str = "200", body: str = BODY) -> dict[str, Any]:
    attributes = strings(RequestID="r-1", ErrorMessage=error)
    attributes["ErrorCode"] = {"StringValue": status, "DataType": "Number"}
    return message(body, attributes)


def destination_text(error: str, condition: str = "RetriesExhausted", payload: str = BODY) -> str:
    context = {"requestId": "r-1", "functionArn": FUNCTION, "condition": condition, "approximateInvokeCount": 3}
    response = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    answer = {"errorMessage": error, "errorType": "HTTPError", "stackTrace": ["x"]}
    return (
        f'{{"version": "1.0", "timestamp": "2025-12-12T15:17:11.204Z", "requestContext": {json.dumps(context)},'
        f' "requestPayload" : {payload} , "responseContext": {json.dumps(response)},'
        f' "responsePayload": {json.dumps(answer)}}}'
    )


def destination_by_bus(error: str) -> dict[str, Any]:
    event = {
        "version": "0",
        "id": "an-id-of-the-report",
        "detail-type": "Lambda Function Invocation Result - Failure",
        "source": "lambda",
        "time": "2025-12-12T15:17:12Z",
        "resources": [FUNCTION, TARGET],
        "detail": {},
    }
    return message(json.dumps(event).replace('"detail": {}', f'"detail": {destination_text(error)}'))


def stream_batch(name: str = "KinesisBatchInfo") -> dict[str, Any]:
    return {
        name: {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": "49673154",
            "endSequenceNumber": "49673162",
            "batchSize": 3,
            "streamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/events",
        }
    }


def stream(name: str = "KinesisBatchInfo") -> dict[str, Any]:
    context = {
        "requestId": "r",
        "functionArn": FUNCTION,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    }
    return message(
        json.dumps({"requestContext": context, "timestamp": "2025-12-12T15:17:30.010Z", **stream_batch(name)})
    )


def pipe() -> dict[str, Any]:
    context = {
        "partnerResourceArn": "arn:aws:pipes:eu-west-1:111122223333:pipe/p",
        "condition": "RetryAttemptsExhausted",
    }
    return message(
        json.dumps({"context": context, "version": "1.0", "timestamp": "2025-12-12T15:18:00.500Z", **stream_batch()})
    )


def notification(text: str = BODY) -> dict[str, Any]:
    return {
        "Type": "Notification",
        "MessageId": "n-1",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:events",
        "Message": text,
        "Timestamp": "2025-12-12T15:15:08.300Z",
        "MessageAttributes": {
            "tier": {"Type": "String", "Value": "gold"},
            "key": {"Type": "Binary", "Value": "AP8="},
        },
    }


def envelope(error: Any, original: Any = BODY) -> dict[str, Any]:
    return message(
        json.dumps(
            {"original_message": original, "receipt_handle": "AQEB", "error": error, "timestamp": 1_765_552_590.5}
        )
    )


def failed_event(code: str, reason: str) -> dict[str, Any]:
    entity = {
        "id": "f-1",
        "eventType": "conversation.ended",
        "failureCode": code,
        "failureReason": reason,
        "stackTrace": "Traceback ...",
        "payload": {"interactionId": CONVERSATION, "ani": "tel:+14295550100"},
    }
    return message(json.dumps(entity))
