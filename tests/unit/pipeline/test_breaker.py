"""When a failing target is left alone, and when it is tried again."""

from turnout.errors import Fault
from turnout.pipeline.breaker import Breaker, BreakerConfig, BreakerState

CONFIG = BreakerConfig(failures=3, config_failures=2, probe_seconds=1.0, probe_cap_seconds=5.0)


def opened() -> Breaker:
    breaker = Breaker(CONFIG)
    for _ in range(3):
        breaker.failed(Fault.SYSTEM, 100.0)
    return breaker


def test_it_opens_after_so_many_failures_in_a_row() -> None:
    breaker = Breaker(CONFIG)
    assert [breaker.failed(Fault.SYSTEM, 1.0) for _ in range(3)] == [False, False, True]
    assert (breaker.state, breaker.fault, breaker.probe_at) == (BreakerState.OPEN, Fault.SYSTEM, 2.0)


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(CONFIG)
    for _ in range(10):
        breaker.failed(Fault.SYSTEM, 1.0)
        breaker.failed(Fault.SYSTEM, 1.0)
        assert not breaker.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_missing_queue_needs_fewer_confirmations_and_no_other_failure_confirms_it() -> None:
    breaker = Breaker(CONFIG)
    assert not breaker.failed(Fault.CONFIG, 1.0)
    assert not breaker.failed(Fault.SYSTEM, 1.0)
    assert not breaker.failed(Fault.CONFIG, 1.0)
    assert breaker.failed(Fault.CONFIG, 1.0)
    assert breaker.fault is Fault.CONFIG


def test_messages_that_are_refused_for_themselves_never_open_it() -> None:
    breaker = Breaker(CONFIG)
    assert not any(breaker.failed(Fault.DATA, 1.0) for _ in range(100))


def test_failed_probes_come_at_growing_intervals_up_to_the_cap() -> None:
    breaker = opened()
    waits = []
    for _ in range(5):
        now = breaker.probe_at
        breaker.start()
        assert breaker.state is BreakerState.PROBING
        assert not breaker.failed(Fault.SYSTEM, now)
        waits.append(breaker.probe_at - now)
    assert waits == [2.0, 4.0, 5.0, 5.0, 5.0]


def test_calls_that_were_under_way_when_it_opened_are_no_probes() -> None:
    breaker = opened()
    probe_at = breaker.probe_at
    breaker.failed(Fault.SYSTEM, 500.0)
    assert breaker.probe_at == probe_at


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = opened()
    breaker.start()
    assert breaker.succeeded()
    assert (breaker.state, breaker.fault) == (BreakerState.CLOSED, None)


def test_no_probe_comes_before_the_rest_that_the_target_asked_for_is_over() -> None:
    breaker = Breaker(CONFIG)
    breaker.failed(Fault.SYSTEM, 100.0, 60.0)
    breaker.failed(Fault.SYSTEM, 101.0)
    assert breaker.failed(Fault.SYSTEM, 102.0)
    assert breaker.probe_at == 160.0, "a failure without a wish does not revoke it"
    breaker.failed(Fault.SYSTEM, 103.0, 120.0)  # under way when it opened
    assert breaker.probe_at == 223.0
    breaker.start()
    assert not breaker.failed(Fault.SYSTEM, 223.0, 30.0)
    assert breaker.probe_at == 253.0
    breaker.start()
    assert not breaker.failed(Fault.SYSTEM, 253.0, 0.5)
    assert breaker.probe_at == 257.0, "no earlier than it would have come anyway"


def test_a_target_that_works_again_has_no_rest_left() -> None:
    breaker = Breaker(CONFIG)
    breaker.failed(Fault.SYSTEM, 100.0, 600.0)
    breaker.succeeded()
    for _ in range(3):
        breaker.failed(Fault.SYSTEM, 101.0)
    assert breaker.probe_at == 102.0


def test_what_an_operator_has_to_repair_is_looked_at_as_soon_as_ever_whatever_rest_was_asked_for_before() -> None:
    breaker = Breaker(CONFIG)
    breaker.failed(Fault.SYSTEM, 100.0, 600.0)
    assert [breaker.failed(Fault.CONFIG, 100.0) for _ in range(2)] == [False, True]
    breaker.failed(Fault.SYSTEM, 100.0, 600.0)
    assert breaker.probe_at == 101.0
