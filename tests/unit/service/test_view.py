"""The view of a worker from another thread: what is said when its event loop does not answer."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import cast

import pytest

from turnout.service import view
from turnout.service.observer import Observer
from turnout.service.view import NotAnswering, WorkerView
from turnout.service.watchdog import Watchdog
from turnout.telemetry.snapshot import Snapshot


class Silent:
    """Stands for an observer whose loop does not come round."""

    def request(self) -> Future[Snapshot]:
        return Future()


class Closed:
    """Stands for an observer whose loop is closed."""

    def request(self) -> Future[Snapshot]:
        raise RuntimeError("Event loop is closed")


@pytest.mark.parametrize("observer", [Silent(), Closed()], ids=["silent", "closed"])
def test_a_loop_that_gives_no_snapshot_in_time_is_said_to_be_blocked_before_the_watchdog_says_so(
    observer: Silent | Closed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_ANSWER_SECONDS", 0.1)

    async def main() -> None:
        watched = WorkerView(cast(Observer, observer), Watchdog(3600))
        with pytest.raises(NotAnswering, match=r"has been blocked for 0\.1 s"):
            await watched.snapshot()

    asyncio.run(main())
