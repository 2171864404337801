"""Dead letters of EventBridge: of rules' targets, Scheduler, Pipes, and custom buses v2.

Rules and Scheduler keep the body and say what failed in attributes (EventBridge user guide, "Using dead-letter queues
to process undelivered events"; Scheduler user guide, "Configuring a dead-letter queue"). Pipes and buses v2 write a
record without the payload.
"""

from __future__ import annotations

from collections.abc import Mapping

from turnout.recovery.letter import Evidence, Kind, Layer, Origin, Payload
from turnout.recovery.shapes.parcel import Parcel, field, integer, said, scalar
from turnout.recovery.times import moment
from turnout.rules.model import Json

__all__ = ["batch_pointer", "bus", "bus_v2", "pipe", "rule", "scheduler"]

_RULE = ("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS", "EXHAUSTED_RETRY_CONDITION")
_SCHEDULER = (*_RULE, "SCHEDULE_ARN", "EXECUTION_ID", "SCHEDULED_TIME", "IS_PAYLOAD_TRUNCATED")
_BUS_V2 = (*_RULE, "SUBSCRIBER_ARN", "BUS_ARN")


def rule(parcel: Parcel) -> Layer | None:
    """What a rule's target did not take."""
    arn = parcel.attribute("RULE_ARN")
    target = parcel.attribute("TARGET_ARN")
    if not (arn or (target and parcel.attribute("ERROR_CODE"))):
        return None
    return Layer(
        Origin.EVENTBRIDGE_RULE,
        parcel.body,
        parcel.without(_RULE),
        evidence=(_by_attributes(parcel),),
        target=target,
        rules=(arn,) if arn else (),
        attempts=integer(parcel.attribute("RETRY_ATTEMPTS")),
    )


def bus(parcel: Parcel) -> Layer | None:
    """What the bus itself could not process: an error, but neither rule nor target. Turnout's own are asked before."""
    if not parcel.attribute("ERROR_CODE"):
        return None
    return Layer(
        Origin.EVENTBRIDGE_BUS,
        parcel.body,
        parcel.without(_RULE),
        evidence=(_by_attributes(parcel),),
        attempts=integer(parcel.attribute("RETRY_ATTEMPTS")),
    )


def scheduler(parcel: Parcel) -> Layer | None:
    """What a schedule's target did not take. The input may be cut off."""
    arn = parcel.attribute("SCHEDULE_ARN")
    if not arn:
        return None
    return Layer(
        Origin.EVENTBRIDGE_SCHEDULER,
        parcel.body,
        parcel.without(_SCHEDULER),
        evidence=(_by_attributes(parcel, "EXECUTION_ID", "SCHEDULED_TIME"),),
        payload=Payload.TRUNCATED if parcel.attribute("IS_PAYLOAD_TRUNCATED").lower() == "true" else Payload.WHOLE,
        source=arn,
        target=parcel.attribute("TARGET_ARN"),
        attempts=integer(parcel.attribute("RETRY_ATTEMPTS")),
        first_failure=moment(parcel.attribute("SCHEDULED_TIME")),
    )


def bus_v2(parcel: Parcel) -> Layer | None:
    """A record of a custom bus v2: ids of events, not the events. Attributes say the same as the body."""
    record = parcel.event
    messages = field(record, "failedMessages")
    by_body = isinstance(messages, list) and bool(scalar(record, "busArn") or scalar(record, "subscriberArn"))
    if not by_body and not parcel.attribute("SUBSCRIBER_ARN"):
        return None

    def either(attribute: str, member: str) -> str:
        return parcel.attribute(attribute) or scalar(record, member)

    ids = [scalar(message, "eventId") for message in messages] if isinstance(messages, list) else []
    ids = [event_id for event_id in ids if event_id]
    code = either("ERROR_CODE", "errorCode")
    return Layer(
        Origin.EVENTBRIDGE_BUS_V2,
        parcel.body,
        parcel.without(_BUS_V2),
        evidence=(
            Evidence(
                Kind.ATTRIBUTE if parcel.attribute("ERROR_CODE") else Kind.ENVELOPE,
                "eventbridge-bus-v2",
                code=code,
                message=either("ERROR_MESSAGE", "errorMessage"),
                details=said(
                    {"exhaustedRetryCondition": either("EXHAUSTED_RETRY_CONDITION", "exhaustedRetryCondition")}
                ),
            ),
        ),
        payload=Payload.ABSENT,
        pointer=said({"eventIds": " ".join(ids)}),
        source=either("BUS_ARN", "busArn"),
        target=either("TARGET_ARN", "targetArn") or either("SUBSCRIBER_ARN", "subscriberArn"),
        attempts=integer(either("RETRY_ATTEMPTS", "retryAttempts")),
        event_id=ids[0] if len(ids) == 1 else "",
    )


def pipe(parcel: Parcel) -> Layer | None:
    """A batch of a stream that a pipe gave up: where it is in the stream, not what it holds."""
    context = field(parcel.event, "context")
    resource = scalar(context, "partnerResourceArn")
    if not resource.startswith("arn:") or resource.split(":")[2:3] != ["pipes"]:
        return None
    pointer = batch_pointer(parcel.event)
    return Layer(
        Origin.EVENTBRIDGE_PIPE,
        parcel.body,
        parcel.attributes,
        evidence=(Evidence(Kind.ENVELOPE, "eventbridge-pipe", code=scalar(context, "condition")),),
        payload=Payload.ABSENT,
        pointer=pointer,
        source=resource,
        last_failure=moment(scalar(parcel.event, "timestamp")),
    )


def batch_pointer(record: Mapping[str, Json]) -> dict[str, str]:
    """Where in a stream a batch is; empty when the record speaks of none."""
    for name in ("KinesisBatchInfo", "DDBStreamBatchInfo"):
        batch = field(record, name)
        if isinstance(batch, dict):
            return {"stream": name, **said({member: scalar(batch, member) for member in batch})}
    return {}


def _by_attributes(parcel: Parcel, *others: str) -> Evidence:
    return Evidence(
        Kind.ATTRIBUTE,
        "eventbridge",
        code=parcel.attribute("ERROR_CODE"),
        message=parcel.attribute("ERROR_MESSAGE"),
        details=said({name: parcel.attribute(name) for name in ("EXHAUSTED_RETRY_CONDITION", *others)}),
    )
