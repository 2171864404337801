"""What a failed attempt means for its delivery: the reason that the letter gives, in the operator's terms."""

from __future__ import annotations

import logging

from turnout.errors import Fault
from turnout.message import Delivery, Failure, Reason
from turnout.sqs.api import EntryFailure
from turnout.targets.api import MISSING, TOO_LONG
from turnout.telemetry.logs import about

__all__ = ["composing_failed", "given_up"]

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
    return Failure(reason, failure.fault, text, failure.code)
