"""Rates and distributions of the last minute, and when each rule matched last."""

import msgspec
import pytest
from tests.unit.service.snapshots import NOW, snapshot

from turnout.service.history import History
from turnout.telemetry.histogram import PROCESS_BOUNDS, Histogram
from turnout.telemetry.snapshot import Snapshot


def at(seconds: float, received: int, **matches: int) -> Snapshot:
    made = snapshot(taken_at=NOW + seconds, received=received)
    return msgspec.structs.replace(made, rules=msgspec.structs.replace(made.rules, matches=matches))


def test_one_sample_makes_no_rate() -> None:
    history = History()
    assert history.window() is None
    history.add(at(0, 10))
    assert history.window() is None
    assert history.received_rates() == []


def test_rates_are_those_of_the_last_minute() -> None:
    history = History()
    for seconds in range(0, 122, 2):
        # 100 a second in the first minute, 5 a second in the second.
        history.add(at(seconds, 100 * min(seconds, 60) + 5 * max(0, seconds - 60)))
    window = history.window()
    assert window is not None
    assert window.seconds == 60
    assert window.received == pytest.approx(5)
    assert history.received_rates()[0] == pytest.approx(100)
    assert history.received_rates()[-1] == pytest.approx(5)


def test_who_looks_once_a_minute_has_the_figures_of_that_minute() -> None:
    history = History()
    for look in range(8):
        history.add(at(look * 60.1, 601 * look, one=601 * look))
        if look:
            window = history.window()
            assert window is not None
            assert window.received == pytest.approx(10)
            assert history.matched("one") == 601


def test_after_a_pause_its_length_is_not_taken_for_the_last_minute() -> None:
    history = History()
    for seconds in (0, 2, 4):
        history.add(at(seconds, 0, one=0))
    history.add(at(604, 6000, one=6000))
    assert history.window() is None
    assert history.matched("one") == 0
    history.add(at(606, 6020, one=6020))
    window = history.window()
    assert window is not None
    assert window.received == pytest.approx(10)
    assert history.matched("one") == 20


def test_a_worker_that_counts_from_0_again_has_no_negative_rate() -> None:
    history = History()
    history.add(at(0, 1000, one=7))
    history.add(at(2, 3, one=1))
    window = history.window()
    assert window is not None
    assert window.received == 0
    assert history.matched("one") == 0
    assert min(history.received_rates()) == 0


def test_when_the_clock_is_set_back_rates_begin_anew() -> None:
    history = History()
    for seconds in range(0, 60, 2):
        history.add(at(seconds, 10 * seconds, one=10 * seconds))
    for seconds in range(60, 124, 2):
        history.add(at(seconds - 50, 10 * seconds, one=10 * seconds))
        window = history.window()
        if window is not None:
            assert window.received == pytest.approx(10)
    assert window is not None
    assert 600 <= history.matched("one") <= 760
    assert min(history.received_rates()) == max(history.received_rates()) == pytest.approx(10)


def test_no_rule_matched_later_than_now_when_the_clock_is_set_back() -> None:
    history = History()
    history.add(at(0, 1, one=1))
    history.add(at(2, 2, one=2))
    history.add(at(-100, 2, one=2))
    assert history.last_match == {"one": NOW - 100}


def test_distributions_are_those_of_the_window_alone() -> None:
    history, processing = History(), Histogram(PROCESS_BOUNDS)
    processing.add(100 * 10**9)
    history.add(snapshot(taken_at=NOW, processing=processing.counted()))
    processing.add(2 * 10**6)
    history.add(snapshot(taken_at=NOW + 2, processing=processing.counted()))
    window = history.window()
    assert window is not None
    assert window.processing.count == 1
    assert window.processing.total == pytest.approx(0.002)


def test_a_rules_last_match_is_when_its_count_was_seen_to_grow() -> None:
    history = History()
    history.add(at(0, 1, one=5, two=0))
    assert history.last_match == {}  # when the 5 were is not known
    history.add(at(2, 1, one=5, two=1))
    history.add(at(4, 1, one=5, two=1))
    assert history.last_match == {"two": NOW + 2}


def test_matches_of_the_last_minute_come_from_a_few_copies_of_all_counts() -> None:
    history = History()
    for seconds in range(0, 302, 2):
        history.add(at(seconds, 0, one=seconds))
    assert 60 <= history.matched("one") <= 76
    assert history.matched("unknown") == 0
