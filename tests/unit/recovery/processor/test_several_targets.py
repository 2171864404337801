"""Letters that several targets did not take, each for a reason of its own, through the acts that the processor has."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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
from turnout.recovery.ledger.records import Action, Entry, Phase, Record


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


def test_while_one_target_is_left_alone_the_others_get_the_letter_which_has_its_attempts_still(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        places = Places()
        bench.delivery = deliveries(places)
        processor = bench.make(attempts=1)
        processor._resting.failed("crm", 600.0)
        await processor.run(asyncio.Event(), once=True)
        assert {name: len(place.got) for name, place in places.made.items()} == {"crm": 0, "mail": 1}
        record = (await bench.ledger.records(["m-1"]))["m-1"]
        assert (record.status, record.reached, record.attempts - record.cut) == ("failed_retry", ("mail",), 0)
        assert list(bench.place.here) == ["m-1"]
        assert await bench.once(attempts=1) == {"delivered": 1}
        assert {name: len(place.got) for name, place in places.made.items()} == {"crm": 1, "mail": 1}

    on_bench(tmp_path, story, of_two(1, "RETRIES_EXHAUSTED: busy", "RETRIES_EXHAUSTED: busy"))


def test_what_one_target_refuses_while_another_is_left_alone_stays_owed_to_that_one(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        places = Places(mail=Place("mail", ["InvalidMessageContents"] * 99))
        bench.delivery = deliveries(places)
        processor = bench.make()
        processor._resting.failed("crm", 600.0)
        await processor.run(asyncio.Event(), once=True)
        assert (await bench.ledger.records(["m-1"]))["m-1"].status == "failed_retry"
        assert await bench.once() == {"parked": 1}
        assert (await bench.ledger.records(["m-1"]))["m-1"].reached == ("crm",)

    on_bench(tmp_path, story, of_two(1, "RETRIES_EXHAUSTED: busy", "RETRIES_EXHAUSTED: busy"))


RETRY, STARTED, FAILED = Action.RETRY, Phase.STARTED, Phase.FAILED


def test_what_another_says_late_to_have_delivered_is_not_delivered_by_the_next_attempt(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        record = bench.ledger.record

        async def hear_of_another(entries: Sequence[Entry]) -> Mapping[str, Record]:
            records = await record(entries)
            if (entries[0].phase, entries[0].attempt) == (FAILED, 1):
                await record([Entry("m-1", RETRY, FAILED, "another", 0, targets=("crm",))])
            return records

        bench.ledger.record = hear_of_another  # type: ignore[method-assign]
        places = Places(crm=Place("crm", ["!busy"]), mail=Place("mail", ["!busy"]))
        bench.delivery = deliveries(places)
        assert await bench.once() == {"delivered": 1}
        assert (len(places.made["crm"].got), len(places.made["mail"].got)) == (0, 1)

    on_bench(tmp_path, story, of_two(1, "RETRIES_EXHAUSTED: busy", "RETRIES_EXHAUSTED: busy"))


def test_an_attempt_that_another_has_noted_first_is_left_to_it_so_that_no_outcome_is_lost(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        record = bench.ledger.record

        async def be_slower(entries: Sequence[Entry]) -> Mapping[str, Record]:
            if (entries[0].phase, entries[0].attempt) == (STARTED, 1):
                for phase in (STARTED, FAILED):
                    await record([Entry("m-1", RETRY, phase, "another", 1)])
            return await record(entries)

        bench.ledger.record = be_slower  # type: ignore[method-assign]
        places = Places(crm=Place("crm"), mail=Place("mail", ["!busy"]))
        bench.delivery = deliveries(places)
        assert await bench.once() == {"elsewhere": 1, "delivered": 1}
        assert (len(places.made["crm"].got), len(places.made["mail"].got)) == (1, 1)
        (known,) = (await bench.ledger.records(["m-1"])).values()
        assert set(known.reached) == {"crm", "mail"}

    on_bench(tmp_path, story, of_two(1, "RETRIES_EXHAUSTED: busy", "RETRIES_EXHAUSTED: busy"))
