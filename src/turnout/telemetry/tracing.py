"""What the pipeline calls at the three moments that tracing cares about: received, about to send, settled.

Here live the protocol and the two ways to honour it. What spans look like is in `spans`, how contexts are read and
written in `propagation`, how spans leave the process in `setup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from turnout.message import Account, Attribute, Delivery

__all__ = ["NoTracing", "Tracing"]


class Tracing(Protocol):
    """The hooks of the pipeline. All but `aclose` are synchronous, never raise and never block."""

    def received(self, accounts: Sequence[Account]) -> None:
        """Called once per non-empty receive, with the accounts of that one call (`account.receive` is shared).

        Sets `account.trace` and `account.span_id`.
        """
        ...

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        """The attributes to send for this delivery, and its `AWSTraceHeader` value (None: send none).

        Sets `delivery.span_id`. Called again for a retry it answers the same. `attributes` is not changed.
        """
        ...

    def settled(self, account: Account) -> None:
        """Called once per account, last of all: outcome and times are final."""
        ...

    async def aclose(self, timeout_seconds: float) -> None:
        """Send what is waiting and shut down, in at most `timeout_seconds`; what is left then is counted, not kept."""
        ...


class NoTracing:
    """Tracing that is off: an incoming context is passed on as it came, baggage is not."""

    def received(self, accounts: Sequence[Account]) -> None:
        """Nothing to do."""

    def inject(self, delivery: Delivery, attributes: dict[str, Attribute]) -> tuple[dict[str, Attribute], str | None]:
        """The attributes without baggage, and the source message's own `AWSTraceHeader`."""
        if "baggage" in attributes:
            attributes = {name: value for name, value in attributes.items() if name != "baggage"}
        return attributes, delivery.account.message.system.get("AWSTraceHeader")

    def settled(self, account: Account) -> None:
        """Nothing to do."""

    async def aclose(self, timeout_seconds: float) -> None:
        """Nothing to do."""
