"""Several processes: what the supervisor grants them, and what it says of all of them together."""

from turnout.fleet import stop_seconds
from turnout.settings import load_settings

QUEUES = {
    "source_queue_url": "http://127.0.0.1:1/000000000000/events",
    "dead_letter_queue_url": "http://127.0.0.1:1/000000000000/letters",
}


def test_a_worker_is_not_killed_while_its_last_metrics_and_then_its_last_spans_wait_for_a_collector() -> None:
    settings = load_settings({**QUEUES, "drain_seconds": 1.0, "telemetry_seconds": 20.0})
    assert stop_seconds(settings) > 1.0 + 20.0 + 20.0
