"""A call of the recovery function that dies at any step loses no letter, and repeats at most what was under way."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.unit.serverless.acts import FakeAct
from tests.unit.serverless.test_recovering import letter

from turnout.recovery.deliver.api import Outcome, Work
from turnout.recovery.ledger.records import Action, Phase, Status
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller

STEPS = ("see", "record", "claim", "release")


class Died(BaseException):
    """The function's environment is gone; nobody handles this."""


class Life:
    """Ends at the step of this number (None: never), before or after it took effect. What is dead does no more."""

    def __init__(self, steps: int | None = None, *, after: bool = False) -> None:
        self.left = math.inf if steps is None else steps
        self.after = after
        self.over = False
        self.last = ""

    def begin(self, name: str) -> None:
        self._die(self.over)
        self.left -= 1
        if self.left == 0:
            self.last = name
        self._die(self.left == 0 and not self.after)

    def end(self) -> None:
        self._die(self.over or (self.left <= 0 and self.after))

    def _die(self, dies: bool) -> None:
        if dies:
            self.over = True
            raise Died


class Mortal:
    """A ledger whose calls are steps of a life."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in STEPS:
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._life.begin(name)
            answer = await found(*arguments, **named)
            self._life.end()
            return answer

        return call


class Sending(FakeAct):
    """An act whose sends are steps of a life. `sent` outlives it."""

    def __init__(self, sent: Counter[str], life: Life) -> None:
        super().__init__()
        self._sent = sent
        self._life = life

    async def __call__(self, works: Sequence[Work]) -> Sequence[Outcome]:
        self._life.begin("send")
        self._sent.update(work.letter.id for work in works)
        self._life.end()
        return [Outcome(self.aims(work)) for work in works]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_call_that_dies_at_any_step_loses_no_letter_and_sends_none_again_that_is_known_to_have_arrived(
    tmp_path: Path, after: bool
) -> None:
    async def story(steps: int) -> tuple[bool, str]:
        sent: Counter[str] = Counter()
        ahead = 0.0
        path = tmp_path / f"{steps}.sqlite"

        async def call(life: Life, by: str) -> list[str]:
            async with open_sqlite_ledger(path, clock=lambda: time.time() + ahead) as file:
                ledger: Any = Mortal(file, life)
                recovery = Recovery(
                    ledger=ledger, deliveries=[Sending(sent, life)], archive=None, teller=Teller(None), by=by
                )
                return await recovery.recover([letter(1), letter(2)], 10)

        life = Life(steps, after=after)
        (ended,) = await asyncio.gather(call(life, "first"), return_exceptions=True)
        assert life.over or ended == []
        async with open_sqlite_ledger(path) as ledger:
            records = await ledger.records(["m1", "m2"])
            known = {each for each, record in records.items() if record.status is Status.RETRIED}
            for each in sent:
                assert records[each].attempts == 1, "what is sent is known to have been begun"
        before = Counter(sent)
        # At once Lambda has no other copy; what comes while the dead call's claims last is left alone.
        stayed = await call(Life(), "second")
        assert all(before[each] == sent[each] for each in stayed)
        ahead = 60.0
        assert await call(Life(), "third") == []
        assert set(sent) == {"m1", "m2"}
        assert all(sent[each] == 1 for each in known)
        # Between a send and its line nobody can know.
        assert sum(times - 1 for times in sent.values()) <= 2
        async with open_sqlite_ledger(path) as ledger:
            for each in ("m1", "m2"):
                phases = [(entry.action, entry.phase) for entry in await ledger.history(each)]
                begun, done = phases.index((Action.RETRY, Phase.STARTED)), phases.index((Action.RETRY, Phase.DONE))
                assert begun < done < phases.index((Action.RESOLVE, Phase.DONE))
        return life.over, life.last

    died_at, steps, died = set(), 0, True
    while died:
        steps += 1
        died, last = asyncio.run(story(steps))
        died_at.add(last)
    assert died_at >= {"see", "claim", "record", "send", "release"}
