"""What outlives a call: an event loop, and what is opened on it once per execution environment.

Lambda freezes the process between calls. Clients, credentials, tokens and compiled rules stay good over that; work does
not, so nothing may be under way when a call returns.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Generic, TypeVar

from turnout.app import event_loop_factory

__all__ = ["Container"]

T = TypeVar("T")
R = TypeVar("R")


class Container(Generic[T]):
    """Opens a context at the first call, and keeps it open. When that fails, the next call tries again."""

    def __init__(self, opening: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._opening = opening
        self._open: tuple[asyncio.Runner, AbstractAsyncContextManager[T], T] | None = None

    def run(self, work: Callable[[T], Coroutine[Any, Any, R]]) -> R:
        """Do one call's work with what is open."""
        runner, _, opened = self._once()
        return runner.run(work(opened))

    def open_early(self) -> None:
        """Open it now, in the init phase, if this is Lambda (its runtime API is then named), and not at the first call.

        In that phase there is a full processor, whatever the function's memory setting.
        """
        if "AWS_LAMBDA_RUNTIME_API" in os.environ:
            self._once()

    def close(self) -> None:
        """Close everything. Lambda never asks for it; tests do."""
        if self._open is not None:
            runner, context, _ = self._open
            self._open = None
            runner.run(context.__aexit__(None, None, None))
            runner.close()

    def _once(self) -> tuple[asyncio.Runner, AbstractAsyncContextManager[T], T]:
        if self._open is None:
            runner = asyncio.Runner(loop_factory=event_loop_factory())
            context = self._opening()
            try:
                opened = runner.run(context.__aenter__())
            except BaseException:
                runner.close()
                raise
            self._open = (runner, context, opened)
        return self._open
