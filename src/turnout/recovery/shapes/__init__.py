"""Who wraps messages how: one module per kind of sender, each a few shapes; `SHAPES` is all of them, in order.

A shape is a function that takes a `Parcel` and returns the `Layer` it recognises, or None. It believes nothing: fields
may be missing or of any type. Wrappers are asked before anything takes a body for an event.
"""

from turnout.recovery.shapes import application, eventbridge, lambdas, own, sns
from turnout.recovery.shapes.parcel import Parcel, Shape

__all__ = ["SHAPES", "Parcel", "Shape"]

SHAPES: tuple[Shape, ...] = (
    # By attributes: whoever sent the message to the queue put these on.
    own.letter,
    own.unreadable_letter,
    eventbridge.scheduler,
    eventbridge.bus_v2,
    eventbridge.rule,
    own.cut_letter,
    eventbridge.bus,
    lambdas.dead_letter,
    # By the body.
    lambdas.stream,
    eventbridge.pipe,
    lambdas.destination,
    lambdas.record,
    sns.notification,
    application.envelope,
    application.failed_event,
    application.message_key,
)
