"""What the HTTP port asks of whatever runs in the process: is it alive, is it ready, what are its metrics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from turnout.service.health import Health, alive, ready
from turnout.service.view import View
from turnout.telemetry.metric import Metric
from turnout.telemetry.metrics import read_metrics

__all__ = ["Probes", "ViewProbes"]


class Probes(Protocol):
    """Answers probes, in the HTTP server's thread. Every method may raise `turnout.service.view.NotAnswering`."""

    async def alive(self) -> Health:
        """Whether restarting it would not help."""
        ...

    async def ready(self) -> Health:
        """Whether it does its work."""
        ...

    async def metrics(self) -> Iterable[Metric]:
        """All metrics now."""
        ...


class ViewProbes:
    """The probes of workers, by a view of them."""

    def __init__(self, view: View) -> None:
        self._view = view

    async def alive(self) -> Health:
        """See `turnout.service.health.alive`."""
        return alive(await self._view.snapshot())

    async def ready(self) -> Health:
        """See `turnout.service.health.ready`."""
        return ready(await self._view.snapshot())

    async def metrics(self) -> Iterable[Metric]:
        """See `turnout.telemetry.metrics`."""
        return read_metrics(await self._view.snapshot())
