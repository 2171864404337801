"""Judges what only several queues show together: order, sizes, for how long letters are kept, and rules that ask what a
queue cannot do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from turnout.doctor.facts import QueueFacts, Role, Silence
from turnout.doctor.findings import Finding, error, fine, warning
from turnout.doctor.policies import redrive_policy
from turnout.doctor.queues import number
from turnout.queues import queue_key
from turnout.recovery.report.words import span
from turnout.rules.model import Rule
from turnout.sqs.api import MAX_MESSAGE_BYTES

__all__ = ["judge_together"]


def judge_together(queues: Sequence[QueueFacts], rules: Sequence[Rule]) -> Iterator[Finding]:
    """Everything about the queues that depends on other queues or on the rules."""
    sources = [queue for queue in queues if queue.role is Role.SOURCE]
    yield from _order(queues, sources)
    yield from _sizes(queues, sources)
    yield from _retention(queues, sources)
    yield from _rules(queues, rules)
    yield from _roles(queues)


def _order(queues: Sequence[QueueFacts], sources: Sequence[QueueFacts]) -> Iterator[Finding]:
    ordered = [queue for queue in sources if _fifo(queue)]
    for queue in queues:
        if ordered and queue.role is Role.TARGET and not _fifo(queue):
            yield warning(
                "order",
                queue.name,
                f"{ordered[0].name} keeps order, this target does not",
                "make it a FIFO queue if its consumers rely on order",
            )
        if queue.role is Role.DEAD_LETTER and ordered and not _fifo(queue):
            yield fine("order", queue.name, "letters of FIFO sources are sent here; SQS itself cannot redrive to it")


def _sizes(queues: Sequence[QueueFacts], sources: Sequence[QueueFacts]) -> Iterator[Finding]:
    largest = max((_most(queue) for queue in sources), default=0)
    for queue in queues:
        most = _most(queue)
        if not largest or most >= largest or queue.role is Role.SOURCE or isinstance(queue.attributes, Silence):
            continue
        what = f"takes {most // 1024:,} KiB, the source {largest // 1024:,} KiB"
        advice = f"set MaximumMessageSize to {largest}"
        if queue.role is Role.DEAD_LETTER:
            yield error("size", queue.name, f"{what}: letters of larger messages cannot be written", advice)
        else:
            yield warning("size", queue.name, f"{what}: larger events are dead-lettered", advice)


def _retention(queues: Sequence[QueueFacts], sources: Sequence[QueueFacts]) -> Iterator[Finding]:
    """Where the sources redrive to is judged with each of them; letters may be written to another queue."""
    policies = [redrive_policy(queue.attributes) for queue in sources if not isinstance(queue.attributes, Silence)]
    redriven = {policy[0] for policy in policies if policy}
    ours = max((_kept(queue) for queue in sources), default=0)
    for queue in queues:
        if queue.role is not Role.DEAD_LETTER or isinstance(queue.attributes, Silence):
            continue
        if queue.attributes.get("QueueArn") in redriven or not 0 < _kept(queue) < ours:
            continue
        yield warning(
            "retention",
            queue.name,
            f"letters are kept {span(_kept(queue))} here, events {span(ours)} in their source: some are gone before "
            "anybody sees them",
            "set MessageRetentionPeriod to 1209600 (14 days)",
        )


def _rules(queues: Sequence[QueueFacts], rules: Sequence[Rule]) -> Iterator[Finding]:
    for queue in queues:
        for rule in rules:
            if not rule.enabled or not set(rule.send) & set(queue.targets):
                continue
            if _fifo(queue) and rule.delay:
                yield warning(
                    "rules",
                    queue.name,
                    f"rule {rule.id} asks for a delay, which a FIFO queue does not know per message",
                    "set DelaySeconds on the queue, or send to a standard queue",
                )
            if not _fifo(queue) and rule.deduplicate is not None:
                yield warning(
                    "rules",
                    queue.name,
                    f"rule {rule.id} sets deduplicate, which only FIFO queues heed",
                    "send to a FIFO queue, or remove it (TURNOUT_IDEMPOTENCY is for all kinds of targets)",
                )


def _roles(queues: Sequence[QueueFacts]) -> Iterator[Finding]:
    urls = {queue_key(queue.url): queue.role for queue in queues if queue.role is not Role.TARGET}
    for queue in queues:
        if queue.role is Role.TARGET and (role := urls.get(queue_key(queue.url))):
            what = "events go round and round" if role is Role.SOURCE else "events look like letters there"
            yield error(
                "roles",
                queue.name,
                f"the target {', '.join(queue.targets)} is also the {role} queue: {what}",
                "give the target a queue of its own",
            )


def _fifo(queue: QueueFacts) -> bool:
    return queue.url.endswith(".fifo")


def _kept(queue: QueueFacts) -> int:
    return 0 if isinstance(queue.attributes, Silence) else number(queue.attributes, "MessageRetentionPeriod")


def _most(queue: QueueFacts) -> int:
    if isinstance(queue.attributes, Silence):
        return 0
    return number(queue.attributes, "MaximumMessageSize") or MAX_MESSAGE_BYTES
