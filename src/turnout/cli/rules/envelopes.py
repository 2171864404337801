"""Says what was probably given in place of an event: several events, or one in the envelope in which it came."""

from __future__ import annotations

from turnout.rules.decode import decode
from turnout.rules.model import Rejection

__all__ = ["in_place_of_an_event"]

_MESSAGE, _RECORD = "jq -r '.Messages[{}].Body'", "jq -r '.Records[{}].body'"
_WITHIN = "the event is the text in it, which {} writes"


def in_place_of_an_event(body: bytes, wanted: str = "0") -> str:
    """A sentence with what to give instead; empty when it is an event, or nobody knows what it is.

    `wanted` is which of the messages in an envelope are to be taken out, as jq numbers them: empty for all.
    """
    document = decode(body)
    if isinstance(document, Rejection):
        first, _, rest = body.partition(b"\n")
        several = rest.strip() and not isinstance(decode(first), Rejection)
        return "these are several events, one in each line; give one of them: head -n 1 FILE" if several else ""
    match document:
        case {"Messages": [{"Body": str()}, *_]}:
            return f"this is an answer of SQS; {_WITHIN.format(_MESSAGE.format(wanted))}"
        case {"Records": [{"body": str()}, *_]}:
            return f"this is what a function gets from SQS; {_WITHIN.format(_RECORD.format(wanted))}"
        case {"Type": "Notification", "Message": str(), "TopicArn": str()}:
            advice = "a subscription with raw message delivery sends it without the envelope"
            return f"this is SNS's envelope; {_WITHIN.format('jq -r .Message')}; {advice}"
    return ""
