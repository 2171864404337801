"""Several processes: what the supervisor grants them, and what it says of all of them together."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from msgspec import Raw, json
from tests.unit.service.snapshots import snapshot

from turnout.fleet import _FleetView, stop_seconds
from turnout.service.pulse import Pulse
from turnout.service.supervisor import Supervisor, WorkerProcess
from turnout.settings import load_settings

QUEUES = {
    "source_queue_url": "http://127.0.0.1:1/000000000000/events",
    "dead_letter_queue_url": "http://127.0.0.1:1/000000000000/letters",
}


def test_a_worker_is_not_killed_while_its_last_metrics_and_then_its_last_spans_wait_for_a_collector() -> None:
    settings = load_settings({**QUEUES, "drain_seconds": 1.0, "telemetry_seconds": 20.0})
    assert stop_seconds(settings) > 1.0 + 20.0 + 20.0


def test_what_ended_workers_counted_stays_in_the_totals_and_is_never_counted_twice() -> None:
    workers: dict[int, WorkerProcess] = {}
    view = _FleetView(cast(Any, None))
    view.supervisor = cast(Supervisor, SimpleNamespace(workers=workers, processes=2, restarts=0, last_death=None))

    def begin(number: int) -> None:
        """A worker that has received 1000 messages."""
        workers[number] = WorkerProcess(number, cast(Any, None))
        workers[number].pulse = Pulse(snapshot=Raw(json.encode(snapshot())))

    def received() -> int:
        return asyncio.run(view.snapshot()).received

    begin(1)
    begin(2)
    assert received() == 2000
    for ending, total in ((1, 3000), (3, 4000), (2, 5000)):
        view.ended(workers[ending])
        assert received() == total - 1000, "who is about to leave is among the living still"
        del workers[ending]
        assert received() == total - 1000
        begin(3 if ending == 1 else ending)
        assert received() == total
