"""The shared rate limiter, in virtual time."""

import asyncio
import contextlib

import pytest
from tests.unit.pipeline.virtual_time import run

from turnout.errors import GenesysParked, GenesysUnavailable
from turnout.genesys.limiter import RateLimiter


def told(count: int, allowed: int = 300, reset: int = 60) -> dict[str, str]:
    return {
        "inin-ratelimit-count": str(count),
        "inin-ratelimit-allowed": str(allowed),
        "inin-ratelimit-reset": str(reset),
    }


def now() -> float:
    return asyncio.get_running_loop().time()


async def times(limiter: RateLimiter, turns: int) -> list[float]:
    """When each of so many tasks got its turn."""
    got: list[float] = []

    async def one() -> None:
        await limiter.turn("ask")
        got.append(round(now(), 1))
        limiter.done(None)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(turns):
            tasks.create_task(one())
    return got


def test_no_more_turns_a_minute_than_are_allowed_however_many_ask() -> None:
    got = run(times(RateLimiter(10), 25))
    assert got == [0.0] * 10 + [60.0] * 10 + [120.0] * 5


def test_the_servers_count_is_believed_because_others_use_the_same_client() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        await limiter.turn("ask")
        limiter.done(told(298, reset=7))
        return await times(limiter, 4)

    assert run(scenario()) == [0.0, 0.0, 7.0, 7.0]


def test_calls_under_way_are_taken_as_not_counted_yet() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(3):
            await limiter.turn("ask")
        limiter.done(told(297, reset=9))  # two are still on their way
        return await times(limiter, 2)

    assert run(scenario()) == [0.0, 9.0]


@pytest.mark.parametrize("late", [8, 9, 10])
def test_an_answer_that_comes_late_gives_no_turns_back_that_a_newer_one_has_taken(late: int) -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(2):
            await limiter.turn("ask")
        limiter.done(told(298, reset=9))  # the other is still on its way
        limiter.done(told(290, reset=late))
        return await times(limiter, 3)

    assert run(scenario()) == [0.0, 9.0, 9.0]


def test_another_limit_that_is_used_up_and_ends_earlier_is_waited_for() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(2):
            await limiter.turn("ask")
        limiter.done(told(10, reset=50))
        limiter.done(told(20, allowed=20, reset=5))
        return await times(limiter, 2)

    assert run(scenario()) == [5.0, 5.0]


def test_a_new_window_of_the_server_opens_the_gate_and_answers_from_the_old_one_do_not_close_it() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(3):
            await limiter.turn("ask")
        limiter.done(told(290, reset=2))
        limiter.done(told(1, reset=60))
        limiter.done(told(299, reset=2))
        return await times(limiter, 5)

    assert run(scenario()) == [0.0] * 5


def test_a_limit_that_is_lower_than_expected_is_kept_in_later_windows() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        await limiter.turn("ask")
        limiter.done(told(1, allowed=3, reset=10))
        return await times(limiter, 6)

    assert run(scenario()) == [0.0, 0.0, 10.0, 10.0, 10.0, 70.0]


def test_a_429_holds_everybody() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        limiter.hold(42)
        return await times(limiter, 3)

    assert run(scenario()) == [42.0] * 3


def test_a_shorter_wait_that_is_asked_for_later_does_not_end_a_longer_one() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        limiter.hold(42)
        limiter.hold(5)
        return await times(limiter, 3)

    assert run(scenario()) == [42.0] * 3


def test_another_limit_that_is_used_up_does_not_end_a_longer_wait() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(2):
            await limiter.turn("ask")
        limiter.done(told(10, reset=50))
        limiter.hold(42)
        limiter.done(told(20, allowed=20, reset=5))
        return await times(limiter, 2)

    assert run(scenario()) == [42.0] * 2


@pytest.mark.parametrize("reset", [8, 9, 10])
def test_of_the_limits_of_a_window_the_tightest_counts_whichever_is_told_first(reset: int) -> None:
    async def scenario(first: int, second: int) -> list[float]:
        limiter = RateLimiter(300)
        for _ in range(2):
            await limiter.turn("ask")
        limiter.done(told(first, reset=9))
        limiter.done(told(second, reset=reset))
        return await times(limiter, 2)

    assert run(scenario(10, 299)) == run(scenario(298, 10)) == [0.0, 9.0]


def test_a_wait_that_is_too_long_parks_the_work_at_once_and_says_for_how_long() -> None:
    async def scenario() -> GenesysParked:
        limiter = RateLimiter(300, longest_wait_seconds=180)
        await asyncio.sleep(1_000)
        limiter.hold(7_200)
        with pytest.raises(GenesysParked) as caught:
            await limiter.turn("look up")
        assert now() == 1_000
        return caught.value

    error = run(scenario())
    assert error.retry_after == 7_200
    assert isinstance(error, GenesysUnavailable)
    assert str(error) == (
        "look up: RATE_LIMIT: the rate limit opens again in 7200 s, and 180 s is the longest wait allowed: try again "
        "then, or raise TURNOUT_GENESYS_LONGEST_WAIT_SECONDS"
    )


@pytest.mark.parametrize(("seconds", "waits"), [(179, True), (180, True), (180.1, False)])
def test_a_wait_that_is_just_as_long_as_is_allowed_is_waited(seconds: float, waits: bool) -> None:
    async def scenario() -> float:
        limiter = RateLimiter(300, longest_wait_seconds=180)
        await asyncio.sleep(1_000)
        limiter.hold(seconds)
        with contextlib.nullcontext() if waits else pytest.raises(GenesysParked):
            await limiter.turn("look up")
        return now()

    assert run(scenario()) == pytest.approx(1_000 + seconds if waits else 1_000)


def test_nobody_waits_longer_than_the_cap_even_across_windows() -> None:
    async def scenario() -> tuple[int, int]:
        limiter = RateLimiter(10, longest_wait_seconds=130)
        outcomes = await asyncio.gather(*(limiter.turn("ask") for _ in range(100)), return_exceptions=True)
        assert now() == pytest.approx(120)
        return sum(one is None for one in outcomes), sum(isinstance(one, GenesysParked) for one in outcomes)

    assert run(scenario()) == (30, 70)


def test_a_cancelled_wait_leaves_the_turns_to_the_others() -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(1)
        await limiter.turn("ask")
        limiter.done(None)
        waiting = asyncio.create_task(limiter.turn("ask"))
        await asyncio.sleep(1)
        waiting.cancel()
        return await times(limiter, 1)

    assert run(scenario()) == [60.0]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        told(1) | {"inin-ratelimit-count": "many"},
        told(1) | {"inin-ratelimit-reset": "nan"},
        told(1, allowed=0),
        told(-5),
        {"inin-ratelimit-count": "1"},
        {"inin-ratelimit-count": "300", "inin-ratelimit-reset": "9"},
        {"inin-ratelimit-count": "300", "inin-ratelimit-allowed": "300"},
    ],
)
def test_headers_that_make_no_sense_are_passed_over(headers: dict[str, str]) -> None:
    async def scenario() -> list[float]:
        limiter = RateLimiter(2)
        await limiter.turn("ask")
        limiter.done(headers)
        return await times(limiter, 2)

    assert run(scenario()) == [0.0, 60.0]


def test_a_window_of_the_server_is_never_longer_than_an_hour() -> None:
    async def scenario() -> float:
        limiter = RateLimiter(300, longest_wait_seconds=4_000)
        await limiter.turn("ask")
        limiter.done(told(300, reset=10**12))
        await limiter.turn("ask")
        return now()

    assert run(scenario()) == 3_600


def test_a_long_wait_is_told_once_for_all_who_wait_and_a_short_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        limiter = RateLimiter(300)
        for reset in (2, 40):
            await limiter.turn("ask")
            limiter.done(told(300, reset=reset))
            await times(limiter, 3)

    run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "the rate limit of Genesys is reached: the next request goes out in 40 s"
    ]
