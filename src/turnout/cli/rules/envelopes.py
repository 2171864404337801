"""Says what was probably given in place of an event: several events, or one in the envelope in which it came."""

from __future__ import annotations

from turnout.rules.decode import decode
from turnout.rules.model import Rejection

__all__ = ["in_place_of_an_event"]

_MESSAGE, _RECORD = "jq -r '.Messages[0].Body'", "jq -r '.Records[0].body'"
_WITHIN = "the event is the text in it, which {} writes"


def in_place_of_an_event(body: bytes) -> str:
    """A sentence with what to give instead; empty when it is an event, or nobody knows what it is."""
    document = decode(body)
    if isinstance(document, Rejection):
        first, _, rest = body.partition(b"\n")
        several = rest.strip() and not isinstance(decode(first), Rejection)
        return "these are several events, one in each line; give one of them: head -n 1 FILE" if several else ""
    match document:
        case {"Messages": [{"Body": str()}, *_]}:
            return f"this is an answer of SQS; {_WITHIN.format(_MESSAGE)}"
        case {"Records": [{"body": str()}, *_]}:
            return f"this is what a function gets from SQS; {_WITHIN.format(_RECORD)}"
        case {"Type": "Notification", "Message": str(), "TopicArn": str()}:
            advice = "a subscription with raw message delivery sends it without the envelope"
            return f"this is SNS's envelope; {_WITHIN.format('jq -r .Message')}; {advice}"
    return ""
