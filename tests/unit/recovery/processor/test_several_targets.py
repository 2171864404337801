"""Letters that several targets did not take, each for a reason of its own, through the acts that the processor has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.recovery import letters
from tests.unit.recovery.deliver.test_acts import ONCE, Place, Places
from tests.unit.recovery.processor.bench import QUEUE, Bench, on_bench

from turnout.dlq.delivering import Deliveries
from turnout.recovery import Letter, read_letter
from turnout.recovery.deliver.delivering import Delivering
from turnout.recovery.deliver.rerouting import Rerouting


def of_two(number: int, *codes: str) -> Letter:
    """A letter that two targets did not take, for reasons of their own."""
    failures = dict(zip(("crm", "mail"), codes, strict=True))
    message = letters.own(reason=codes[0].partition(":")[0], owed=("crm", "mail"), done=(), failures=failures)
    return read_letter({**message, "MessageId": f"m-{number}"}, queue=QUEUE)


def deliveries(places: Places) -> Any:
    return Deliveries(Delivering(places, patience=ONCE), Rerouting(places.queue, replay="work", patience=ONCE))


@pytest.mark.parametrize("codes", [("MESSAGE_REJECTED: no", "RETRIES_EXHAUSTED: busy")])
@pytest.mark.parametrize("turned", [False, True])
def test_what_one_target_will_never_take_is_delivered_to_the_other_and_then_left_to_people(
    tmp_path: Path, codes: tuple[str, str], turned: bool
) -> None:
    async def story(bench: Bench) -> None:
        refusing, working = ("mail", "crm") if turned else ("crm", "mail")
        places = Places(
            **{refusing: Place(refusing, ["InvalidMessageContents"] * 9), working: Place(working, ["!busy"])}
        )
        bench.delivery = deliveries(places)
        for _ in range(2):
            await bench.once()
        assert (len(places.made[working].got), len(places.made[refusing].got)) == (1, 0)
        assert len(places.made[refusing].answers) == 7, "not retried for ever"
        (record,) = (await bench.ledger.records(["m-1"])).values()
        assert (record.status, record.reached) == ("parked", (working,))
        assert record.note == f"{refusing}: InvalidMessageContents: no"
        assert bench.shelf is not None
        assert not bench.shelf.kept

    on_bench(tmp_path, story, of_two(1, *(reversed(codes) if turned else codes)))


def test_a_target_that_refuses_what_another_may_take_later_is_not_left_alone_for_that(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        places = Places(crm=Place("crm", ["InvalidMessageContents"] * 9), mail=Place("mail", ["!busy"] * 9))
        bench.delivery = deliveries(places)
        await bench.once(attempts=1, base=60.0, cap=60.0)
        assert bench.processor.resting == ("mail",)

    on_bench(tmp_path, story, *(of_two(n, "MESSAGE_REJECTED: no", "RETRIES_EXHAUSTED: busy") for n in range(5)))
