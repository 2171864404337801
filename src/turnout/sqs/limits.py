"""What SQS refuses in a message, checked locally: sizes, characters, attributes, FIFO parameters.

The in-memory queue refuses by these rules what SQS would refuse; callers may ask before they send. Sources: Amazon SQS
API reference (SendMessageBatch, MessageAttributeValue) and developer guide ("Amazon SQS message quotas").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from turnout.message import Attribute, sendable
from turnout.queues import queue_name
from turnout.sqs.api import MAX_BATCH_ENTRIES, MAX_MESSAGE_ATTRIBUTES, MAX_MESSAGE_BYTES, OutgoingMessage
from turnout.sqs.codes import call_error

__all__ = ["IDENTIFIER", "MAX_DELAY_SECONDS", "Refusal", "attribute_problem", "check_batch", "refusal"]

MAX_DELAY_SECONDS = 900

Refusal = tuple[str, str]
"""An error code in its short spelling, and a sentence."""

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_DATA_TYPE = re.compile(r"(String|Number|Binary)(\.[\x20-\x7e]+)?")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
IDENTIFIER = re.compile(r"[!-~]{1,128}")
"""A group or deduplication id: letters, digits and punctuation."""


def check_batch(entries: Sequence[object], operation: str, queue: str) -> None:
    """Raise `SqsRejected` unless there are 1 to 10 entries. `queue` is a URL."""
    if not entries:
        message = "There should be at least one entry in the request."
        raise call_error("EmptyBatchRequest", message, operation=operation, queue=queue_name(queue))
    if len(entries) > MAX_BATCH_ENTRIES:
        message = f"Maximum number of entries per request are 10. You have sent {len(entries)}."
        raise call_error("TooManyEntriesInBatchRequest", message, operation=operation, queue=queue_name(queue))


def refusal(message: OutgoingMessage, *, fifo: bool = False, max_bytes: int = MAX_MESSAGE_BYTES) -> Refusal | None:
    """Why SQS would refuse `message` on a queue of this kind, or None.

    Whether a FIFO message misses its group or deduplication id is a matter of the whole call, and not judged here.
    """
    if not message.body:
        return "MissingParameter", "The request must contain the parameter MessageBody."
    if message.body != sendable(message.body):
        return "InvalidMessageContents", "Invalid characters found in the message body."
    if len(message.attributes) > MAX_MESSAGE_ATTRIBUTES:
        count = len(message.attributes)
        return "InvalidParameterValue", f"Number of message attributes [{count}] exceeds the allowed maximum [10]."
    for name, attribute in message.attributes.items():
        problem = attribute_problem(name, attribute)
        if problem:
            return "InvalidParameterValue", problem
    if message.size() > max_bytes:
        return "InvalidParameterValue", f"Message must be shorter than {max_bytes} bytes."
    return _parameter_refusal(message, fifo)


def _parameter_refusal(message: OutgoingMessage, fifo: bool) -> Refusal | None:
    if not 0 <= message.delay_seconds <= MAX_DELAY_SECONDS:
        return "InvalidParameterValue", f"DelaySeconds must be between 0 and {MAX_DELAY_SECONDS}."
    if fifo and message.delay_seconds:
        return "InvalidParameterValue", "DelaySeconds is not allowed on a FIFO queue."
    for name, value in (("MessageGroupId", message.group_id), ("MessageDeduplicationId", message.deduplication_id)):
        if value is not None and not IDENTIFIER.fullmatch(value):
            return (
                "InvalidParameterValue",
                f"{name} can only include 1 to 128 alphanumeric and punctuation characters.",
            )
    if not fifo and message.deduplication_id is not None:
        return "InvalidParameterValue", "The request includes a parameter that is not valid for this queue type."
    return None


def attribute_problem(name: str, attribute: Attribute) -> str | None:
    """Why SQS would refuse a message with this attribute, or None."""
    if not name or len(name) > 256 or not _ATTRIBUTE_NAME.fullmatch(name):
        return f"The message attribute name '{name}' is not 1 to 256 of A-Z, a-z, 0-9, '_', '-' and '.'."
    if name.lower().startswith(("aws.", "amazon.")):
        return f"The message attribute name '{name}' starts with a reserved prefix."
    if len(attribute.data_type) > 256 or not _DATA_TYPE.fullmatch(attribute.data_type):
        return f"The message attribute '{name}' has an invalid data type."
    binary = attribute.data_type.startswith("Binary")
    if not (attribute.data if binary else attribute.text):
        return f"The message attribute '{name}' must contain a non-empty value."
    if (attribute.text if binary else attribute.data) is not None:
        return f"The message attribute '{name}' has a value of another type than it says."
    if attribute.text is not None and attribute.text != sendable(attribute.text):
        return f"Invalid characters found in the message attribute '{name}'."
    if attribute.data_type.startswith("Number") and not _NUMBER.fullmatch(attribute.text or ""):
        return f"The message attribute '{name}' is not a number."
    return None
