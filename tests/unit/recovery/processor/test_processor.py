from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from pathlib import Path

import pytest
from tests.unit.recovery import letters
from tests.unit.recovery.processor.bench import (
    FAILED,
    HOPELESS,
    MISSING,
    QUEUE,
    Bench,
    Place,
    Talk,
    needs_fix,
    on_bench,
    permanent,
    transient,
    unknown,
)

from turnout.errors import GenesysUnavailable, SqsDenied, SqsUnavailable
from turnout.recovery import Letter, read_letter
from turnout.recovery.deliver.api import Outcome
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.records import Action, Entry, Phase, Record, Sighting
from turnout.recovery.processor import handling, rounds
from turnout.recovery.processor.effects import Told
from turnout.recovery.selection import Selection


def test_time_heals_archives_keep_and_the_rest_waits(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        results = await bench.once()
        assert results == {"delivered": 1, "archived": 1, "parked": 2}
        assert list(bench.place.here) == ["m-3", "m-4"]
        assert [await bench.status(f"m-{n}") for n in (1, 2, 3, 4)] == [
            "retried",
            "archived",
            "parked",
            "unknown_category",
        ]

    on_bench(tmp_path, story, transient(1), permanent(2), needs_fix(3), unknown(4))


@pytest.mark.parametrize(("first", "then"), [(3, 2), (2, 3)])
def test_what_somebody_else_held_in_every_round_is_told_and_not_what_this_run_gave_back(
    tmp_path: Path, first: int, then: int
) -> None:
    async def story(bench: Bench) -> None:
        def in_the_next_round(_: Letter) -> None:
            bench.place.unseen = then

        bench.place.unseen = first
        bench.delivery.before = in_the_next_round
        bench.delivery.answers = [Outcome(failures={"*": "busy"}, retry_after=0.005, again=True)]
        assert (await bench.once())["put_off"] > 0
        assert bench.processor.counts.rounds > 1
        assert bench.processor.ended.unseen == 2

    on_bench(tmp_path, story, transient(1))


def test_a_letter_is_deleted_after_its_outcome_is_in_the_ledger_and_never_before(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.once()
        assert bench.diary == ["delivered m-1", "delete m-1"]
        history = await bench.ledger.history("m-1")
        assert [(entry.action, entry.phase) for entry in history] == [
            ("seen", "done"),
            ("retry", "started"),
            ("retry", "done"),
            ("resolve", "done"),
        ]

    on_bench(tmp_path, story, transient(1))


def test_what_is_parked_is_left_alone_in_the_rounds_that_follow(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.once()
        written = await bench.ledger.history("m-3"), await bench.ledger.records(["m-3", "m-4"])
        assert await bench.once() == {"waiting": 2}
        assert (await bench.ledger.history("m-3"), await bench.ledger.records(["m-3", "m-4"])) == written
        assert bench.place.held == set()

    on_bench(tmp_path, story, needs_fix(3), unknown(4))


def test_an_attempt_that_fails_is_repeated_until_it_works(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [FAILED, FAILED]
        assert await bench.once() == {"delivered": 1}
        assert bench.diary == ["failed m-1", "failed m-1", "delivered m-1", "delete m-1"]
        assert (await bench.ledger.records(["m-1"]))["m-1"].attempts == 3
        assert (bench.processor.counts.attempts, bench.processor.counts.attempts_failed) == (3, 2)

    on_bench(tmp_path, story, transient(1))


def test_attempts_come_to_an_end_and_then_the_letter_waits_for_somebody(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        bench.delivery.answers = [FAILED] * 9
        assert await bench.once(attempts=3) == {"exhausted": 1}
        assert bench.diary == ["failed m-1"] * 3
        assert bench.talk.told == [("retrying", 1), ("retrying", 2), ("retrying", 3), ("exhausted_retries", 3)]
        assert await bench.status("m-1") == "parked"
        assert await bench.once(attempts=3) == {"waiting": 1}
        assert len(bench.talk.told) == 4
        assert "m-1" in bench.place.here

    on_bench(tmp_path, story, transient(1))


def test_attempts_of_an_earlier_process_count(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting.of(transient(1))], by="before")
        for attempt in (1, 2):
            for phase in (Phase.STARTED, Phase.FAILED):
                await bench.ledger.record([Entry("m-1", Action.RETRY, phase, "before", attempt)])
        bench.delivery.answers = [FAILED] * 9
        await bench.once(attempts=3)
        assert bench.diary == ["failed m-1"]

    on_bench(tmp_path, story, transient(1))


def test_what_a_process_that_died_was_delivering_is_told_as_what_may_arrive_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting.of(transient(1))], by="dead")
        await bench.ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "dead")])
        assert await bench.once() == {"delivered": 2}

    on_bench(tmp_path, story, transient(1), transient(2))
    said = "an attempt that was cut off may have delivered it: it may arrive twice"
    assert [vars(each)["message_id"] for each in caplog.records if each.message == said] == ["m-1"]


def test_a_letter_whose_attempts_were_used_up_before_is_not_attempted_and_its_conversation_hears_of_it(
    tmp_path: Path,
) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        await bench.ledger.see([Sighting.of(transient(1))], by="before")
        for attempt in (1, 2, 3):
            await bench.ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "before", attempt)])
        assert await bench.once(attempts=3) == {"exhausted": 1}
        assert bench.diary == []
        assert bench.talk.told == [("exhausted_retries", 3)]
        assert await bench.status("m-1") == "parked"

    on_bench(tmp_path, story, transient(1))


def test_what_no_attempt_can_help_is_not_attempted_again(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        bench.delivery.answers = [HOPELESS]
        bench.delivery.unfit = {"m-2": "there is no target crm in the rules"}
        assert await bench.once() == {"parked": 2}
        assert bench.diary == ["failed m-1"]
        assert bench.talk.told == [("retrying", 1), ("replay_failed", 1)]
        assert (await bench.ledger.records(["m-2"]))["m-2"].note == "there is no target crm in the rules"
        assert await bench.once() == {"waiting": 2}
        assert bench.diary == ["failed m-1"]

    on_bench(tmp_path, story, transient(1), transient(2))


def test_a_letter_whose_target_is_away_for_a_deployment_stays_and_is_delivered_in_a_later_round(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        bench.delivery.answers = [MISSING, MISSING]
        assert await bench.once() == {"put_off": 2, "delivered": 1}
        assert bench.processor.counts.rounds == 3, "one attempt a round, so that a round's interval lies between them"
        assert bench.talk.told[-1] == ("replay_successful", 3)

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize(("attempts", "made"), [(4, 3), (2, 2), (1, 1)])
def test_a_letter_whose_target_stays_away_is_parked_after_three_attempts_or_as_many_as_there_are(
    tmp_path: Path, attempts: int, made: int
) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        bench.delivery.answers = [MISSING] * 9
        results = await bench.once(attempts=attempts)
        assert results["parked"] == 1
        assert bench.diary == ["failed m-1"] * made
        assert bench.talk.told[-1] == ("replay_failed", made)
        assert await bench.status("m-1") == "parked"

    on_bench(tmp_path, story, transient(1))


def test_success_is_told_to_the_conversation_and_a_deaf_one_stops_nothing(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk()
        await bench.once()
        assert bench.talk.told == [("retrying", 1), ("replay_successful", 1)]
        assert (bench.processor.counts.told, bench.processor.counts.told_failed) == (2, 0)
        bench.place.here["m-2"] = transient(2)
        bench.talk.failure = GenesysUnavailable("no answer", code="HTTP 503")
        assert await bench.once() == {"delivered": 1}
        assert bench.processor.counts.told_failed == 2

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize(
    ("presence", "result"),
    [("found", "delivered"), ("failed", "delivered"), ("absent", "archived"), ("not_yet", "put_off")],
)
def test_a_letter_whose_conversation_is_gone_is_archived_and_one_that_is_too_fresh_waits(
    tmp_path: Path, presence: str, result: str
) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk(correlates=True)
        bench.talk.presence = presence
        results = await bench.once()
        assert set(results) == {result}
        note = (await bench.ledger.records(["m-1"]))["m-1"].note
        assert (
            note == f"dlq/m-1.json; the conversation {letters.CONVERSATION} is not there, and had the time to appear"
        ) == (presence == "absent")

    on_bench(tmp_path, story, transient(1))


def test_the_archive_is_told_what_a_letter_was_delivered_to_before(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting("m-1")], by="jo")
        for phase, targets in ((Phase.STARTED, ()), (Phase.FAILED, ("crm",))):
            await bench.ledger.record([Entry("m-1", Action.RETRY, phase, "jo", targets=targets)])
        assert await bench.once() == {"archived": 1}
        assert bench.shelf is not None
        assert bench.shelf.reached == ("crm",)

    on_bench(tmp_path, story, permanent(1))


def test_without_an_archive_a_letter_whose_conversation_is_gone_waits_for_somebody(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.shelf, bench.talk = None, Talk(correlates=True)
        bench.talk.presence = "absent"
        assert await bench.once() == {"parked": 1}
        assert await bench.status("m-1") == "parked"
        assert "had the time to appear" in (await bench.ledger.records(["m-1"]))["m-1"].note
        assert (bench.diary, list(bench.place.here)) == ([], ["m-1"])

    on_bench(tmp_path, story, transient(1))


def test_the_conversations_of_letters_that_begin_together_are_asked_for_together(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk(correlates=True)
        await bench.once()
        assert bench.talk.ahead == [["m-1", "m-2"]], "not of what is parked without asking"
        bench.talk = Talk(correlates=False)
        bench.place.here["m-4"] = transient(4)
        await bench.once()
        assert bench.talk.ahead == []

    on_bench(tmp_path, story, transient(1), transient(2), needs_fix(3))


def test_that_a_conversation_cannot_be_looked_up_keeps_no_letter_and_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk(correlates=True)
        bench.talk.presence = "failed"
        bench.talk.error = "log in: invalid_client"
        assert await bench.once() == {"delivered": 1}
        assert "could not be looked up" in caplog.text
        assert "log in: invalid_client" in caplog.text

    on_bench(tmp_path, story, transient(1))


def test_a_letter_that_is_put_off_round_after_round_is_one_letter_that_is_left(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk(correlates=True)
        bench.talk.presence = "not_yet"
        assert await bench.once() == {"put_off": 12, "parked": 1, "waiting": 5}
        assert bench.processor.ended.results == {"put_off": 2, "parked": 1}
        assert bench.processor.ended.left == 2

    on_bench(tmp_path, story, transient(1), transient(2), needs_fix(3))


def test_what_was_put_off_and_is_not_there_any_more_is_not_left(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.talk = Talk(correlates=True)
        bench.talk.presence = "not_yet"
        opened = bench.place.open

        @contextlib.asynccontextmanager
        async def somebody_takes_it() -> AsyncIterator[Place]:
            if bench.place.opened == 1:
                bench.place.here.clear()
            async with opened() as place:
                yield place

        bench.place.open = somebody_takes_it  # type: ignore[method-assign]
        await bench.once()
        assert bench.place.opened == 2
        assert bench.processor.ended.left == 0

    on_bench(tmp_path, story, transient(1))


def test_without_an_archive_what_is_permanent_waits_until_there_is_one(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        shelf, bench.shelf = bench.shelf, None
        assert await bench.once() == {"parked": 1}
        bench.shelf = shelf
        assert await bench.once() == {"archived": 1}
        assert bench.place.here == {}

    on_bench(tmp_path, story, permanent(1))


def test_an_archive_that_fails_keeps_the_letter_in_its_queue(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert bench.shelf is not None
        bench.shelf.failure = "AccessDenied: no"
        await bench.once()
        assert "m-1" in bench.place.here
        assert await bench.status("m-1") == "failed_archive"
        assert (await bench.ledger.records(["m-1"]))["m-1"].note == "s3://bucket: AccessDenied: no"
        bench.shelf.failure = ""
        assert await bench.once() == {"archived": 1}

    on_bench(tmp_path, story, permanent(1))


def test_a_letter_without_its_event_is_not_delivered(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.once() == {"parked": 1}
        assert bench.diary == []

    on_bench(tmp_path, story, read_letter({**letters.bus_v2("THROTTLING", ["e"]), "MessageId": "m-1"}))


def test_what_is_resolved_which_ends_its_claim_is_not_let_go_of_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        let_go: list[str] = []
        release = bench.ledger.release

        async def noted(letters: Collection[str], *, by: str) -> None:
            let_go.extend(letters)
            await release(letters, by=by)

        monkeypatch.setattr(bench.ledger, "release", noted)
        assert await bench.once() == {"delivered": 2, "parked": 1}
        assert let_go == ["m-3"], "each is a write, which costs money in DynamoDB"
        assert set(await bench.ledger.claim(["m-3"], by="another", lease_seconds=1)) == {"m-3"}

    on_bench(tmp_path, story, transient(1), transient(2), needs_fix(3))


def test_what_was_done_but_could_not_be_deleted_is_only_deleted_the_next_time(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.place.refuses_deletes = True
        await bench.once()
        assert set(bench.diary) == {"delivered m-1"}
        assert len(bench.diary) == 1
        bench.place.refuses_deletes = False
        assert await bench.once() == {"removed": 1}
        assert bench.diary == ["delivered m-1", "delete m-1"]
        assert (await bench.ledger.records(["m-1"]))["m-1"].resolved_ms

    on_bench(tmp_path, story, transient(1))


def test_a_letter_that_comes_again_after_it_was_resolved_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.once()
        bench.place.here["m-1"] = transient(1)
        assert await bench.once() == {"removed": 1}
        assert bench.delivery.delivered == ["m-1"]

    on_bench(tmp_path, story, transient(1))


def test_where_nothing_is_taken_out_hardly_a_round_writes_about_letters_that_are_done_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        bench.place.keeps = True
        await bench.once()
        before = await bench.ledger.records(["m-1"])
        assert await bench.once() == {"removed": 1}
        assert await bench.ledger.records(["m-1"]) == before, "thousands of them are listed in every round"
        later = time.time() + 7 * 3_600
        monkeypatch.setattr("turnout.recovery.processor.handling.time.time", lambda: later)
        assert await bench.once() == {"removed": 1}
        assert (await bench.ledger.records(["m-1"]))["m-1"].sightings == 2, "or DynamoDB would forget it some day"
        assert bench.delivery.delivered == ["m-1"]

    on_bench(tmp_path, story, transient(1))


def test_where_nothing_is_taken_out_what_is_done_with_is_no_progress_of_a_processor_that_is_to_end(
    tmp_path: Path,
) -> None:
    async def story(bench: Bench) -> None:
        bench.place.keeps = True
        await bench.ledger.see([Sighting.of(transient(2))], by="jo")
        await bench.ledger.claim(["m-2"], by="jo", lease_seconds=600)
        async with asyncio.timeout(15):
            await bench.once()
        assert bench.processor.ended.results == {"delivered": 1, "elsewhere": 1}, "by this one, not by one before"

    on_bench(tmp_path, story, transient(1), transient(2))


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("resolved", [True, False])
def test_what_a_run_began_to_deal_with_once_more_and_did_not_is_left_to_people(
    tmp_path: Path, resolved: bool, failed: bool
) -> None:
    async def story(bench: Bench) -> None:
        bench.place.refuses_deletes = not resolved
        await bench.once()
        bench.place.refuses_deletes = False
        bench.place.here["m-1"] = transient(1)
        before = await bench.ledger.history("m-1")
        begun = [Entry("m-1", Action.RETRY, Phase.STARTED, "jo", 2)]
        begun += [Entry("m-1", Action.RETRY, Phase.FAILED, "jo", 2, note="busy")] * failed
        await bench.ledger.record(begun)
        assert await bench.once() == {"parked": 1}
        assert await bench.once() == {"waiting": 1}
        assert list(bench.place.here) == ["m-1"]
        assert "once more (--again)" in (await bench.ledger.history("m-1"))[-1].note
        assert len(await bench.ledger.history("m-1")) == len(before) + len(begun) + 1

    on_bench(tmp_path, story, transient(1))


def test_what_a_run_deals_with_once_more_at_this_moment_is_left_to_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.once()
        bench.place.here["m-1"] = transient(1)
        await bench.ledger.claim(["m-1"], by="jo", lease_seconds=600, resolved=True)
        await bench.ledger.record([Entry("m-1", Action.RETRY, Phase.STARTED, "jo", 2)])
        assert (await bench.once())["elsewhere"] >= 1
        assert (await bench.status("m-1"), list(bench.place.here)) == ("in_progress", ["m-1"])

    on_bench(tmp_path, story, transient(1))


def test_what_arrived_at_one_of_two_targets_is_sent_to_the_other_only(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [Outcome(("crm",), {"*": "busy"}, again=True)]
        await bench.once()
        assert (await bench.ledger.records(["m-1"]))["m-1"].reached == ("crm", letters.TARGET)

    on_bench(tmp_path, story, transient(1))


def test_two_processors_share_the_letters_and_deliver_each_once(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        first, second = bench.make("worker-1"), bench.make("worker-2")
        async with asyncio.TaskGroup() as tasks:
            for processor in (first, second):
                tasks.create_task(processor.run(asyncio.Event(), once=True))
        assert sorted(bench.delivery.delivered) == sorted(f"m-{n}" for n in range(60))
        assert bench.place.here == {}

    on_bench(tmp_path, story, *(transient(n) for n in range(60)))


def test_a_letter_that_another_worker_holds_is_left_to_it(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting.of(transient(1))], by="other")
        await bench.ledger.claim(["m-1"], by="other", lease_seconds=60)
        assert set(await bench.once()) == {"elsewhere"}
        assert bench.diary == []

    on_bench(tmp_path, story, transient(1))


def test_a_target_that_fails_for_everybody_is_left_alone_and_costs_no_letter_its_attempts(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [FAILED] * 1_000
        processor = bench.make(base=0.1, cap=600.0, concurrency=1, interval_seconds=3_600)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while not processor.counts.rounds:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert processor.counts.attempts < 40
        untouched = [record.attempts for record in (await bench.ledger.records(list(bench.place.here))).values()]
        assert untouched.count(0) > 20
        assert processor.counts.results["put_off"] > 20
        assert processor.resting == (letters.TARGET,)

    on_bench(tmp_path, story, *(transient(n) for n in range(60)))


def test_a_target_that_fails_now_and_then_is_not_left_alone(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [FAILED, Outcome((letters.TARGET,))] * 12
        assert await bench.once(concurrency=1, cap=600.0) == {"delivered": 12}

    on_bench(tmp_path, story, *(transient(number) for number in range(12)))


def test_a_letter_that_others_fail_for_does_not_keep_other_targets_waiting(tmp_path: Path) -> None:
    other = "arn:aws:sqs:eu-west-1:111122223333:other"

    async def story(bench: Bench) -> None:
        def only_the_first_target_fails(letter: object) -> None:
            target = letter.delivery.target  # type: ignore[attr-defined]
            bench.delivery.answers = [FAILED] if target == letters.TARGET else []

        bench.delivery.before = only_the_first_target_fails
        await bench.once(attempts=12)
        assert {f"m-{n}" for n in range(20, 40)} <= set(bench.delivery.delivered)

    on_bench(tmp_path, story, *(transient(n) for n in range(20)), *(transient(n, other) for n in range(20, 40)))


def in_group(number: int, group: str) -> Letter:
    message = letters.rule("THROTTLING")
    message["Attributes"]["MessageGroupId"] = group
    return read_letter({**message, "MessageId": f"m-{number}"}, queue=f"{QUEUE}.fifo")


def test_once_goes_on_until_what_was_behind_others_in_their_groups_is_seen_and_done(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        here = bench.place.here

        async def the_first_two(limit: int | None = None) -> AsyncIterator[Letter]:
            for one in list(here.values())[:2]:
                yield one

        bench.place.letters = the_first_two  # type: ignore[method-assign]
        assert await bench.once() == {"delivered": 5, "parked": 1, "waiting": 1}
        assert bench.processor.ended.results == {"delivered": 5, "parked": 1}, "letters, not turns"
        assert list(here) == ["m-6"], "what waits for a repair"

    waits = read_letter(
        {**letters.message("{}", MessageGroupId="a"), "MessageId": "m-6"},
        queue=f"{QUEUE}.fifo",
    )
    on_bench(tmp_path, story, *(in_group(n, "a") for n in range(5)), waits)


def test_once_waits_for_no_interval_while_it_makes_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_SOON_SECONDS", 0.01)

    async def story(bench: Bench) -> None:
        here = bench.place.here

        async def the_first(limit: int | None = None) -> AsyncIterator[Letter]:
            for one in list(here.values())[:1]:
                yield one

        bench.place.letters = the_first  # type: ignore[method-assign]
        # After the last of them one round finds nothing, and then there is nothing to wait for.
        async with asyncio.timeout(10):
            assert await bench.once(interval_seconds=3600) == {"delivered": 3}

    on_bench(tmp_path, story, *(in_group(number, "a") for number in range(3)))


def test_letters_of_one_group_go_one_after_the_other_and_none_past_one_that_waits(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        under_way: list[str] = []

        def begun(letter: Letter) -> None:
            under_way.append(letter.id)

        bench.delivery.before = begun
        bench.delivery.gate = asyncio.Event()
        processor = bench.make(concurrency=20)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop, once=True))
        while processor.counts.held < 9 or len(under_way) < 3:
            await asyncio.sleep(0.001)
        assert sorted(under_way) == ["m-0", "m-1", "m-2"], "one of each group"
        bench.delivery.gate.set()
        await running
        for group in range(3):
            order = [int(one[2:]) for one in bench.delivery.delivered if int(one[2:]) % 3 == group]
            assert order == sorted(order)
        assert len(bench.delivery.delivered) == 9

    on_bench(tmp_path, story, *(in_group(number, f"g-{number % 3}") for number in range(9)))


def test_in_a_group_nothing_passes_a_letter_whose_target_asks_for_time(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [Outcome(failures={"*": "busy"}, retry_after=60.0, again=True)]
        processor = bench.make(interval_seconds=3_600)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while not processor.counts.rounds:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert processor.counts.results == {"put_off": 3}
        assert bench.diary == ["failed m-0"]

    on_bench(tmp_path, story, *(in_group(number, "g") for number in range(3)))


def test_in_a_group_nothing_passes_a_letter_that_another_worker_has(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting.of(in_group(0, "g"))], by="other")
        await bench.ledger.claim(["m-0"], by="other", lease_seconds=60)
        await bench.once()
        assert bench.delivery.delivered == ["m-3"]
        assert bench.processor.ended.results == {"elsewhere": 1, "put_off": 2, "delivered": 1}

    on_bench(tmp_path, story, *(in_group(number, "g") for number in range(3)), in_group(3, "another"))


def test_in_a_group_nothing_passes_a_letter_that_is_found_at_another_worker_while_one_before_it_is_under_way(
    tmp_path: Path,
) -> None:
    async def story(bench: Bench) -> None:
        await bench.ledger.see([Sighting.of(in_group(10, "g"))], by="other")
        await bench.ledger.claim(["m-10"], by="other", lease_seconds=60)
        await bench.once()
        assert bench.delivery.delivered == sorted(bench.delivery.delivered)
        assert "m-11" in bench.place.here

    on_bench(tmp_path, story, *(in_group(number, "g") for number in range(12)))


def test_in_a_group_nothing_passes_a_letter_of_which_the_ledger_could_not_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        record = bench.ledger.record

        async def fails_for_the_first(entries: Sequence[Entry]) -> Mapping[str, Record]:
            if entries[0].letter == "m-0":
                raise LedgerUnavailable("throttled")
            return await record(entries)

        monkeypatch.setattr(bench.ledger, "record", fails_for_the_first)
        with pytest.raises(LedgerUnavailable):
            await bench.once()
        assert bench.delivery.delivered == ["m-3"]
        monkeypatch.undo()
        assert await bench.once() == {"delivered": 3}
        assert bench.delivery.delivered == ["m-3", "m-0", "m-1", "m-2"]

    on_bench(tmp_path, story, *(in_group(number, "g") for number in range(3)), in_group(3, "another"))


def test_in_a_group_nothing_passes_a_letter_that_a_bug_keeps_from_being_delivered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        def broken(letter: Letter) -> None:
            if letter.id == "m-0":
                raise ZeroDivisionError

        bench.delivery.before = broken
        await bench.once(attempts=20)
        assert bench.delivery.delivered == ["m-3"]
        assert bench.processor.ended.results == {"failed": 1, "put_off": 2, "delivered": 1}

    on_bench(tmp_path, story, *(in_group(number, "g") for number in range(3)), in_group(3, "another"))
    assert "please report this" in caplog.text


def test_being_told_to_stop_finishes_what_is_under_way_and_begins_nothing_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "turnout.recovery")

    async def story(bench: Bench) -> None:
        bench.delivery.gate = asyncio.Event()
        begun: list[Letter] = []
        bench.delivery.before = begun.append
        processor = bench.make(concurrency=4, drain_seconds=60.0)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while len(begun) < 4:
            await asyncio.sleep(0.001)
        assert processor.counts.held == 4
        assert processor.counts.running
        stop.set()
        while not processor.counts.draining:
            await asyncio.sleep(0.001)
        bench.delivery.gate.set()
        await running
        assert len(bench.delivery.delivered) == 4
        assert len(bench.place.here) == 26
        assert bench.place.held == set()
        assert (processor.counts.running, processor.counts.held) == (False, 0)

    on_bench(tmp_path, story, *(transient(n) for n in range(30)))
    assert "draining: 4 letters under way" in caplog.messages


def test_a_processor_that_ends_by_itself_drains_nothing(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        await bench.once()
        assert not bench.processor.counts.draining

    on_bench(tmp_path, story, transient(1))


def test_a_run_that_is_cancelled_leaves_its_letters_to_others(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.gate = asyncio.Event()
        processor = bench.make()
        running = asyncio.create_task(processor.run(asyncio.Event()))
        while not processor.counts.held:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not processor.counts.running
        assert "m-1" in await bench.ledger.claim(["m-1"], by="somebody else", lease_seconds=1)

    on_bench(tmp_path, story, transient(1))


def test_only_selected_letters_are_touched(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        selection = Selection(ids=frozenset({f"m-{number}" for number in range(12, 24)}))
        assert await bench.once(selection=selection) == {"delivered": 12}
        assert list(bench.place.here) == [f"m-{number}" for number in range(12)]
        assert (await bench.ledger.records([*bench.place.here])) == {}

    on_bench(tmp_path, story, *(transient(number) for number in range(24)))


def test_no_more_letters_are_held_in_a_round_than_is_allowed(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        held: list[int] = []
        bench.delivery.before = lambda _: held.append(len(bench.place.held))
        # Who is to end when nothing is left to do goes on with the next ones.
        assert await bench.once(most=2) == {"delivered": 5}
        assert max(held) == 2

    on_bench(tmp_path, story, *(transient(number) for number in range(5)))


def test_a_full_round_of_letters_that_stay_is_not_gone_through_for_ever(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        assert await bench.once(most=2) == {"parked": 2}

    on_bench(tmp_path, story, *(needs_fix(number) for number in range(3)))


def test_where_nothing_is_taken_out_all_letters_have_their_turn_however_many_they_are(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.place.keeps = True
        assert await bench.once(most=2) == {"delivered": 5}

    on_bench(tmp_path, story, *(transient(number) for number in range(5)))


def test_what_ends_by_itself_ends_at_once_with_what_time_does_not_repair(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.place.failure = SqsDenied("not you", code="AccessDenied", operation="ReceiveMessage", queue="dead")
        with pytest.raises(SqsDenied):
            await bench.once()
        assert bench.place.opened == 1

    on_bench(tmp_path, story, transient(1))


def test_a_processor_that_is_to_go_on_goes_on_until_somebody_has_repaired_what_time_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        bench.place.failure = SqsDenied("not you", code="AccessDenied", operation="ReceiveMessage", queue="dead")
        processor = bench.make()
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        async with asyncio.timeout(30):
            while processor.counts.rounds_failed < 1_100:  # 2.0 ** 1024 is more than a float holds
                await asyncio.sleep(0)
            bench.place.failure = None
            while bench.place.here:
                await asyncio.sleep(0)
        stop.set()
        await running
        assert processor.counts.results == {"delivered": 1}

    on_bench(tmp_path, story, transient(1))


def test_what_ends_by_itself_ends_when_five_rounds_in_a_row_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        bench.place.failure = BUSY
        with pytest.raises(SqsUnavailable):
            await bench.once()
        assert bench.place.opened == 5
        assert bench.processor.counts.rounds_failed == 5
        assert not bench.processor.counts.running

    on_bench(tmp_path, story, transient(1))


def test_a_round_that_goes_well_makes_up_for_those_that_failed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        bench.delivery.answers = [Outcome(failures={"*": "busy"}, retry_after=0.005, again=True)]
        read = bench.place.letters
        fails = iter([True, True, True, False, True, True, True])

        async def now_and_then(limit: int | None = None) -> AsyncIterator[Letter]:
            if next(fails, False):
                raise BUSY
            async for one in read(limit):
                yield one

        bench.place.letters = now_and_then  # type: ignore[method-assign]
        assert (await bench.once())["delivered"] == 1
        assert bench.processor.counts.rounds_failed == 6

    on_bench(tmp_path, story, transient(1))


BUSY = SqsUnavailable("slow down", code="RequestThrottled", operation="ReceiveMessage", queue="dead")


def test_a_processor_says_when_its_last_round_ended_and_how_long_it_took(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        began = time.time()
        await bench.once()
        counts = bench.processor.counts
        assert counts.rounds == 1
        assert began <= counts.round_at <= time.time()
        assert 0 < counts.round_seconds <= time.time() - began + 0.1

    on_bench(tmp_path, story, transient(1))


def test_a_backoff_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.answers = [Outcome(failures={"*": "busy"}, retry_after=0.0, again=True)]
        processor = bench.make(base=3_600, cap=3_600, drain_seconds=60.0)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while not bench.diary:
            await asyncio.sleep(0.001)
        stop.set()
        async with asyncio.timeout(15):
            await running
        claimed = await bench.ledger.claim(["m-1"], by="somebody else", lease_seconds=1)
        assert "m-1" in claimed, "the claim was released"

    on_bench(tmp_path, story, transient(1))


def test_what_does_not_finish_in_time_is_let_go_of_and_known_as_begun(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.delivery.gate, begun = asyncio.Event(), asyncio.Event()
        bench.delivery.before = lambda _: begun.set()
        processor = bench.make(drain_seconds=0.05)
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        await begun.wait()
        stop.set()
        await running
        assert await bench.status("m-1") == "in_progress"
        assert "m-1" in bench.place.here
        bench.delivery.gate.set()
        assert await bench.once("worker-2") == {"delivered": 1}

    on_bench(tmp_path, story, transient(1))


def test_a_place_that_cannot_be_read_is_tried_again_later(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        bench.place.failure = SqsUnavailable("no answer", code="Timeout", operation="ReceiveMessage", queue="dead")
        processor = bench.make()
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while not processor.counts.rounds_failed:
            await asyncio.sleep(0.001)
        assert "no answer" in processor.counts.error
        bench.place.failure = None
        while bench.place.here:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        assert processor.counts.error == ""

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize(("asked", "wait"), [(None, 2), (1.0, 2), (40.0, 40)])
def test_a_place_that_cannot_be_read_is_left_alone_for_as_long_as_it_asks(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, asked: float | None, wait: int
) -> None:
    async def story(bench: Bench) -> None:
        bench.place.failure = SqsUnavailable(
            "busy", code="Throttled", operation="ReceiveMessage", queue="dead", retry_after=asked
        )
        processor = bench.make()
        stop = asyncio.Event()
        running = asyncio.create_task(processor.run(stop))
        while not processor.counts.rounds_failed:
            await asyncio.sleep(0.001)
        stop.set()
        await running
        assert f"the next begins in {wait} s" in caplog.text

    on_bench(tmp_path, story, transient(1))


def test_a_place_that_cannot_be_read_on_lets_what_is_under_way_end(tmp_path: Path) -> None:
    async def story(bench: Bench) -> None:
        gate = bench.delivery.gate = asyncio.Event()
        sent: list[str] = []
        bench.delivery.before = lambda letter: sent.append(letter.id)
        read = bench.place.letters

        async def fails_once(limit: int | None = None) -> AsyncIterator[Letter]:
            async for one in read(limit):
                yield one
            while len(sent) < 10:
                await asyncio.sleep(0)
            bench.place.letters = read  # type: ignore[method-assign]
            asyncio.get_running_loop().call_later(0.01, gate.set)
            raise SqsUnavailable("slow down", code="RequestThrottled", operation="ReceiveMessage", queue="dead")

        bench.place.letters = fails_once  # type: ignore[method-assign]
        await bench.once()
        assert bench.processor.counts.rounds_failed == 1
        assert sorted(sent) == sorted(f"m-{number}" for number in range(10)), "each was sent once"
        assert sorted(bench.delivery.delivered) == sorted(sent)

    on_bench(tmp_path, story, *(transient(number) for number in range(10)))


def test_a_letter_of_which_the_ledger_cannot_be_told_for_a_while_is_left_and_the_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        record, failures = bench.ledger.record, 2

        async def fails_for_a_while(entries: Sequence[Entry]) -> Mapping[str, Record]:
            nonlocal failures
            if failures and entries[0].letter == "m-0":
                failures -= 1
                raise LedgerUnavailable("throttled")
            return await record(entries)

        monkeypatch.setattr(bench.ledger, "record", fails_for_a_while)
        await bench.once()
        assert bench.place.here == {}
        assert bench.processor.counts.rounds_failed == 2
        # The first round went on with all others: of those behind the first batch, too.
        assert bench.delivery.delivered[-1] == "m-0"
        assert bench.processor.ended.results == {"delivered": 25}

    on_bench(tmp_path, story, *(transient(number) for number in range(25)))


def test_a_round_ends_when_the_ledger_cannot_be_told_of_five_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        told: list[str] = []

        async def unavailable(entries: Sequence[Entry]) -> Mapping[str, Record]:
            told.append(entries[0].letter)
            raise LedgerUnavailable("throttled")

        monkeypatch.setattr(bench.ledger, "record", unavailable)
        with pytest.raises(LedgerUnavailable):
            await bench.once(concurrency=1)
        assert bench.processor.counts.rounds_failed == 5
        assert len(set(told)) == 10, "what was read with them, and no more"
        assert bench.diary == []

    on_bench(tmp_path, story, *(transient(number) for number in range(25)))


def test_what_ends_by_itself_ends_at_once_when_the_ledger_has_never_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        async def unavailable(*_: object, **__: object) -> None:
            raise LedgerUnavailable("there is no such table")

        for call in ("see", "records", "claim", "record"):
            monkeypatch.setattr(bench.ledger, call, unavailable)
        with pytest.raises(LedgerUnavailable):
            await bench.once()
        assert bench.place.opened == 1

    on_bench(tmp_path, story, transient(1))


def test_without_a_ledger_nothing_is_done_and_nothing_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_LONGEST_BACKOFF", 0.0)

    async def story(bench: Bench) -> None:
        async def unavailable(*_: object, **__: object) -> None:
            raise LedgerUnavailable("the ledger cannot be written: disk full")

        monkeypatch.setattr(bench.ledger, "record", unavailable)
        with pytest.raises(LedgerUnavailable, match="disk full"):
            await bench.once()
        assert bench.diary == []
        assert bench.place.held == set()

    on_bench(tmp_path, story, transient(1), permanent(2))


def test_a_ledger_that_fails_for_a_while_makes_no_letter_arrive_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("turnout.recovery.ledger.insisting._WAITS", (0.0,) * 2)

    async def story(bench: Bench) -> None:
        record, failures = bench.ledger.record, 2

        async def fails_for_a_while(entries: Sequence[Entry]) -> Mapping[str, Record]:
            nonlocal failures
            if failures and entries[0].targets:
                failures -= 1
                raise LedgerUnavailable("throttled")
            return await record(entries)

        monkeypatch.setattr(bench.ledger, "record", fails_for_a_while)
        assert await bench.once() == {"delivered": 1}
        assert bench.diary == ["delivered m-1", "delete m-1"]

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize("settles", [True, False])
def test_a_processor_that_was_frozen_delivers_nothing_that_another_had_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settles: bool
) -> None:
    async def story(bench: Bench) -> None:
        claim, frozen = bench.ledger.claim, False

        async def frozen_afterwards(letters: Collection[str], *, by: str, lease_seconds: float) -> Mapping[str, Record]:
            nonlocal frozen
            granted = await claim(letters, by=by, lease_seconds=lease_seconds)
            if not frozen:
                frozen = True
                bench.ahead += lease_seconds + 1
                await bench.ledger.release(["m-1"], by=by)  # as the end of the lease does
                assert await claim(["m-1"], by="another", lease_seconds=60)
                ends = [Phase.STARTED, Phase.DONE] if settles else [Phase.STARTED, Phase.FAILED]
                await bench.ledger.record([Entry("m-1", Action.RETRY, phase, "another") for phase in ends])
                await bench.ledger.release(["m-1"], by="another")
            return granted

        monkeypatch.setattr(bench.ledger, "claim", frozen_afterwards)
        results = await bench.once()
        assert results["elsewhere"] == 1
        assert bench.delivery.delivered == ([] if settles else ["m-1"])
        retries = [entry.attempt for entry in await bench.ledger.history("m-1") if entry.phase is Phase.STARTED]
        assert retries == ([1] if settles else [1, 2])

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize("slow", ["noting", "telling"])
def test_what_another_delivers_while_the_ledger_or_a_conversation_takes_long_to_be_told_is_not_delivered_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: str
) -> None:
    async def story(bench: Bench) -> None:
        record, passed = bench.ledger.record, False

        async def pass_the_lease() -> None:
            nonlocal passed
            if passed:
                return
            passed = True
            bench.ahead += 121.0
            await bench.ledger.release(["m-1"], by="worker-1")  # as the end of the lease does
            assert await bench.ledger.claim(["m-1"], by="another", lease_seconds=60)
            await record([Entry("m-1", Action.RETRY, Phase.STARTED, "another", 2)])
            await record([Entry("m-1", Action.RETRY, Phase.DONE, "another", 2, targets=(letters.TARGET,))])
            await bench.ledger.release(["m-1"], by="another")

        async def record_slowly(entries: Sequence[Entry]) -> Mapping[str, Record]:
            records = await record(entries)
            if slow == "noting":
                await pass_the_lease()
            return records

        async def tell_slowly(letter: Letter, told: Told, attempt: int) -> None:
            if slow == "telling":
                await pass_the_lease()

        monkeypatch.setattr(bench.ledger, "record", record_slowly)
        bench.talk = Talk()
        bench.talk.tell = tell_slowly  # type: ignore[method-assign]
        assert await bench.once() == {"elsewhere": 1, "removed": 1}
        assert bench.diary == ["delete m-1"]

    on_bench(tmp_path, story, transient(1))


def test_a_processor_that_was_frozen_goes_on_with_what_nobody_else_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        claim, claims = bench.ledger.claim, 0

        async def frozen_afterwards(letters: Collection[str], *, by: str, lease_seconds: float) -> Mapping[str, Record]:
            nonlocal claims
            claims += 1
            granted = await claim(letters, by=by, lease_seconds=lease_seconds)
            bench.ahead += lease_seconds + 1 if claims == 1 else 0
            return granted

        monkeypatch.setattr(bench.ledger, "claim", frozen_afterwards)
        assert await bench.once() == {"delivered": 1}
        assert claims == 2

    on_bench(tmp_path, story, transient(1))


def test_while_a_delivery_takes_long_its_letter_stays_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bench: Bench) -> None:
        claim, renewed = bench.ledger.claim, asyncio.Event()
        under_way: list[str] = []
        bench.delivery.before = lambda letter: under_way.append(letter.id)
        bench.delivery.gate = asyncio.Event()

        async def watched(letters: Collection[str], *, by: str, lease_seconds: float) -> Mapping[str, Record]:
            granted = await claim(letters, by=by, lease_seconds=lease_seconds)
            if under_way and "m-1" in granted:
                renewed.set()
            return granted

        monkeypatch.setattr(bench.ledger, "claim", watched)
        running = asyncio.create_task(bench.once(lease_seconds=1.5))
        async with asyncio.timeout(10):
            await renewed.wait()
        assert not await claim(["m-1"], by="another", lease_seconds=60)
        bench.delivery.gate.set()
        assert await running == {"delivered": 1}
        assert under_way == ["m-1"]

    on_bench(tmp_path, story, transient(1))


@pytest.mark.parametrize("kind", [transient, permanent])
def test_no_more_actions_begin_in_a_second_than_the_rate_allows(tmp_path: Path, kind: Callable[[int], Letter]) -> None:
    async def story(bench: Bench) -> None:
        began = asyncio.get_running_loop().time()
        await bench.once(rate=20.0)
        assert len(bench.diary) == 10
        assert asyncio.get_running_loop().time() - began > 4 / 20 - 0.01, "the first need not wait"

    on_bench(tmp_path, story, *(kind(number) for number in range(5)))


@pytest.mark.parametrize(("kind", "ended"), [(transient, "delivered"), (permanent, "archived")])
def test_who_waits_for_the_rate_waits_no_longer_when_the_processor_is_to_stop(
    tmp_path: Path, kind: Callable[[int], Letter], ended: str
) -> None:
    async def story(bench: Bench) -> None:
        stop = asyncio.Event()
        delete = bench.place.delete

        async def delete_and_stop(letters: Collection[Letter]) -> Mapping[str, str]:
            stop.set()
            return await delete(letters)

        bench.place.delete = delete_and_stop  # type: ignore[method-assign]
        processor = bench.make(rate=0.01, drain_seconds=60.0)
        async with asyncio.timeout(15):
            await processor.run(stop)
        assert processor.counts.results == {ended: 1, "put_off": 1}

    on_bench(tmp_path, story, kind(1), kind(2))


def test_a_delivery_that_takes_its_time_is_waited_for_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "_LET_GO_SECONDS", 0.001)

    async def story(bench: Bench) -> None:
        gate = bench.delivery.gate = asyncio.Event()

        def soon(letter: Letter) -> None:
            asyncio.get_running_loop().call_later(0.05, gate.set)

        bench.delivery.before = soon
        assert await bench.once() == {"delivered": 1}
        assert bench.diary == ["delivered m-1", "delete m-1"]
        assert [task.get_name() for task in asyncio.all_tasks() if task.get_name().endswith("m-1")] == []

    on_bench(tmp_path, story, transient(1))
