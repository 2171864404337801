"""What each function gives to its work, and answers Lambda with. Their containers are open on stand-ins."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from types import ModuleType
from typing import Any

import pytest
from tests.unit.pipeline.yard import SOURCE, Yard, event
from tests.unit.serverless.mapping import Context, sqs_event
from tests.unit.serverless.test_routing import Function
from tests.unit.telemetry.stories import Sink
from tests.unit.telemetry.test_emf import read

from turnout.dlq.settings import load_dlq_settings
from turnout.message import Message
from turnout.serverless import conversations, recovery, router, steps
from turnout.serverless.lettersteps import InvalidStep, LetterSteps
from turnout.serverless.opening import Opened
from turnout.telemetry.tracing import LateTracing

MESSAGE = Message("m1", "h1", event("one"), SOURCE)


def stand_in(monkeypatch: pytest.MonkeyPatch, module: ModuleType, opened: Callable[[], Any]) -> None:
    """Let the module's function work with this."""

    class Container:
        def run(self, work: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
            async def call() -> Any:
                async with asyncio.timeout(20):
                    return await work(opened())

            return asyncio.run(call())

    monkeypatch.setattr(module, "_container", Container())


class Recovering:
    """In the place of a recovery: every letter stays."""

    def __init__(self) -> None:
        self.given: list[tuple[list[str], float]] = []

    async def recover(self, messages: Sequence[Message], seconds: float) -> list[str]:
        self.given.append(([message.queue for message in messages], seconds))
        return [message.id for message in messages]

    def take_counts(self) -> Counter[str]:
        return Counter(parked=1)


@pytest.mark.parametrize(
    ("settings", "queue"),
    [
        ({"TURNOUT_DEAD_LETTER_QUEUE_URL": SOURCE}, SOURCE),
        ({}, "https://sqs.eu-west-1.amazonaws.com/123456789012/events"),
    ],
)
def test_the_recovery_function_answers_with_the_letters_that_stay_and_counts_what_became_of_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: dict[str, str], queue: str
) -> None:
    recovering: Any = Recovering()
    stand_in(monkeypatch, recovery, lambda: Opened(recovering, Yard().sqs, load_dlq_settings(settings)))
    assert recovery.handler(sqs_event(MESSAGE), Context(7.0)) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert recovering.given == [([queue], 7.0)]
    (line,) = [read(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["turnout.recovered"], line["outcome"]) == (1, "parked")


def test_the_function_that_follows_keeps_a_second_for_its_answer_and_counts_kinds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Follower:
        async def follow(self, event: object, left: Callable[[], float]) -> tuple[list[str], Counter[str]]:
            assert left() == 6.0
            return ["m1"], Counter({"conversation.updated": 2})

    stand_in(monkeypatch, conversations, Follower)
    assert conversations.handler(sqs_event(MESSAGE), Context(7.0)) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    (line,) = [read(line) for line in capsys.readouterr().out.splitlines()]
    assert (line["turnout.conversations"], line["kind"]) == (2, "conversation.updated")


@pytest.mark.parametrize("name", ["classify", "correlate", "deliver", "archive", "notify", "park"])
def test_each_step_is_its_own_and_keeps_a_second_for_its_answer(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async def step(self: object, given: dict[str, Any], seconds: float) -> dict[str, Any]:
        return {**given, "seconds": seconds}

    monkeypatch.setattr(LetterSteps, name, step)
    stand_in(monkeypatch, steps, object)
    handler = getattr(steps, name)
    assert handler({"record": {}}, Context(7.0)) == {"record": {}, "seconds": 6.0}
    assert handler({}, Context(0.5)) == {"seconds": 0.0}
    with pytest.raises(InvalidStep):
        handler([], Context(7.0))


@pytest.mark.parametrize(("left", "waited"), [(10.0, 2.0), (1.0, 0.7), (0.1, 0.0)])
def test_the_router_waits_for_its_traces_as_long_as_it_may_and_keeps_time_for_its_answer(
    monkeypatch: pytest.MonkeyPatch, left: float, waited: float
) -> None:
    flushed: list[float] = []

    class Flushing(LateTracing):
        async def flush(self, timeout_seconds: float) -> None:
            flushed.append(timeout_seconds)

    stand_in(monkeypatch, router, lambda: router.Opened(Function(Yard(), tracing=Flushing(Sink())).router, 2.0))
    assert router.handler({"Records": []}, Context(left)) == {"batchItemFailures": []}
    assert flushed == [pytest.approx(waited)]


def test_the_router_answers_with_the_messages_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    yard = Yard()
    yard.sqs.fail_calls("crm", "SendMessageBatch", "AccessDenied")
    yard.sqs.fail_calls("events-dead", "SendMessageBatch", "AccessDenied")
    stand_in(monkeypatch, router, lambda: router.Opened(Function(yard).router, 2.0))
    other = Message("m2", "h2", event("nobody", 2), SOURCE)
    answer = router.handler(sqs_event(MESSAGE, other), Context(10.0))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
