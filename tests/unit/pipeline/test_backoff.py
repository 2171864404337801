"""How long to wait before an attempt is repeated."""

from turnout.pipeline.backoff import Backoff


def test_the_longest_wait_doubles_with_each_attempt_up_to_the_cap() -> None:
    backoff = Backoff(0.2, 30.0)
    longest = [backoff.delay(attempts, uniform=lambda: 1.0) for attempts in range(1, 11)]
    assert longest == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]
    assert backoff.delay(1_000_000, uniform=lambda: 1.0) == 30.0


def test_a_wait_is_anything_between_nothing_and_the_longest() -> None:
    backoff = Backoff(0.2, 30.0)
    assert backoff.delay(4, uniform=lambda: 0.0) == 0.0
    assert backoff.delay(4, uniform=lambda: 0.25) == 0.4
    waits = [backoff.delay(20) for _ in range(1_000)]
    assert min(waits) < 3.0, "many workers that failed at one time must not come back at one time"
    assert max(waits) > 27.0
    assert max(waits) <= 30.0


def test_a_wait_is_no_shorter_than_the_service_asks_for() -> None:
    backoff = Backoff(0.2, 30.0)
    assert backoff.delay(1, at_least=7.0, uniform=lambda: 1.0) == 7.0
    assert backoff.delay(1, at_least=70.0, uniform=lambda: 1.0) == 70.0, "also beyond our own cap"
    assert backoff.delay(9, at_least=7.0, uniform=lambda: 0.5) == 15.0
