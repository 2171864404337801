from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.recovery.report.charts import stacked
from turnout.recovery.report.timeline import ages, timeline

NOW = datetime(2026, 11, 28, 9, 15, 2, tzinfo=UTC)

moments = st.lists(
    st.tuples(
        st.sampled_from([f"CAUSE_{n}" for n in range(9)]),
        st.none() | st.datetimes(datetime(2001, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    ),
    max_size=60,
)


@given(moments)
def test_nothing_is_lost_between_the_steps_whatever_the_times(given: list[tuple[str, datetime | None]]) -> None:
    made = timeline(given, NOW)
    dated = sum(moment is not None for _, moment in given)
    if made is None:
        assert not dated
        return
    assert sum(made.totals) == dated
    assert made.undated == len(given) - dated
    assert 1 <= made.steps <= 48
    assert made.start <= NOW
    plot = stacked(made)
    assert sum(one.count for one in plot.legend) == dated
    assert len(plot.legend) <= 6
    for bar in plot.segments:
        assert -1e-9 <= bar.x <= bar.x + bar.width <= 100 + 1e-9
        assert -1e-9 <= bar.y <= bar.y + bar.height <= 100 + 1e-9


@pytest.mark.parametrize(
    ("length", "step"),
    [
        (timedelta(minutes=30), 60),
        (timedelta(hours=3), 300),
        (timedelta(days=1), 3_600),
        (timedelta(days=3), 3 * 3_600),
        (timedelta(days=14), 12 * 3_600),
        (timedelta(days=40), 86_400),
    ],
)
def test_steps_are_those_people_count_in(length: timedelta, step: int) -> None:
    made = timeline([("A", NOW - length), ("A", NOW)], NOW)
    assert made is not None
    assert made.step_seconds == step


def test_ages_are_sorted_into_limits_that_matter_to_queues() -> None:
    made = {age.label: age.count for age in ages([10, 200_000, 13 * 86_400, 15 * 86_400, None])}
    assert made == {
        "up to 5 min": 1,
        "up to 1 h": 0,
        "up to 6 h": 0,
        "up to 1 day": 0,
        "up to 4 days": 1,
        "up to 10 days": 0,
        "up to 14 days": 1,
        "older": 1,
    }
    assert ages([None]) == ()
