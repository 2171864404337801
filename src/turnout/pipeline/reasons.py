"""What a failed attempt means: for its delivery the reason that the letter gives, for the target whether it works."""

from __future__ import annotations

import logging

from turnout.account import Delivery
from turnout.errors import Fault
from turnout.failures import Failure, Reason
from turnout.sqs.api import EntryFailure, SentBatch
from turnout.targets.api import EVENT_DENIED, MISSING, TOO_LONG
from turnout.telemetry.logs import about

__all__ = ["composing_failed", "given_up", "taken_none"]

log = logging.getLogger(__name__)


def composing_failed(error: Exception, delivery: Delivery) -> Failure:
    """A defect of ours, which costs this delivery and no other."""
    log.error("composing failed, please report this", exc_info=error, extra=about(delivery.account))
    name = type(error).__name__
    return Failure(Reason.INTERNAL_ERROR, Fault.SYSTEM, f"composing failed: {name}", name)


def given_up(failure: EntryFailure, attempts: int) -> Failure:
    """Why the delivery was given up after so many attempts, of which this failure was the last."""
    if failure.fault is Fault.CONFIG:
        reason = Reason.QUEUE_MISSING if failure.code in MISSING else Reason.ACCESS_DENIED
    elif failure.retryable:
        reason = Reason.RETRIES_EXHAUSTED
    else:
        reason = Reason.MESSAGE_TOO_LARGE if failure.code in TOO_LONG else Reason.MESSAGE_REJECTED
    text = f"{failure.message} (after {attempts} attempts)" if attempts > 1 else failure.message
    # What may pass is not the event's fault, even where it is about this event alone.
    fault = Fault.SYSTEM if reason is Reason.RETRIES_EXHAUSTED else failure.fault
    return Failure(reason, fault, text, failure.code)


def taken_none(sent: SentBatch) -> EntryFailure | None:
    """Why a call that went through is one that failed: the target took nothing, and that for its own sake.

    So SNS and EventBridge throttle, and EventBridge denies a source: the answer is 200, and every entry of it has
    failed. One entry that was taken shows that the target works; entries that are refused for what they are show
    nothing. What may pass is told before what an operator has to repair: on that things wait. None when it is no failed
    call.
    """
    if len(sent.failures) < len(sent.message_ids):
        return None
    passing = (each for each in sent.failures if each.fault is Fault.SYSTEM and each.retryable)
    denied = (each for each in sent.failures if each.fault is Fault.CONFIG and each.code not in EVENT_DENIED)
    return next(passing, None) or next(denied, None)
