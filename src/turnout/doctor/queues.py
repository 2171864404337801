"""Judges queues: what is lost, comes twice or gets stuck because of how they are set up.

Facts about SQS are from its developer guide: a redriven message of a standard queue keeps its age; EventBridge cannot
use the key that AWS manages for SQS; a Lambda function wants a visibility timeout of six times its own timeout.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.doctor.facts import Attributes, Caller, KeyFacts, MappingFacts, QueueFacts, Role, Silence, Why
from turnout.doctor.findings import Finding, error, fine, silent, unknown, warning
from turnout.doctor.policies import grants, redrive_policy
from turnout.recovery.report.words import span
from turnout.settings import Settings, variable
from turnout.sqs.api import MAX_MESSAGE_BYTES
from turnout.words import count

__all__ = ["judge_queue", "number"]

_FEW_RECEIVES = 3
_MANY_RECEIVES = 100
_LONGEST = 1_209_600  # for which any queue keeps messages
_IN_FLIGHT_LIMIT = 120_000  # both kinds of queue, since November 2024


def judge_queue(queue: QueueFacts, settings: Settings, caller: Caller) -> Iterator[Finding]:
    """Everything about one queue by itself."""
    attributes = queue.attributes
    if isinstance(attributes, Silence):
        advice = (
            "create it (turnout queues create, or deploy/terraform), or correct the URL; look at region and account"
        )
        yield silent("queue", queue.name, _what(queue), attributes, advice, place=f": {queue.url}")
        return
    yield fine("queue", queue.name, f"{_what(queue)}, {number(attributes, 'ApproximateNumberOfMessages'):,} waiting")
    if queue.role is Role.SOURCE:
        yield from _redrive(queue, attributes)
        yield from _backlog(queue, attributes)
        yield from _visibility(queue, settings)
    if queue.role is Role.DEAD_LETTER:
        yield from _letters(queue, attributes)
        yield from _ways_on(queue, attributes)
    yield from _mappings(queue, attributes)
    yield from _delay(queue, attributes)
    yield from _size(queue, attributes)
    if not caller.emulator:
        yield from _encryption(queue, attributes)
        yield from _policy(queue, attributes)


def _what(queue: QueueFacts) -> str:
    return f"target {', '.join(queue.targets)}" if queue.role is Role.TARGET else f"{queue.role} queue"


def _redrive(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    check = "redrive"
    policy = redrive_policy(attributes)
    if policy is None:
        yield warning(
            check,
            queue.name,
            "no redrive policy: what never settles comes back until it is too old, and is then deleted by SQS",
            "set a RedrivePolicy to a dead-letter queue with maxReceiveCount 5",
        )
        return
    arn, receives = policy
    to = arn.rpartition(":")[2]
    if receives < _FEW_RECEIVES:
        yield warning(
            check,
            queue.name,
            f"maxReceiveCount is {receives}: one ill-timed restart, and SQS moves messages away without a reason",
            "set maxReceiveCount to 5 or more; each hand-back (drain, full target, busy event) costs a receive",
        )
    elif receives > _MANY_RECEIVES:
        yield warning(
            check,
            queue.name,
            f"maxReceiveCount is {receives}: a message that ends the process is tried as often",
            "set maxReceiveCount to about 5",
        )
    else:
        # A message whose targets are all full is handed back for five minutes at a time.
        yield fine(check, queue.name, f"after {receives} receives to {to}; lasts {receives * 5} min of full targets")
    yield from _retention(queue, attributes, to)


def _retention(queue: QueueFacts, attributes: Attributes, to: str) -> Iterator[Finding]:
    check, target = "retention", queue.redrive_to
    if isinstance(target, Silence) and target.why is Why.MISSING:
        yield error(
            check,
            queue.name,
            f"its redrive policy names {to}, which does not exist",
            "create that queue, or name another",
        )
        return
    if target is None or isinstance(target, Silence):
        said = f" ({target.code})" if target else ""
        yield unknown(
            check, queue.name, f"the settings of {to} are not known{said}", f"allow GetQueueAttributes on {to}"
        )
        return
    ours, theirs = (number(each, "MessageRetentionPeriod") for each in (attributes, target))
    if not ours or not theirs:  # AWS always says; ElasticMQ never does
        yield unknown(
            check, queue.name, f"how long it and {to} keep messages is not told", "in AWS the latter must keep longer"
        )
    elif queue.url.endswith(".fifo") or theirs > ours:
        yield fine(check, queue.name, f"kept {span(ours)}, then {span(theirs)} in {to}")
    else:
        yield error(
            check,
            queue.name,
            f"{to} keeps messages {span(theirs)}, this queue {span(ours)}: redriven messages keep their age, so some "
            "are gone before anybody sees them",
            f"set MessageRetentionPeriod of {to} to {_LONGEST} (14 days)"
            if theirs < _LONGEST
            else "set MessageRetentionPeriod of this queue to less, such as 345600 (4 days)",
        )


def _backlog(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    held = number(attributes, "ApproximateNumberOfMessagesNotVisible")
    if held > _IN_FLIGHT_LIMIT * 0.8:
        yield warning(
            "in-flight",
            queue.name,
            f"{held:,} messages are in flight; from {_IN_FLIGHT_LIMIT:,} on SQS hands out nothing",
            "look for consumers that hold messages without deleting them; lower TURNOUT_MAX_IN_FLIGHT, or add queues",
        )


def _visibility(queue: QueueFacts, settings: Settings) -> Iterator[Finding]:
    if settings.visibility_seconds < 30:
        yield warning(
            "visibility",
            queue.name,
            f"the worker asks for {settings.visibility_seconds} s: a pause as long makes SQS hand messages out twice",
            f"set {variable('visibility_seconds')} to 60; it is extended while a message is held",
        )


def _mappings(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    check = "visibility"
    visible = number(attributes, "VisibilityTimeout")
    if isinstance(queue.mappings, Silence):
        advice = f"if one does, allow {queue.mappings.action}: its timeout and its batches are then looked at"
        yield unknown(
            "functions", queue.name, f"whether a function reads it is not told: {queue.mappings.code}", advice
        )
    for mapping in _enabled(queue):
        name = mapping.function
        if mapping.timeout_seconds is not None:
            needed = 6 * mapping.timeout_seconds + mapping.window_seconds
            if visible < needed:
                yield error(
                    check,
                    queue.name,
                    f"visibility {visible} s, but the function {name} takes up to {mapping.timeout_seconds} s: while "
                    "it is throttled, messages come back and are moved away undelivered",
                    f"set VisibilityTimeout to {needed} (six times the timeout, and the batching window)",
                )
            else:
                yield fine(check, queue.name, f"{visible} s, six times the timeout of {name}")
        if not mapping.reports_failures:
            yield error(
                "partial-batch",
                queue.name,
                f"the mapping to {name} does not report single failures: one makes the whole batch come back",
                "set FunctionResponseTypes to ReportBatchItemFailures",
            )


def _enabled(queue: QueueFacts) -> list[MappingFacts]:
    mappings = () if isinstance(queue.mappings, Silence) else queue.mappings or ()
    return [mapping for mapping in mappings if mapping.enabled]


def _letters(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    waiting = number(attributes, "ApproximateNumberOfMessages")
    held = number(attributes, "ApproximateNumberOfMessagesNotVisible")
    if waiting or held:
        said = f"{count(waiting, 'letter')} waiting here" if waiting else "no letter can be seen here now"
        yield warning(
            "letters",
            queue.name,
            f"{said}, about {held:,} more held by another run or a consumer" if held else said,
            "see what they are: turnout dlq list; why, and what to do: turnout dlq report",
        )


def _ways_on(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    """Where letters go that stay: nowhere when people see to them, to another queue when a function does."""
    functions = [mapping.function for mapping in _enabled(queue)]
    redrives = bool(attributes.get("RedrivePolicy"))
    if redrives and functions:
        yield fine("letters", queue.name, f"what {functions[0]} does not recover goes to another queue, for people")
    elif redrives:
        yield warning(
            "letters",
            queue.name,
            "the dead-letter queue has a redrive policy of its own: looking at letters often enough moves them away",
            "remove its RedrivePolicy, unless a function or a state machine recovers what comes here: they need it",
        )
    elif functions:
        yield warning(
            "letters",
            queue.name,
            f"no redrive policy: what {functions[0]} cannot recover comes back to it until it is too old, and is then "
            "deleted by SQS",
            "set a RedrivePolicy to a queue for people, with maxReceiveCount 5 or less",
        )


def _delay(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    if delay := number(attributes, "DelaySeconds"):
        yield warning(
            "delay", queue.name, f"everything sent here waits {delay} s", "set DelaySeconds to 0, unless that is wanted"
        )


def _size(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    most = number(attributes, "MaximumMessageSize") or MAX_MESSAGE_BYTES
    if most >= MAX_MESSAGE_BYTES or queue.role is Role.SOURCE:
        yield fine("size", queue.name, f"messages up to {most // 1024:,} KiB")


def _encryption(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    check, key = "encryption", attributes.get("KmsMasterKeyId", "")
    if not key:
        if attributes.get("SqsManagedSseEnabled", "").lower() == "true":
            yield fine(check, queue.name, "encrypted by SQS")
        else:
            yield warning(check, queue.name, "messages are not encrypted at rest", "set SqsManagedSseEnabled to true")
        return
    aws_managed = key.endswith("alias/aws/sqs") or (isinstance(queue.key, KeyFacts) and queue.key.manager == "AWS")
    bridged = queue.role is Role.SOURCE or any(grant.eventbridge for grant in grants(attributes.get("Policy", "")))
    if aws_managed and bridged:
        yield error(
            check,
            queue.name,
            "encrypted with the key that AWS manages for SQS, which EventBridge may not use: its events are lost",
            "use SSE-SQS (SqsManagedSseEnabled), or a key of your own whose policy names events.amazonaws.com",
        )
    if isinstance(queue.key, KeyFacts):
        if queue.key.state == "Enabled":
            yield fine(check, queue.name, f"encrypted with {key}")
        else:
            yield error(
                check, queue.name, f"its key {key} is {queue.key.state}: nothing can be sent or read", "enable the key"
            )
    elif isinstance(queue.key, Silence):
        yield unknown(
            check, queue.name, f"its key {key} may not be looked at ({queue.key.code})", "allow kms:DescribeKey on it"
        )


def _policy(queue: QueueFacts, attributes: Attributes) -> Iterator[Finding]:
    check = "queue-policy"
    found = grants(attributes.get("Policy", ""))
    if any(grant.everybody and not grant.tied for grant in found):
        yield error(
            check,
            queue.name,
            "its policy lets anybody send to it",
            "limit the principal, or add a condition on aws:SourceArn or aws:PrincipalOrgID",
        )
        return
    bridge = [grant for grant in found if grant.eventbridge]
    if not bridge:
        if queue.role is Role.SOURCE:
            yield warning(
                check,
                queue.name,
                "EventBridge may not send to it",
                "if its events come from an EventBridge rule: allow events.amazonaws.com sqs:SendMessage, with "
                "aws:SourceArn of the rule",
            )
    elif all(grant.sources for grant in bridge):
        yield fine(check, queue.name, f"EventBridge may send for {', '.join(s for g in bridge for s in g.sources)}")
    else:
        whose = "whom its conditions name" if all(grant.tied for grant in bridge) else "any account"
        yield warning(
            check,
            queue.name,
            f"EventBridge may send to it for any rule of {whose}",
            "add the condition ArnEquals aws:SourceArn with the ARN of the rule",
        )


def number(attributes: Attributes, name: str) -> int:
    """An attribute that is a number; 0 when the queue does not tell it."""
    text = attributes.get(name, "")
    return int(text) if text.isascii() and text.isdigit() else 0
