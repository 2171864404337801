"""Keeping credentials fresh: looked after now and then, renewed once, kept when renewal fails, never told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from turnout.errors import SqsDenied, SqsError, SqsUnavailable
from turnout.sqs.credentials import CHECK_SECONDS, Credentials, CredentialsKeeper

OLD, NEW = Credentials("OLD", "s3cret", "t0ken"), Credentials("NEW", "s3cret", "t0ken")


class Source:
    """Where credentials come from, and a clock."""

    def __init__(self, *answers: Credentials | SqsError) -> None:
        self.answers = list(answers)
        self.asked: list[bool] = []
        self.now = 1000.0
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, anew: bool) -> Credentials:
        self.asked.append(anew)
        await self.gate.wait()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, SqsError):
            raise answer
        return answer

    def keeper(self) -> CredentialsKeeper:
        return CredentialsKeeper(self.load, lambda: self.now)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_they_are_looked_after_now_and_then_only() -> None:
    async def test() -> None:
        source = Source(OLD, NEW)
        keeper = source.keeper()
        assert keeper.at_hand() is None
        assert await keeper.get() is OLD
        source.now += CHECK_SECONDS - 1
        assert keeper.at_hand() is OLD
        source.now += 1
        assert keeper.at_hand() is None
        assert await keeper.get() is NEW
        assert source.asked == [False, False]

    run(test())


def test_many_calls_at_once_ask_once() -> None:
    async def test() -> None:
        source = Source(OLD)
        keeper = source.keeper()
        assert await asyncio.gather(*(keeper.get() for _ in range(10))) == [OLD] * 10
        assert source.asked == [False]

    run(test())


def test_while_one_call_looks_after_them_the_others_go_on() -> None:
    async def test() -> None:
        source = Source(OLD, NEW)
        keeper = source.keeper()
        await keeper.get()
        source.now += CHECK_SECONDS
        source.gate.clear()
        first = asyncio.create_task(keeper.get())
        await asyncio.sleep(0)
        assert await keeper.get() is OLD
        source.gate.set()
        assert await first is NEW

    run(test())


def test_when_looking_after_them_fails_the_old_ones_stay(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        source = Source(OLD, SqsUnavailable("no metadata service", code="CredentialRetrievalError"), NEW)
        keeper = source.keeper()
        await keeper.get()
        source.now += CHECK_SECONDS
        assert await keeper.get() is OLD
        assert keeper.at_hand() is OLD
        source.now += CHECK_SECONDS
        assert await keeper.get() is NEW

    run(test())
    assert "no metadata service" in caplog.text


def test_without_any_the_error_is_raised_each_time() -> None:
    async def test() -> None:
        keeper = Source(SqsDenied("none found", code="NoCredentialsError")).keeper()
        for _ in range(2):
            with pytest.raises(SqsDenied):
                await keeper.get()

    run(test())


def test_rejected_ones_are_looked_for_anew_once_for_all_calls() -> None:
    async def test() -> None:
        source = Source(OLD, NEW)
        keeper = source.keeper()
        await keeper.get()
        assert await asyncio.gather(*(keeper.renew(OLD) for _ in range(5))) == [True] * 5
        assert source.asked == [False, True]
        assert keeper.at_hand() is NEW

    run(test())


def test_the_same_ones_again_are_no_renewal() -> None:
    async def test() -> None:
        source = Source(OLD)
        keeper = source.keeper()
        await keeper.get()
        assert not await keeper.renew(OLD)

    run(test())


def test_credentials_do_not_tell_their_secrets() -> None:
    assert "s3cret" not in f"{OLD!r} {OLD}"
    assert "t0ken" not in f"{OLD!r} {OLD}"
