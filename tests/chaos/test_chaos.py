"""A bounded slice of the chaos runs, kills, restarts and soak; `make chaos` and `make soak` run the long ones."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping

import pytest
from tests.chaos.faults import EFFECT_WITHOUT_ANSWER, Kind, Plan
from tests.chaos.scenario import Result, chaos_run, kill_run, restart_run
from tests.chaos.soak import soak

# Between them: every kind of fault, one worker and two, both clients, with and without an idempotency store, a target
# that is denied and one that is missing, credentials that expire, long waits between attempts.
SEEDS = (16, 18, 37, 70, 89)

AT_A_TIME = 4  # most of a run is waiting

REFUSALS = set(Kind) - EFFECT_WITHOUT_ANSWER - {Kind.DUPLICATE, Kind.GHOST, Kind.EXPIRED_HANDLE, Kind.UNMENTIONED}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def runs() -> Mapping[str, Result]:
    """The result of every run, by name."""
    planned: dict[str, Coroutine[object, object, Result]] = {
        "too late": chaos_run(3, messages=60, ordered=10, plan=Plan(3, kinds=[Kind.STALLED], rate=0.1)),
        "refusals": chaos_run(2, messages=200, ordered=40, plan=Plan(2, kinds=REFUSALS, rate=0.3)),
        "no faults": chaos_run(1, messages=200, ordered=40, plan=Plan(1, rate=0.0)),
        "kills": kill_run(1, 4),
        "restarts": restart_run(1, 3),
        **{f"storm {seed}": chaos_run(seed, messages=200, ordered=40) for seed in SEEDS},
    }

    async def all_of_them() -> list[Result]:
        limit = asyncio.Semaphore(AT_A_TIME)

        async def one(run: Coroutine[object, object, Result]) -> Result:
            async with limit:
                return await run

        return await asyncio.gather(*map(one, planned.values()))

    return dict(zip(planned, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_balance_after_a_storm_of_faults(runs: Mapping[str, Result], seed: int) -> None:
    assert runs[f"storm {seed}"].problems() == []


def test_the_storms_injected_faults_and_lost_answers_made_duplicates(runs: Mapping[str, Result]) -> None:
    storms = [runs[f"storm {seed}"] for seed in SEEDS]
    faults: Counter[Kind] = Counter()
    for result in storms:
        faults += result.faults
    assert faults.total() > 100
    assert len(faults) > 12
    assert sum(result.balance.duplicates.total() for result in storms)


def test_without_faults_nothing_is_duplicated_and_nothing_comes_again(runs: Mapping[str, Result]) -> None:
    result = runs["no faults"]
    assert result.problems() == []
    assert result.balance.duplicates == {}
    assert not any(result.journal.again.values())


def test_refusals_alone_duplicate_nothing_however_often_they_happen(runs: Mapping[str, Result]) -> None:
    result = runs["refusals"]
    assert result.problems() == []
    assert result.faults.total() > 50
    assert set(result.balance.duplicates) <= {"letter not written"}


def test_an_answer_that_comes_too_late_is_as_good_as_lost(runs: Mapping[str, Result]) -> None:
    """Slower than the client waits; the messages must be kept invisible all the while."""
    result = runs["too late"]
    assert result.problems() == []
    assert result.faults[Kind.STALLED]
    assert set(result.balance.duplicates) <= {Kind.STALLED}


def test_killed_workers_lose_nothing(runs: Mapping[str, Result]) -> None:
    result = runs["kills"]
    assert result.problems() == []
    assert set(result.balance.duplicates) <= {"kill"}


def test_stopped_workers_lose_nothing_and_duplicate_nothing(runs: Mapping[str, Result]) -> None:
    result = runs["restarts"]
    assert result.problems() == []
    assert result.balance.duplicates == {}


def test_a_short_soak_accounts_for_every_message() -> None:
    result = asyncio.run(soak(6_000))
    assert result.problems == []
    assert (result.lost, result.misplaced) == (0, 0)
    assert result.duplicates == result.untold > 0
    # Whether memory stays flat takes longer to say.
    assert max(rss for _, rss in result.rss_mib) < 200
