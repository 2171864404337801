"""The steps of the state machine by themselves: what they answer, and that no two act on one letter at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.serverless.acts import FakeAct
from tests.unit.serverless.mapping import sqs_record
from tests.unit.serverless.test_recovering import letter

from turnout.errors import TurnoutError
from turnout.recovery.deliver.api import Outcome, Work
from turnout.recovery.ledger.api import Ledger
from turnout.recovery.ledger.records import Action
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.serverless.lettersteps import LetterSteps, NotArchived, NotDelivered, Refused, Step
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.memory import MemorySqs

Call = Callable[[LetterSteps, Step, float], Coroutine[Any, Any, Step]]


class SlowAct(FakeAct):
    """Says when it has begun, and waits until it may go on."""

    def __init__(self, action: Action = Action.RETRY) -> None:
        super().__init__(action)
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self.begun.set()
        await self.may_end.wait()
        return await super().__call__(works)


def steps(ledger: Ledger, act: FakeAct, archive: FakeAct | None = None, by: str = "one") -> LetterSteps:
    """The steps of one container."""
    recovery = Recovery(ledger=ledger, deliveries=[act], archive=archive, teller=Teller(None), by=by)
    return LetterSteps(recovery, MemorySqs(), "")


@asynccontextmanager
async def ledger_in(path: Path) -> AsyncIterator[Ledger]:
    async with asyncio.timeout(20), open_sqlite_ledger(path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.mark.parametrize(
    ("call", "code", "action", "failed"),
    [
        (LetterSteps.deliver, "THROTTLING", Action.RETRY, NotDelivered),
        (LetterSteps.archive, "INVALID_JSON", Action.ARCHIVE, NotArchived),
    ],
)
def test_two_calls_at_once_act_on_a_letter_once(
    tmp_path: Path, call: Call, code: str, action: Action, failed: type[TurnoutError]
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = SlowAct(action)
            one, other = (steps(ledger, act, act, by) for by in ("one", "other"))
            step: Step = {"record": sqs_record(letter(1, code))}
            first = asyncio.create_task(call(one, step, 10.0))
            await act.begun.wait()
            with pytest.raises(failed, match="another call is at this letter"):
                await call(other, step, 10.0)
            act.may_end.set()
            answer = await first
            assert answer["reached"] == ["crm"]
            assert (await call(other, step, 10.0)) == answer
            assert len(act.done) == 1

    asyncio.run(main())


@pytest.mark.parametrize(("again", "failed"), [(True, NotDelivered), (False, Refused)])
def test_an_attempt_that_failed_keeps_nobody_from_the_next(
    tmp_path: Path, again: bool, failed: type[TurnoutError]
) -> None:
    async def main() -> None:
        async with ledger_in(tmp_path) as ledger:
            act = FakeAct(failures=1)
            act.again = again
            step: Step = {"record": sqs_record(letter(1))}
            with pytest.raises(failed):
                await steps(ledger, act, by="one").deliver(step, 10.0)
            assert await steps(ledger, act, by="other").deliver(step, 10.0) == {"reached": ["crm"], "attempts": 2}

    asyncio.run(main())
