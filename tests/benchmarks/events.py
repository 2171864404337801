"""The events that benchmarks route: 1.5 KB, made from a seed, in three shapes that say how many targets they go to.

The shapes answer to the three rules in `rulesets`: an event of shape 3 matches all of them, of shape 1 the last one,
of shape 0 none. Everything else in them differs from event to event, as it would in life.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

__all__ = ["EVENT_BYTES", "SHAPES", "events"]

EVENT_BYTES = 1_500
"""About how large an event is."""

# shape -> channel, priority, duration in milliseconds from and to
SHAPES = {
    0: ("chat", "normal", 1_000, 119_000),
    1: ("voice", "normal", 1_000, 119_000),
    3: ("voice", "critical", 121_000, 900_000),
}

# With doubled braces for str.format; the real thing is not pretty-printed either.
_EVENT = (
    '{{"version":"0","id":"{id}","detail-type":"Interaction Completed","source":"genesys.cloud",'
    '"account":"123456789012","time":"2025-12-12T15:04:25Z","region":"eu-west-1","resources":[],'
    '"detail":{{"id":"{id2}","topicName":"v2.detail.events.conversation.{conversation}.customer.end","version":"2",'
    '"channel":"{channel}","outcome":"completed","duration_ms":{duration},"direction":"INBOUND","provider":"Edge",'
    '"conversationId":"{conversation}","queueId":"{queue}","wrapUpCode":"{number:06d}",'
    '"tags":{{"priority":"{priority}","region":"emea","language":"de-CH"}},'
    '"participants":['
    '{{"id":"{p1}","purpose":"customer","sessionId":"{s1}","ani":"tel:+1555{number:07d}","dnis":"tel:+15555550000",'
    '"mediaType":"VOICE","connectedDurationMs":{duration},"flagged":false}},'
    '{{"id":"{p2}","purpose":"acd","sessionId":"{s2}","queueId":"{queue}","requestedRoutings":["STANDARD"],'
    '"usedRouting":"STANDARD","routingPriority":40}},'
    '{{"id":"{p3}","purpose":"agent","sessionId":"{s3}","userId":"{user}","mediaType":"VOICE","hold_ms":1250.5,'
    '"afterCallWorkMs":39674}}],'
    '"metadata":{{"CorrelationId":"{correlation}"}},"timestamp":"2025-12-12T15:04:25.301Z"}}}}'
)

_UUIDS = ("id", "id2", "conversation", "queue", "p1", "s1", "p2", "s2", "p3", "s3", "user", "correlation")


def events(shape: int, count: int, seed: int) -> Iterator[str]:
    """`count` event bodies of one shape; the same for the same seed."""
    channel, priority, shortest, longest = SHAPES[shape]
    rng = Random(seed)
    for number in range(count):
        bits = f"{rng.getrandbits(128 * len(_UUIDS)):0{32 * len(_UUIDS)}x}"
        ids = {name: _uuid(bits[32 * place : 32 * place + 32]) for place, name in enumerate(_UUIDS)}
        duration = rng.randint(shortest, longest)
        yield _EVENT.format(number=number, channel=channel, priority=priority, duration=duration, **ids)


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
