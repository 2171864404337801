"""A target that fails: left alone, held for, overflowed, given up. The others go on."""

import asyncio
import itertools
import time
from collections.abc import Sequence

import pytest
from tests.servers.raw import Peer, raw_server
from tests.unit.pipeline.virtual_time import run
from tests.unit.pipeline.yard import DEAD, QUICK, RULES, SOURCE, Yard, event, ruleset
from tests.unit.targets.endpoint import Endpoint, endpoint

from turnout.account import Outcome
from turnout.errors import Fault, TargetError
from turnout.letter import LETTER, read_letter_attribute
from turnout.pipeline.breaker import BreakerConfig, BreakerState
from turnout.pipeline.worker import Worker
from turnout.recovery.causes import Disposition, default_causes
from turnout.sqs.api import EntryFailure, OutgoingMessage, SentBatch
from turnout.targets.api import Destination
from turnout.targets.destinations import open_destinations
from turnout.targets.queue import QueueDestination

SEND = "SendMessageBatch"


def test_the_letter_of_an_event_that_several_targets_did_not_take_says_of_each_why() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls("crm", SEND, "AccessDenied")
        yard.sqs.fail_calls("archive", SEND, "QueueDoesNotExist")
        await yard.route(event("three", 1))
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed) == ("ACCESS_DENIED", ("crm", "archive"))
        assert {target: why.partition(":")[0] for target, why in letter.failures.items()} == {
            "crm": "ACCESS_DENIED",
            "archive": "QUEUE_MISSING",
        }

    asyncio.run(main())


def test_a_letter_says_since_when_its_target_failed_and_until_when_it_was_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(time, "time_ns", lambda: 1_767_225_600_000_000_000 + int(loop.time() * 1e9))
        resting = Resting(20.0)
        yard = yard_with(resting, hold_seconds=600.0)
        await yard.publish(event("one"))
        async with yard.running(seconds=1_000):
            while not yard.watch.accounts:
                await asyncio.sleep(1)
        (letter,) = yard.letters()
        assert resting.times == [0.0, 20.0, 40.0, 60.0]
        assert letter.first_failure == "2026-01-01T00:00:00.000+00:00"
        assert letter.last_failure == "2026-01-01T00:01:00.000+00:00"

    run(main())


def test_a_letter_that_one_target_is_owed_says_why_once() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_calls("crm", SEND, "AccessDenied")
        await yard.route(event("three", 1))
        (stored,) = yard.stored(DEAD)
        assert "failures" not in (stored.message.attributes[LETTER].text or "")

    asyncio.run(main())


def test_a_target_that_is_down_is_left_alone_and_gets_everything_once_it_is_back() -> None:
    async def main() -> None:
        yard = Yard(breaker=BreakerConfig(failures=2, probe_seconds=0.01, probe_cap_seconds=0.02), hold_seconds=60.0)
        yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await yard.publish(*(event("three", number) for number in range(30)))
        async with yard.running():
            sender = yard.worker.senders["archive"]
            while sender.breaker.state is BreakerState.CLOSED or len(yard.bodies("audit")) < 30:
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.1)  # probes fail meanwhile
            assert yard.watch.accounts == [], "held, neither dead-lettered nor handed back"
            yard.sqs.heal()
            await yard.watch.wait(30)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 30}
        assert len(yard.bodies("archive")) == 30
        assert (yard.worker.books.received, yard.worker.books.redelivered) == (30, 0)
        assert yard.stored(SOURCE) == []

    asyncio.run(main())


class Throttling:
    """A destination whose calls all go through, as SNS's and EventBridge's do, and that refuses entries one by one."""

    max_entries = 10
    max_message_bytes = max_batch_bytes = 262_144
    ordered = False
    url = "arn:aws:events:us-east-1:123456789012:event-bus/throttling"
    name = "throttling"

    def __init__(self, *, takes: str | None = None) -> None:
        self.takes = takes
        """What a body must have to be taken; None takes nothing."""
        self.calls = 0
        self.took: list[str] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        self.calls += 1
        failures = []
        for index, message in enumerate(messages):
            if self.takes is not None and self.takes in message.body:
                self.took.append(message.body)
            elif "malformed" in message.body:
                failures.append(EntryFailure(index, "MalformedDetail", "malformed", Fault.DATA, False))
            else:
                failures.append(EntryFailure(index, "ThrottlingException", "slow down", Fault.SYSTEM, True))
        return SentBatch((None,) * len(messages), tuple(failures))


def yard_with(crm: Destination, **config: object) -> Yard:
    """A yard whose `crm` is that destination."""
    yard = Yard(**config)  # type: ignore[arg-type]
    yard.worker = Worker(
        yard.config, yard.worker.ruleset, yard.sqs, yard.watch, None,
        lambda target: crm if target.name == "crm" else QueueDestination(yard.sqs, target.address),
    )  # fmt: skip
    return yard


def test_a_target_that_throttles_every_entry_of_its_calls_is_left_alone_and_gets_everything_once_it_is_back() -> None:
    async def main() -> None:
        bus = Throttling()
        breaker = BreakerConfig(failures=2, probe_seconds=0.01, probe_cap_seconds=0.02)
        yard = yard_with(bus, breaker=breaker, hold_seconds=60.0)
        await yard.publish(*(event("one", number) for number in range(30)))
        async with yard.running():
            sender = yard.worker.senders["crm"]
            while sender.breaker.state is BreakerState.CLOSED or bus.calls < 10:
                await asyncio.sleep(0.001)
            assert yard.watch.accounts == [], "held, neither dead-lettered nor handed back"
            bus.takes = "event"
            await yard.watch.wait(30)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 30}
        assert sorted(bus.took) == sorted(event("one", number) for number in range(30))

    asyncio.run(main())


def test_a_queue_that_refuses_every_entry_for_its_own_sake_is_left_alone_as_well() -> None:
    async def main() -> None:
        yard = Yard(breaker=BreakerConfig(failures=2, probe_seconds=0.01, probe_cap_seconds=0.02), hold_seconds=60.0)
        yard.sqs.fail_entries("crm", SEND, "InternalError")
        await yard.publish(*(event("one", number) for number in range(30)))
        async with yard.running():
            while yard.worker.senders["crm"].breaker.state is BreakerState.CLOSED:
                await asyncio.sleep(0.001)
            yard.sqs.heal()
            await yard.watch.wait(30)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 30}

    asyncio.run(main())


class Denying(Throttling):
    """A bus that takes no event that has the word `denied`, and says so entry by entry."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        self.calls += 1
        self.took += [message.body for message in messages if "denied" not in message.body]
        denied = (index for index, message in enumerate(messages) if "denied" in message.body)
        failures = tuple(EntryFailure(index, self.code, "not for you", Fault.CONFIG, False) for index in denied)
        return SentBatch((None,) * len(messages), failures)


def test_a_bus_that_takes_nothing_of_ours_is_confirmed_and_then_no_longer_asked_for_each_event() -> None:
    async def main() -> None:
        bus = Denying("NotAuthorizedForSourceException")
        yard = yard_with(bus, breaker=BreakerConfig(probe_seconds=600.0, probe_cap_seconds=600.0))
        await yard.route(*(event("one", number, text="denied") for number in range(30)))
        assert bus.calls == 3
        sender = yard.worker.senders["crm"]
        assert (sender.breaker.state, sender.breaker.fault) == (BreakerState.OPEN, Fault.CONFIG)
        assert [(letter.reason, letter.fault, letter.owed) for letter in yard.letters()] == [
            ("ACCESS_DENIED", "config", ("crm",))
        ] * 30

    asyncio.run(main())


def test_one_kind_of_event_that_a_bus_does_not_take_keeps_no_other_kind_from_it() -> None:
    async def main() -> None:
        bus = Denying("NotAuthorizedForDetailTypeException")
        yard = yard_with(bus, breaker=BreakerConfig(probe_seconds=600.0, probe_cap_seconds=600.0))
        sender = yard.worker.senders["crm"]
        async with yard.running():
            for number in range(5):
                await yard.publish(event("one", number, text="denied"))
                await yard.watch.wait(number + 1)
            assert sender.breaker.state is BreakerState.CLOSED
            await yard.publish(event("one", 9))
            await yard.watch.wait(6)
        assert bus.took == [event("one", 9)]
        assert [letter.reason for letter in yard.letters()] == ["ACCESS_DENIED"] * 5

    asyncio.run(main())


def test_an_event_that_is_refused_for_what_it_is_does_not_make_a_throttled_call_a_good_one() -> None:
    async def main() -> None:
        yard = yard_with(Throttling(), breaker=BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0))
        await yard.publish(event("one", 1, text="malformed"), *(event("one", number) for number in range(2, 5)))
        async with yard.running():
            await yard.watch.wait(1)
            assert yard.worker.senders["crm"].breaker.state is BreakerState.OPEN
        assert [letter.event_id for letter in yard.letters()] == ["event-1"]

    asyncio.run(main())


def test_a_call_of_which_one_entry_was_taken_and_one_of_which_none_is_wanted_say_that_the_target_works() -> None:
    async def main() -> None:
        yard = yard_with(Throttling(takes="fine"), breaker=BreakerConfig(failures=1, probe_seconds=600.0))
        await yard.publish(event("one", 1, text="fine"), event("one", 2, text="malformed"))
        sender = yard.worker.senders["crm"]
        async with yard.running():
            await yard.watch.wait(2)
            assert sender.breaker.state is BreakerState.CLOSED
            await yard.publish(event("one", 3, text="malformed"))
            await yard.watch.wait(3)
            assert sender.breaker.state is BreakerState.CLOSED

    asyncio.run(main())


def test_a_target_that_stays_down_longer_than_deliveries_may_wait_gets_letters() -> None:
    async def main() -> None:
        yard = Yard(breaker=BreakerConfig(failures=1, probe_seconds=0.01, probe_cap_seconds=0.01), hold_seconds=0.05)
        yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await yard.route(event("three", 1), event("three", 2))
        assert [(letter.reason, letter.owed) for letter in yard.letters()] == [("RETRIES_EXHAUSTED", ("archive",))] * 2

    asyncio.run(main())


@pytest.mark.parametrize("queue", ["archive", "events-dead"])
def test_a_clock_that_is_set_forward_makes_nothing_wait_for_too_long(
    queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        breaker = BreakerConfig(failures=1, probe_seconds=5.0, probe_cap_seconds=5.0)
        yard = Yard(clock=asyncio.get_running_loop().time, breaker=breaker, hold_seconds=60.0)
        yard.sqs.fail_calls(queue, SEND, "ServiceUnavailable")
        await yard.publish(event("three"), "no JSON")
        async with yard.running(seconds=1_000):
            await asyncio.sleep(1)
            ahead = time.time_ns() + 3_600_000_000_000
            monkeypatch.setattr(time, "time_ns", lambda: ahead)
            await asyncio.sleep(20)
            yard.sqs.heal()
            while len(yard.watch.accounts) < 2:
                await asyncio.sleep(1)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 1, Outcome.DEAD_LETTERED: 1}
        assert [letter.reason for letter in yard.letters()] == ["INVALID_JSON"]

    run(main())


def test_a_letter_waits_for_the_dead_letter_queue_as_long_as_it_may_however_long_its_message_was_held_before() -> None:
    async def main() -> None:
        breaker = BreakerConfig(failures=1, probe_seconds=5.0, probe_cap_seconds=5.0)
        yard = Yard(clock=asyncio.get_running_loop().time, breaker=breaker, hold_seconds=60.0)
        for queue in ("archive", "events-dead"):
            yard.sqs.fail_calls(queue, SEND, "ServiceUnavailable")
        await yard.publish(event("three"))
        async with yard.running(seconds=1_000):
            while not len(yard.worker.dead_letter_sender):
                await asyncio.sleep(1)
            await asyncio.sleep(30)
            yard.sqs.heal()
            while not yard.watch.accounts:
                await asyncio.sleep(1)
        assert yard.worker.books.outcomes == {Outcome.DEAD_LETTERED: 1}
        assert [letter.reason for letter in yard.letters()] == ["RETRIES_EXHAUSTED"]

    run(main())


def test_a_message_waits_a_minute_for_its_letter_however_long_one_may_wait_for_a_target() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        breaker = BreakerConfig(failures=1, probe_seconds=5.0, probe_cap_seconds=5.0)
        yard = Yard(clock=loop.time, breaker=breaker, hold_seconds=900.0)
        yard.sqs.fail_calls("events-dead", SEND, "ServiceUnavailable")
        await yard.publish("no JSON")
        async with yard.running(seconds=2_000):
            while not yard.watch.accounts:
                await asyncio.sleep(1)
            waited = loop.time()
        assert yard.worker.books.outcomes[Outcome.HANDED_BACK] == 1
        return waited

    assert 60.0 <= run(main()) < 70.0


def test_a_clock_that_is_set_forward_takes_nothing_from_the_rest_that_a_target_may_ask_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def main() -> None:
        resting = Resting(20.0)
        yard = yard_with(resting, hold_seconds=50.0)
        await yard.publish(event("one"))
        async with yard.running(seconds=1_000):
            await asyncio.sleep(1)
            ahead = time.time_ns() + 3_600_000_000_000
            monkeypatch.setattr(time, "time_ns", lambda: ahead)
            while not yard.watch.accounts:
                await asyncio.sleep(1)
        assert resting.times[:3] == [0.0, 20.0, 40.0]

    run(main())


def test_once_a_missing_queue_is_confirmed_what_belongs_there_is_dead_lettered_without_another_try() -> None:
    async def main() -> None:
        yard = Yard(breaker=BreakerConfig(config_failures=3, probe_seconds=600.0, probe_cap_seconds=600.0))
        yard.sqs.fail_calls("crm", SEND, "QueueDoesNotExist", times=3)
        await yard.publish(*(event("one", number) for number in range(40)))
        async with yard.running():
            await yard.watch.wait(40)
            await yard.publish(event("one", 41))
            await yard.watch.wait(41)
        assert yard.worker.books.letters == {"QUEUE_MISSING": 41}
        assert yard.bodies("crm") == [], "the queue would take them by now, but nobody has looked again yet"

    asyncio.run(main())


def test_when_a_target_is_down_and_its_share_is_full_its_messages_are_postponed_and_others_go_on() -> None:
    async def main() -> None:
        yard = Yard(
            max_in_flight=40,
            breaker=BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0),
            hold_seconds=600.0,
        )
        rules = RULES.replace("rules:\n", "rules:\n  - {id: two, when: detail.to == 'two', send: [audit]}\n")
        yard.worker.use(ruleset(rules))
        yard.sqs.fail_calls("crm", SEND, "ServiceUnavailable")
        await yard.publish(*(event("one", number) for number in range(60)))
        await yard.publish(*(event("two", number) for number in range(20)))
        async with yard.running():
            while len(yard.bodies("audit")) < 20 or yard.worker.books.outcomes[Outcome.HANDED_BACK] < 20:
                await asyncio.sleep(0.001)
            assert len(yard.worker.in_flight) <= 40
        assert len(yard.bodies(SOURCE)) == 60, "nothing lost, nothing dead-lettered"
        assert yard.letters() == []

    asyncio.run(main())


def test_when_too_many_letters_wait_for_the_dead_letter_queue_their_messages_are_left_in_the_source() -> None:
    async def main() -> None:
        yard = Yard(
            max_in_flight=40,
            breaker=BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0),
            hold_seconds=600.0,
        )
        yard.sqs.fail_calls(DEAD, SEND, "ServiceUnavailable")
        await yard.publish(*(f"no JSON {number}" for number in range(40)))
        async with yard.running():
            left = await yard.watch.wait(10)
            assert {account.outcome for account in left} == {Outcome.HANDED_BACK}
            await yard.publish(event("one"))
            while not yard.bodies("crm"):
                await asyncio.sleep(0.001)
        assert len(yard.bodies(SOURCE)) == 40

    asyncio.run(main())


def test_when_the_full_target_is_one_of_several_the_others_are_served_and_the_letter_owes_that_one() -> None:
    async def main() -> None:
        yard = Yard(
            max_in_flight=20,
            breaker=BreakerConfig(failures=1, probe_seconds=600.0, probe_cap_seconds=600.0),
            hold_seconds=600.0,
        )
        yard.sqs.fail_calls("archive", SEND, "ServiceUnavailable")
        await yard.publish(*(event("three", number) for number in range(30)))
        async with yard.running():
            await yard.watch.wait(20)
        assert len(yard.bodies("audit")) == len(yard.bodies("crm")) == 30
        assert {letter.owed for letter in yard.letters()} == {("archive",)}

    asyncio.run(main())


class Fickle:
    """A destination that takes every third message and asks for ten minutes of rest before it gets the others."""

    max_entries = 1
    max_message_bytes = max_batch_bytes = 262_144
    ordered = False
    url = "endpoint:https://fickle.test"
    name = "fickle.test"

    def __init__(self) -> None:
        self.calls = 0
        self.took: list[str] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        self.calls += 1
        if self.calls % 3:
            raise TargetError("later", code="HTTP 429", fault=Fault.SYSTEM, retryable=True, retry_after=600.0)
        self.took += [message.body for message in messages]
        return SentBatch((None,) * len(messages))


def test_a_target_that_works_now_and_then_and_asks_for_long_waits_leaves_room_for_the_others() -> None:
    async def main() -> None:
        fickle = Fickle()
        yard = Yard(max_in_flight=40)
        rules = RULES.replace("rules:\n", "rules:\n  - {id: two, when: detail.to == 'two', send: [audit]}\n")
        yard.worker = Worker(
            yard.config, ruleset(rules), yard.sqs, yard.watch, None,
            lambda target: fickle if target.name == "crm" else QueueDestination(yard.sqs, target.address),
        )  # fmt: skip
        await yard.publish(*(event("one", number) for number in range(90)))
        await yard.publish(event("three", 91), event("three", 92), event("three", 93))
        await yard.publish(*(event("two", number) for number in range(20)))
        async with yard.running():
            while len(yard.bodies("audit")) < 23 or fickle.calls < 93:
                await asyncio.sleep(0.001)
            assert yard.worker.senders["crm"].breaker.state is BreakerState.CLOSED
        assert len(fickle.took) == 31
        assert len(yard.bodies(SOURCE)) + len(yard.letters()) == 93 - 31, "nothing lost"
        assert {(letter.reason, letter.owed) for letter in yard.letters()} == {("RETRIES_EXHAUSTED", ("crm",))}
        assert all("later" in letter.message for letter in yard.letters())

    asyncio.run(main())


class Resting:
    """A destination that takes nothing and asks to be left alone for so many seconds."""

    max_entries = 1
    max_message_bytes = max_batch_bytes = 262_144
    ordered = False
    url = "endpoint:https://resting.test"
    name = "resting.test"

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.times: list[float] = []

    @property
    def calls(self) -> int:
        return len(self.times)

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        self.times.append(asyncio.get_running_loop().time())
        raise TargetError(
            "later", code="HTTP 429", fault=Fault.SYSTEM, retryable=True, retry_after=self.seconds, target=self.name
        )


def test_a_target_that_asks_for_ever_longer_rests_has_an_event_held_no_longer_than_the_setting_for_holding() -> None:
    async def main() -> None:
        resting = Resting(900.0)
        yard = yard_with(resting, hold_seconds=0.1)
        await yard.route(event("one", 1))
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed, letter.attempts) == ("RETRIES_EXHAUSTED", ("crm",), 2)
        assert resting.calls == 2, "once more when the time was over, and not as often as it can be tried by itself"

    asyncio.run(main())


class Picky(Resting):
    """A destination that is down for some of its calls, refuses others for what the event is, and then takes all."""

    def __init__(self, *answers: int) -> None:
        super().__init__(0.0)
        self.answers = answers

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        answer = self.answers[self.calls] if self.calls < len(self.answers) else 200
        if answer == 503:
            return await super().send(messages)
        self.times.append(asyncio.get_running_loop().time())
        if answer == 422:
            raise TargetError("no", code="HTTP 422", fault=Fault.DATA, retryable=False, target=self.name)
        return SentBatch((None,) * len(messages))


@pytest.mark.parametrize(("answers", "left_alone"), [((503, 503, 422), True), ((503, 422, 503), False)])
def test_who_refuses_an_event_for_what_it_is_works_and_is_no_longer_left_alone_nor_soon(
    answers: Sequence[int], left_alone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        picky = Picky(*answers)
        breaker = BreakerConfig(failures=2, probe_seconds=5.0, probe_cap_seconds=5.0)
        yard = yard_with(
            picky, clock=asyncio.get_running_loop().time, breaker=breaker, hold_seconds=600.0, send_calls=1
        )
        await yard.publish(*(event("one", number) for number in range(5)))
        async with yard.running(seconds=1_000):
            while len(yard.watch.accounts) < 5:
                await asyncio.sleep(1)
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 4, Outcome.DEAD_LETTERED: 1}
        assert [letter.reason for letter in yard.letters()] == ["MESSAGE_REJECTED"]
        assert (picky.times[-1] >= 5.0) is left_alone

    run(main())
    assert ("it is left alone" in caplog.text) is left_alone


def test_an_entry_that_is_denied_among_others_that_are_taken_is_confirmed_and_not_tried_as_often_as_can_be() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.fail_entries(
            "crm", SEND, "KmsAccessDenied",
            when=lambda message: isinstance(message, OutgoingMessage) and "event-3" in message.body,
        )  # fmt: skip
        await yard.route(*(event("one", number) for number in range(9)))
        assert len(yard.bodies("crm")) == 8
        assert [(letter.reason, letter.attempts) for letter in yard.letters()] == [("ACCESS_DENIED", 3)]

    asyncio.run(main())


class Busy:
    """A FIFO queue that takes one event at once, and of each other one the third attempt."""

    max_entries = 10
    max_message_bytes = max_batch_bytes = 262_144
    ordered = True
    url = "http://sqs.memory/000000000000/crm.fifo"
    name = "crm.fifo"

    def __init__(self) -> None:
        self.attempts: dict[str, int] = {}

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        failures = []
        for index, message in enumerate(messages):
            self.attempts[message.body] = attempt = self.attempts.get(message.body, 0) + 1
            if "event-0" not in message.body and attempt < 3:
                failures.append(EntryFailure(index, "ThrottlingException", "slow down", Fault.SYSTEM, True))
        return SentBatch((None,) * len(messages), tuple(failures))


def test_where_order_counts_what_waits_for_its_next_attempt_is_never_one_too_many() -> None:
    async def main() -> None:
        rules = RULES.replace("queue: crm,", "queue: crm.fifo,")
        yard = yard_with(Busy(), rules=rules, max_in_flight=10, breaker=BreakerConfig(failures=1_000))
        await yard.route(*(event("one", number) for number in range(10)))
        assert yard.worker.books.outcomes == {Outcome.DELIVERED: 10}, "none was handed back, to be overtaken"

    asyncio.run(main())


def test_a_target_that_asks_for_no_more_than_we_wait_by_ourselves_gets_all_its_attempts() -> None:
    async def main() -> None:
        resting = Resting(QUICK.cap_seconds)
        yard = yard_with(resting, hold_seconds=0.0)
        await yard.route(event("one", 1))
        assert [letter.attempts for letter in yard.letters()] == [resting.calls] == [QUICK.attempts]

    asyncio.run(main())


@pytest.mark.parametrize(("hold_seconds", "pause"), [(900.0, 60.0), (45.0, 45.0)])
def test_a_target_that_is_left_alone_is_not_probed_before_the_rest_that_it_asks_for_is_over(
    hold_seconds: float, pause: float
) -> None:
    async def main() -> None:
        resting = Resting(60.0)
        yard = yard_with(resting, breaker=BreakerConfig(failures=2), hold_seconds=hold_seconds)
        await yard.publish(*(event("one", number) for number in range(9)))
        async with yard.running(seconds=1_000):
            while resting.calls < 6:
                await asyncio.sleep(1.0)
                if not len(yard.worker.in_flight):  # those before were held for long enough
                    await yard.publish(event("one"))
        first, second, *probes = resting.times
        between = [after - before for before, after in itertools.pairwise([second, *probes])]
        assert first == second
        assert between == pytest.approx([pause] * 4)

    run(main())


def test_an_endpoint_as_a_target_gets_its_events_and_what_it_refuses_becomes_a_letter() -> None:
    async def main(hook: Endpoint) -> None:
        rules = RULES.replace("{queue: crm, priority: 0}", f'{{url: "{hook.url}", per_second: 1000}}')
        yard = Yard()
        async with open_destinations(yard.sqs, beside=SOURCE, environ={}) as destinations:
            yard.worker = Worker(yard.config, ruleset(rules), yard.sqs, yard.watch, None, destinations)
            await yard.publish(event("three", 1))
            async with yard.running():
                await yard.watch.wait(1)
                hook.status = 422
                await yard.publish(event("one", 2))
                await yard.watch.wait(2)
        assert [got.body.decode() for got in hook.got] == [event("three", 1), event("one", 2)]
        assert hook.got[0].headers["idempotency-key"] != hook.got[1].headers["idempotency-key"]
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed, letter.event_id) == ("MESSAGE_REJECTED", ("crm",), "event-2")

    with endpoint() as hook:
        asyncio.run(main(hook))


def test_an_endpoint_that_hangs_up_on_a_request_is_sent_it_again_with_the_key_by_which_it_knows_it() -> None:
    keys: list[str] = []
    connections: list[int] = []

    async def converse(peer: Peer) -> None:
        while True:
            keys.append((await peer.request()).headers["idempotency-key"])
            connections.append(peer.number)
            if len(keys) in (2, 3):  # as the connection is used again, and as a new one is used first
                return
            await peer.answer()

    async def main() -> None:
        async with raw_server(converse) as server:
            rules = RULES.replace("{queue: crm, priority: 0}", f'{{url: "{server.url}"}}')
            yard = Yard()
            async with open_destinations(yard.sqs, beside=SOURCE, environ={}) as destinations:
                yard.worker = Worker(yard.config, ruleset(rules), yard.sqs, yard.watch, None, destinations)
                async with yard.running():
                    for number in (1, 2):
                        await yard.publish(event("one", number))
                        await yard.watch.wait(number)
            assert yard.letters() == []
        assert [delivery.attempts for account in yard.watch.accounts for delivery in account.deliveries] == [1, 3]

    asyncio.run(main())
    first, *second = keys
    assert len(second) == 3, "once for each attempt, and not once more by the library below"
    assert len(set(second)) == 1
    assert first not in second
    assert connections == [0, 0, 1, 2]


def test_an_endpoint_to_which_an_event_conflicts_with_what_is_there_is_asked_again_and_is_not_left_alone() -> None:
    async def main(hook: Endpoint) -> None:
        rules = RULES.replace("{queue: crm, priority: 0}", f'{{url: "{hook.url}"}}')
        yard = Yard(breaker=BreakerConfig(failures=2, probe_seconds=600.0))
        async with open_destinations(yard.sqs, beside=SOURCE, environ={}) as destinations:
            yard.worker = Worker(yard.config, ruleset(rules), yard.sqs, yard.watch, None, destinations)
            hook.status = 409
            await yard.publish(event("one", 1))
            async with yard.running():
                await yard.watch.wait(1)
                assert yard.worker.senders["crm"].breaker.state is BreakerState.CLOSED
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.attempts) == ("RETRIES_EXHAUSTED", "system", QUICK.attempts)
        row = default_causes().code("turnout", letter.reason)
        assert row is not None
        assert row.disposition is Disposition.TRANSIENT

    with endpoint() as hook:
        asyncio.run(main(hook))


@pytest.mark.parametrize("address", ["bus: crm", "state_machine: 'arn:aws:states:eu-west-1:1:stateMachine:m'"])
def test_attributes_that_a_target_takes_none_of_do_not_make_an_event_too_large_for_it(address: str) -> None:
    async def main() -> None:
        taking = Throttling(takes="event-1")
        rules = RULES.replace("{queue: crm, priority: 0}", f"{{{address}}}")
        rules = rules.replace("send: [crm]}", "send: [crm], attributes: {more: detail.more}}", 1)
        yard = Yard()
        yard.worker = Worker(yard.config, ruleset(rules), yard.sqs, yard.watch, None, lambda _: taking)
        await yard.route(event("one", 1, more="x" * (taking.max_message_bytes - 1_000)))
        assert yard.letters() == []
        assert len(taking.took) == 1

    asyncio.run(main())


def test_what_is_too_large_for_one_queue_is_owed_to_that_one_and_nothing_else_suffers() -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.create_queue("archive-small", max_message_bytes=2048)
        yard.worker.use(ruleset(RULES.replace("queue: archive", "queue: archive-small")))
        large = event("three", 2, text="x" * 4000)
        await yard.route(event("three", 1), large, event("three", 3))
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.owed) == ("MESSAGE_TOO_LARGE", "data", ("archive",))
        assert letter.message.endswith("bytes with its attributes; archive-small takes 2048")
        assert (set(letter.done), letter.attempts) == ({"crm", "audit"}, 1)
        assert len(yard.bodies("archive-small")) == 2
        assert len(yard.bodies("crm")) == len(yard.bodies("audit")) == 3
        assert yard.bodies("events-dead") == [large]

    asyncio.run(main())


class Choosy:
    """A destination that refuses a whole batch for one of its messages, as SNS and EventBridge may."""

    max_entries = 10
    max_message_bytes = max_batch_bytes = 262_144
    ordered = False
    url = "arn:aws:sns:us-east-1:123456789012:choosy"
    name = "choosy"

    def __init__(self, raised: Exception) -> None:
        self.raised = raised
        self.took: list[str] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> SentBatch:
        if any("bad" in message.body for message in messages):
            raise self.raised
        self.took += [message.body for message in messages]
        return SentBatch((None,) * len(messages))


@pytest.mark.parametrize(
    ("code", "fault", "reason"),
    [
        ("HTTP 413", Fault.DATA, "MESSAGE_TOO_LARGE"),
        ("HTTP 422", Fault.DATA, "MESSAGE_REJECTED"),
        ("HTTP 302", Fault.CONFIG, "QUEUE_MISSING"),
        ("HTTP 308", Fault.CONFIG, "QUEUE_MISSING"),
        ("HTTP 404", Fault.CONFIG, "QUEUE_MISSING"),
        ("HTTP 405", Fault.CONFIG, "QUEUE_MISSING"),
        ("HTTP 501", Fault.CONFIG, "QUEUE_MISSING"),
        ("InvalidURL", Fault.CONFIG, "QUEUE_MISSING"),
        ("NotFound", Fault.CONFIG, "QUEUE_MISSING"),
        ("StateMachineDoesNotExist", Fault.CONFIG, "QUEUE_MISSING"),
        ("HTTP 403", Fault.CONFIG, "ACCESS_DENIED"),
    ],
)
def test_a_letter_tells_what_is_too_large_what_is_missing_and_what_is_denied_apart_for_every_kind_of_target(
    code: str, fault: Fault, reason: str
) -> None:
    async def main() -> None:
        yard = yard_with(Choosy(TargetError("no", code=code, fault=fault, retryable=False)))
        await yard.route(event("one", 1, text="bad"))
        assert [letter.reason for letter in yard.letters()] == [reason]

    asyncio.run(main())


def test_one_message_for_which_a_service_refuses_the_batch_does_not_take_its_neighbours_along() -> None:
    async def main() -> None:
        choosy = Choosy(TargetError("no", code="InvalidParameter", fault=Fault.DATA, retryable=False))
        yard = yard_with(choosy)
        await yard.route(*(event("one", number) for number in range(9)), event("one", 9, text="bad"))
        assert sorted(choosy.took) == [event("one", number) for number in range(9)]
        assert [(letter.reason, letter.event_id) for letter in yard.letters()] == [("MESSAGE_REJECTED", "event-9")]

    asyncio.run(main())


def test_a_bug_in_a_destination_costs_a_letter_and_neither_the_worker_nor_the_other_targets() -> None:
    async def main() -> None:
        choosy = Choosy(ZeroDivisionError("division by zero"))
        yard = yard_with(choosy)
        await yard.route(event("three", 1, text="bad"), event("three", 2))
        assert choosy.took == [event("three", 2)]
        (letter,) = yard.letters()
        assert (letter.reason, letter.owed, letter.event_id) == ("RETRIES_EXHAUSTED", ("crm",), "event-1")
        assert "unforeseen way: ZeroDivisionError" in letter.message
        assert len(yard.bodies("archive")) == len(yard.bodies("audit")) == 2

    asyncio.run(main())


def test_an_attribute_with_characters_that_sqs_takes_from_nobody_is_sent_without_them() -> None:
    async def main() -> None:
        yard = Yard(RULES.replace("send: [crm]}", "send: [crm], attributes: {note: {path: detail.note}}}"))
        await yard.route(event("one", 1, note="a\u0001b"))
        assert yard.letters() == []
        (stored,) = yard.stored("crm")
        assert stored.message.body == event("one", 1, note="a\u0001b")
        assert stored.message.attributes["note"].text == "a\ufffdb"

    asyncio.run(main())


def test_an_attribute_that_sqs_takes_from_nobody_costs_its_own_delivery_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        # The rules replace what SQS is known to refuse: here they let it pass, as they would what is not known.
        monkeypatch.setattr("turnout.rules.shaping.sendable", lambda text: text)
        rules = RULES.replace("send: [crm]}", "send: [crm], attributes: {note: {path: detail.note}}}")
        yard = Yard(rules)
        await yard.route(event("one", 1, note="fine"), event("one", 2, note="\u0001"), event("one", 3, note="well"))
        (letter,) = yard.letters()
        assert (letter.reason, letter.fault, letter.owed) == ("MESSAGE_REJECTED", "data", ("crm",))
        assert "Invalid characters found in the message attribute 'note'" in letter.message
        assert sorted(yard.bodies("crm")) == [event("one", 1, note="fine"), event("one", 3, note="well")]

    asyncio.run(main())


@pytest.mark.parametrize("spare", [0, 60, 400, 2000])
def test_a_letter_fits_into_a_dead_letter_queue_that_takes_what_the_source_takes_and_no_more(spare: int) -> None:
    async def main() -> None:
        yard = Yard()
        yard.sqs.create_queue("events-dead", max_message_bytes=262_144)
        body = "x" * (262_144 - spare)
        await yard.route(body)
        (stored,) = yard.stored("events-dead")
        assert stored.message.body == body
        assert yard.worker.books.letters == {"INVALID_JSON": 1}
        letter = read_letter_attribute(stored.message.attributes)
        assert (letter is not None and letter.reason == "INVALID_JSON") == (spare >= 400)

    asyncio.run(main())
