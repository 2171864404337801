"""Dies at every step of the processor, one after the other, and goes on: nothing is lost, hardly anything repeated."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.unit.recovery.processor.bench import Bench, on_bench, permanent, transient


class Died(BaseException):
    """The process is gone; nobody handles this."""


class Mortal:
    """Passes calls on to something, and dies before or after the n-th call of the process."""

    def __init__(self, inner: Any, life: list[int], calls: tuple[str, ...]) -> None:
        self._inner = inner
        self._life = life
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._calls:
            return found

        async def call(*arguments: Any, **named: Any) -> Any:
            self._step()
            answer = await found(*arguments, **named)
            self._step()
            return answer

        return call

    async def __call__(self, *arguments: Any) -> Any:
        self._step()
        answer = await self._inner(*arguments)
        self._step()
        return answer

    def _step(self) -> None:
        self._life[0] -= 1
        if self._life[0] == 0:
            raise Died


async def live(bench: Bench, steps: int, by: str) -> bool:
    """One process that dies at this step; whether it did."""
    life = [steps]
    processor = bench.make(by, concurrency=1)
    tools = processor._tools
    mortal: Any = {
        "ledger": Mortal(tools.ledger, life, ("see", "record", "claim")),
        "deliver": Mortal(tools.deliver, life, ()),
        "archive": Mortal(tools.archive, life, ()),
        "conversations": None,
        "by": by,
    }
    processor._tools = processor._handler._tools = type(tools)(**mortal)
    place, delete = bench.place, bench.place.delete
    place.delete = Mortal(delete, life, ())  # type: ignore[method-assign, assignment]
    (ended,) = await asyncio.gather(processor.run(asyncio.Event(), once=True), return_exceptions=True)
    place.delete = delete  # type: ignore[method-assign]
    place.held.clear()
    assert ended is None or "Died" in repr(ended)
    return ended is not None


@pytest.mark.parametrize("kind", ["transient", "permanent"])
def test_a_crash_at_any_step_loses_no_letter_and_repeats_at_most_what_was_under_way(tmp_path: Path, kind: str) -> None:
    make = transient if kind == "transient" else permanent
    done = "delivered" if kind == "transient" else "archived"
    twice = []
    step, died = 0, True
    while died:
        step += 1
        assert step < 100, "it does not come to an end"

        async def story(bench: Bench, step: int = step) -> None:
            nonlocal died
            died = await live(bench, step, "first")
            for letter in [entry.split()[1] for entry in bench.diary if entry.startswith("delete")]:
                history = await bench.ledger.history(letter)
                assert any(entry.phase == "done" and entry.action != "seen" for entry in history), "deleted too early"
            await bench.ledger.release(["m-1", "m-2"], by="first")  # the claims of the dead one end
            await bench.once("second")
            assert bench.place.here == {}, f"lost or left at step {step}"
            counts = Counter(bench.diary)
            assert {f"{done} m-{n}" for n in (1, 2)} <= set(counts)
            repeated = [entry for entry, times in counts.items() if entry.startswith(done) and times > 1]
            assert len(repeated) <= 1
            twice.extend(repeated)
            for n in (1, 2):
                assert await bench.status(f"m-{n}") == ("retried" if kind == "transient" else "archived")

        on_bench(tmp_path / f"{kind}-{step}", story, make(1), make(2))
    assert step > 10
    # Between an action and the line that says it took effect, nobody can know: once per letter, and there only.
    assert len(twice) <= 4
