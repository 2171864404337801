"""Rule files for benchmarks: the three rules that the events answer to, and as many more that none of them matches."""

from __future__ import annotations

from pathlib import Path
from random import Random

__all__ = ["QUEUES", "write_rules"]

QUEUES = ("critical", "high", "standard")

_HEAD = """\
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}", priority: 0}
  high: {queue: "${HIGH_QUEUE_URL}", priority: 1}
  standard: {queue: "${STANDARD_QUEUE_URL}", priority: 5}
unmatched: drop
rules:
  - id: critical-priority
    when: detail.tags.priority == 'critical'
    send: [critical]
  - id: high-priority
    when: detail.tags.priority == 'high' or detail.duration_ms > 120000
    send: [high]
  - id: standard-priority
    when: detail.channel == 'voice' and detail.outcome == 'completed'
    send: [standard]
"""


def write_rules(folder: Path, count: int) -> Path:
    """Write a rule file of `count` rules; its path.

    All after the first three are near misses of the kinds that operators write many of: one queue of many, a queue
    under conditions that most events meet, a prefix, a threshold, a member of a list.
    """
    rng = Random(count)
    lines = [_HEAD]
    for number in range(3, count):
        digits = f"{rng.getrandbits(128):032x}"
        queue = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        condition = (
            f"detail.queueId == '{queue}'",
            f"detail.direction == 'INBOUND' and detail.queueId == '{queue}' and detail.duration_ms > {number}",
            f"starts_with(detail.conversationId, 'z{digits[:7]}')",
            f"detail.duration_ms > {1_000_000 + rng.randrange(1_000_000)}",
            f"detail.participants[*].userId == '{queue}' and detail.channel in ['voice', 'chat']",
        )[number % 5]
        lines.append(f"  - id: rule-{number}\n    when: {condition}\n    send: [{QUEUES[number % 3]}]\n")
    path = folder / f"rules-{count}.yaml"
    path.write_text("".join(lines))
    return path
