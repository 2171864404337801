"""So many messages a second, and no more."""

from hypothesis import given
from hypothesis import strategies as st

from turnout.pipeline.rate import Rate


def test_a_burst_goes_at_once_and_the_next_waits() -> None:
    rate = Rate(per_second=5.0, burst=10)
    assert rate.spend(9, now=100.0) == 0.0
    assert rate.spend(1, now=100.0) == 0.0
    assert rate.spend(5, now=100.0) == 101.0


def test_time_that_passes_unused_is_not_saved_up_beyond_the_burst() -> None:
    rate = Rate(per_second=10.0, burst=10)
    rate.spend(10, now=0.0)
    assert rate.spend(10, now=1000.0) == 0.0
    assert rate.spend(10, now=1000.0) == 1001.0


@given(
    per_second=st.floats(0.1, 1000),
    batches=st.lists(st.tuples(st.integers(1, 10), st.floats(0, 5)), min_size=1, max_size=50),
)
def test_over_any_time_no_more_than_the_rate_and_one_burst_and_one_batch(
    per_second: float, batches: list[tuple[int, float]]
) -> None:
    rate = Rate(per_second, burst=10)
    now, sent, earliest = 1000.0, 0, 0.0
    for count, pause in batches:
        now = max(now + pause, earliest)
        earliest = rate.spend(count, now)
        sent += count
        assert sent <= (now - 1000.0) * per_second + 10 + count + 1e-6
