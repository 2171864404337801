"""Whatever fails whenever: no target gets a letter again that it has, and in the end each has what it was owed."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.recovery.running.bench import Bench, event_id

from turnout.errors import Fault
from turnout.recovery.deliver.address import Address
from turnout.recovery.deliver.api import Act
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.sending import Patience
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.targets.api import Destination

TARGETS = ("a", "b", "c")


class Moody:
    """A target that refuses as the draw says: one answer for each attempt, then it accepts."""

    max_entries = 1
    max_message_bytes = max_batch_bytes = 1_048_576
    ordered = False

    def __init__(self, name: str, moods: list[bool]) -> None:
        self.name = self.url = name
        self._moods = moods
        self.got: list[str] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        (message,) = messages
        if self._moods and not self._moods.pop():
            return SentBatch((None,), (EntryFailure(0, "No", "no", Fault.DATA, False),))
        self.got.append(event_id(message.body))
        return SentBatch(("id",))


class MoodyBench(Bench):
    """A bench whose targets are moody."""

    places: dict[str, Moody]

    def act(self, sqs: Any) -> Act:
        def door(address: Address) -> Destination:
            return self.places[address.value]

        return Delivering(door, patience=Patience(1))


@settings(max_examples=40, deadline=None)
@given(
    owed=st.lists(st.lists(st.sampled_from(TARGETS), min_size=1, unique=True), min_size=1, max_size=6),
    moods=st.fixed_dictionaries({name: st.lists(st.booleans(), max_size=12) for name in TARGETS}),
    done=st.sampled_from(TARGETS),
)
def test_partial_failures_never_send_to_a_target_that_is_done(
    owed: list[list[str]], moods: dict[str, list[bool]], done: str
) -> None:
    # The worker's own letters: what a target has is never also owed to it.
    letters = [tuple(name for name in targets if name != done) for targets in owed]

    async def story(folder: Path) -> None:
        bench = MoodyBench(folder)
        bench.places = {name: Moody(name, list(draw)) for name, draw in moods.items()}
        await bench.fill([targets for targets in letters if targets], done=(done,))
        for number in range(40):
            await bench.process(plan=f"p{number}", max_failures=100)
            if not bench.left():
                break
        assert bench.left() == 0
        expected = {
            name: sorted(f"event-{n}" for n, targets in enumerate(filter(None, letters)) if name in targets)
            for name in TARGETS
        }
        assert {name: sorted(place.got) for name, place in bench.places.items()} == expected

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(story(Path(folder)))
