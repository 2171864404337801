"""What the spans look like: finished span records, built from the records of `turnout.account` once all is over.

The tree (facts of the messaging conventions, and the choices they leave open):

    process {queue}            CONSUMER  child of the message's creation context, else a root; links to `receive`;
    |                                    of a replay a root, with a link to that context
    |-- evaluate rules         INTERNAL
    |-- create {target queue}  PRODUCER  one per delivery and for the letter; *this* context travels with the message;
    |                                    retries are its events; links to the batches it was sent in
    `-- delete {queue}         CLIENT    the batch call, told once per message so that one trace tells the whole story
    receive {queue}            CLIENT    root, links to the creation contexts of the messages it brought
    send {target queue}        CLIENT    links to the `create` spans it carried; a call of one message is the child of
                                         its `create` span, a batch belongs to no message and is a root

Both ends carry the link between `create` and a batch's `send`, because Jaeger shows a link only on the span that has
it. Parent and child are not linked besides: Jaeger would take the link for the relation and forget that it is a child.
Nothing of a body and no contact data is ever put on a span.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from turnout.account import Account, Call, Delivery, Outcome, State
from turnout.failures import Failure, Reason
from turnout.message import REPLAY
from turnout.telemetry import semconv
from turnout.telemetry.records import (
    CallTrace,
    Event,
    Kind,
    Link,
    Matched,
    Span,
    Trace,
    Value,
    new_span_id,
    process_span_id,
)
from turnout.telemetry.semconv import clean, queue_attributes

__all__ = ["MOST_CALLS", "build", "build_call", "count", "failed"]

# Named once, for what that costs: see `turnout.account`.
_DELIVERED, _DROPPED = Outcome.DELIVERED, Outcome.DROPPED

_OTHER = "_OTHER"
"""The conventions' `error.type` where nothing better is known."""
_MOST_RULES = 64
MOST_CALLS = 64
"""Attempts of one delivery, the last ones, that are told. A target may be down for hours."""
_UNREADABLE = frozenset({Reason.INVALID_JSON, Reason.NOT_AN_OBJECT, Reason.TOO_DEEP, Reason.MISSING_FIELD})
"""Reasons that are found while the event is decoded and the rules are evaluated."""


def failed(account: Account) -> bool:
    """Whether this message must be traced because something went wrong with it."""
    if account.outcome is _DELIVERED or account.outcome is _DROPPED:
        return account.delete is not None and account.delete.error != ""
    return (
        account.failure is not None
        or account.letter is not None
        or account.delete is not None  # it was done, and then it could not be deleted: it will come again
        or any(delivery.state is State.FAILED for delivery in account.deliveries)
    )


def count(account: Account) -> int:
    """How many spans `build` makes for this message."""
    evaluated, letter, deleted = account.routed_ns > 0, account.letter is not None, account.delete is not None
    return 1 + evaluated + len(account.deliveries) + letter + deleted


def build(account: Account, trace: Trace) -> list[Span]:
    """All spans of one settled message, parents first. Span ids given out early (`span_id`) are honoured."""
    matched = cast("Matched | None", account.match)
    end_ns = account.settled_ns or account.received_ns
    about: dict[str, Value] = {}
    rules: list[str] = []
    if matched is not None:
        if matched.conversation_id:
            about[semconv.CONVERSATION_ID] = clean(matched.conversation_id)
        rules = [clean(rule) for rule in matched.rules[:_MOST_RULES]]
    process = _process_attributes(account, matched, rules, about)
    receive = account.receive.span
    spans = [
        Span(
            name=f"process {process[semconv.DESTINATION]}",
            kind=Kind.CONSUMER,
            trace=trace.id,
            span_id=process_span_id(account),
            parent=int(trace.parent, 16) if trace.parent else 0,
            start_ns=account.received_ns,
            end_ns=end_ns,
            attributes=process,
            links=_process_links(receive, trace),
            error=_process_error(account, process),
            remote_parent=True,
            state=trace.state,
        )
    ]
    if account.routed_ns:
        spans.append(_evaluate(account, trace, rules))
    spans += [_create(delivery, trace, about) for delivery in account.deliveries]
    if account.letter is not None:
        spans.append(_create(account.letter, trace, about, letter_of=account))
    if account.delete is not None:
        spans.append(_delete(account, trace, account.delete))
    return spans


def _process_attributes(
    account: Account, matched: Matched | None, rules: list[str], about: dict[str, Value]
) -> dict[str, Value]:
    message = account.message
    process: dict[str, Value] = {
        **queue_attributes(message.queue),
        semconv.OPERATION_NAME: semconv.PROCESS,
        semconv.OPERATION_TYPE: semconv.PROCESS,
        semconv.MESSAGE_ID: message.id,
        semconv.RECEIVE_COUNT: message.receive_count,
        **about,
    }
    if matched is not None:
        process[semconv.RULES_MATCHED] = rules
        if matched.event_id:
            process[semconv.EVENT_ID] = clean(matched.event_id)
        if matched.event_type:
            process[semconv.EVENT_TYPE] = clean(matched.event_type)
    if REPLAY in message.attributes:
        process[semconv.REPLAY_ID] = clean(message.attributes[REPLAY].text or "")
    if account.fingerprint:
        process[semconv.RULESET] = account.fingerprint
    if account.outcome is not None:
        process[semconv.OUTCOME] = account.outcome.value
    return process


def _process_links(receive: object, trace: Trace) -> list[Link]:
    links = [Link(receive.trace, receive.span_id)] if isinstance(receive, CallTrace) else []
    if trace.replayed is not None and trace.replayed.span:
        links.append(Link(trace.replayed.trace, int(trace.replayed.span, 16), remote=True))
    return links


def _process_error(account: Account, attributes: dict[str, Value]) -> str | None:
    """Set `error.type` and say what to describe the error as, when the message as a whole failed."""
    if not failed(account):
        return None
    failure = _cause(account)
    if failure is None:
        code = account.delete.error if account.delete is not None else ""
        attributes[semconv.ERROR_TYPE] = clean(code) or _OTHER
        return "The message is done, but could not be deleted; it may be delivered again."
    attributes[semconv.ERROR_TYPE] = failure.reason.value
    attributes[semconv.LETTER_FAULT] = failure.fault.value
    return clean(failure.message)


def _cause(account: Account) -> Failure | None:
    if account.failure is not None:
        return account.failure
    for delivery in account.deliveries:
        if delivery.failure is not None and delivery.state is State.FAILED:
            return delivery.failure
    return None


def _evaluate(account: Account, trace: Trace, rules: list[str]) -> Span:
    attributes: dict[str, Value] = {semconv.RULES_MATCHED: rules, semconv.RULESET: account.fingerprint}
    failure = account.failure
    error = None
    if failure is not None and failure.reason in _UNREADABLE:
        attributes[semconv.ERROR_TYPE] = failure.reason.value
        error = clean(failure.message)
    return Span(
        name=semconv.EVALUATE,
        kind=Kind.INTERNAL,
        trace=trace.id,
        span_id=new_span_id(),
        parent=process_span_id(account),
        start_ns=account.routed_ns,
        end_ns=account.evaluated_ns or account.routed_ns,
        attributes=attributes,
        error=error,
        state=trace.state,
    )


def _create(delivery: Delivery, trace: Trace, about: Mapping[str, Value], letter_of: Account | None = None) -> Span:
    calls = delivery.calls[-MOST_CALLS:]
    url = delivery.queue
    attributes: dict[str, Value] = {
        **(
            queue_attributes(url) if url else {semconv.SYSTEM: semconv.SYSTEM_SQS, semconv.DESTINATION: delivery.target}
        ),
        semconv.OPERATION_NAME: semconv.CREATE,
        semconv.OPERATION_TYPE: semconv.CREATE,
        semconv.TARGET: delivery.target,
        semconv.OUTCOME: Outcome.DELIVERED.value if delivery.state is State.DONE else delivery.state.value,
        semconv.ATTEMPTS: delivery.attempts,
        **about,
    }
    if delivery.message_id:
        attributes[semconv.MESSAGE_ID] = delivery.message_id
    if letter_of is not None:
        _describe_letter(letter_of, attributes)
    error = None
    failure = delivery.failure
    if failure is not None and delivery.state is State.FAILED:
        attributes[semconv.ERROR_TYPE] = clean(failure.code) or failure.reason.value
        error = clean(failure.message)
    return Span(
        name=f"create {attributes[semconv.DESTINATION]}",
        kind=Kind.PRODUCER,
        trace=trace.id,
        span_id=delivery.span_id or new_span_id(),
        parent=process_span_id(delivery.account),
        start_ns=delivery.queued_ns,
        end_ns=delivery.settled_ns or delivery.account.settled_ns or delivery.queued_ns,
        attributes=attributes,
        links=[
            Link(call.span.trace, call.span.span_id)
            for call in calls
            if isinstance(call.span, CallTrace) and not call.span.parent
        ],
        events=[
            Event(
                semconv.RETRY,
                retry.at_ns,
                {semconv.ERROR_TYPE: clean(retry.code), semconv.RETRY_DELAY: retry.delay_seconds},
            )
            for retry in delivery.retries[-MOST_CALLS:]
        ],
        error=error,
        state=trace.state,
    )


def _describe_letter(account: Account, attributes: dict[str, Value]) -> None:
    failure = _cause(account)
    if failure is not None:
        attributes[semconv.LETTER_REASON] = failure.reason.value
        attributes[semconv.LETTER_FAULT] = failure.fault.value
    owed = [delivery.target for delivery in account.deliveries if delivery.state is not State.DONE]
    if owed:
        attributes[semconv.LETTER_OWED] = owed


def _delete(account: Account, trace: Trace, call: Call) -> Span:
    attributes: dict[str, Value] = {
        **queue_attributes(call.queue),
        semconv.OPERATION_NAME: semconv.DELETE,
        semconv.OPERATION_TYPE: semconv.SETTLE,
        semconv.MESSAGE_ID: account.message.id,
    }
    error = clean(call.error)
    if not error and account.outcome is Outcome.HANDED_BACK:  # its entry failed, not the call
        error = _OTHER
    if error:
        attributes[semconv.ERROR_TYPE] = error
    return Span(
        name=f"delete {attributes[semconv.DESTINATION]}",
        kind=Kind.CLIENT,
        trace=trace.id,
        span_id=new_span_id(),
        parent=process_span_id(account),
        start_ns=call.start_ns,
        end_ns=call.end_ns or account.settled_ns or call.start_ns,
        attributes=attributes,
        error=error or None,
        state=trace.state,
    )


def build_call(call: Call, trace: CallTrace) -> Span:
    """The span of a `receive` or `send` call, with the links gathered so far."""
    attributes: dict[str, Value] = {
        **queue_attributes(call.queue),
        semconv.OPERATION_NAME: call.operation,
        semconv.OPERATION_TYPE: call.operation,
        semconv.BATCH_COUNT: call.count,
    }
    if trace.message_id:
        attributes[semconv.MESSAGE_ID] = trace.message_id
    if call.error:
        attributes[semconv.ERROR_TYPE] = clean(call.error)
    return Span(
        name=f"{call.operation} {attributes[semconv.DESTINATION]}",
        kind=Kind.CLIENT,
        trace=trace.trace,
        span_id=trace.span_id,
        parent=trace.parent,
        start_ns=call.start_ns,
        end_ns=call.end_ns or call.start_ns,
        attributes=attributes,
        links=[
            *trace.links,
            *[Link(context.trace, int(context.span, 16), id_, remote=True) for context, id_ in trace.contexts],
        ],
        error=clean(call.error) if call.error else None,
    )
