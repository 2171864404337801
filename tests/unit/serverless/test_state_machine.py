"""deploy/stepfunctions/recovery.asl.json, run by a real interpreter of the language (moto's), over all its branches.

The interpreter calls a stub of Lambda on a loopback port, which calls the real handlers; behind those are a real
ledger, acts that fail as told, and queues in memory.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from moto import mock_aws
from tests.unit.serverless.acts import FakeAct
from tests.unit.serverless.mapping import Context, sqs_record
from tests.unit.serverless.test_recovering import letter

from turnout.dlq.settings import DlqSettings
from turnout.recovery.ledger.api import LedgerUnavailable
from turnout.recovery.ledger.records import Action
from turnout.recovery.ledger.sqlite import open_sqlite_ledger
from turnout.recovery.letter import Letter
from turnout.serverless import steps
from turnout.serverless.container import Container
from turnout.serverless.lettersteps import LetterSteps
from turnout.serverless.recovering import Recovery
from turnout.serverless.telling import Teller
from turnout.sqs.memory import MemorySqs

FILE = Path(__file__).parents[3] / "deploy" / "stepfunctions" / "recovery.asl.json"
STEPS = ("classify", "correlate", "deliver", "archive", "notify", "park")


class Lambda:
    """A stub of Lambda's Invoke call. It counts calls by step, and fails those in `failures` with that error type."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.failures: dict[str, str] = {}
        self._passing: dict[str, list[str]] = {}
        lock = threading.Lock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = re.search(r"/functions/(.+)/invocations", unquote(self.path))
                assert found is not None
                with lock:  # a container does one call at a time
                    failed, answer = stub.invoke(found[1].rpartition(":")[2], payload)
                body = json.dumps(answer).encode()
                self.send_response(200)
                if failed:
                    self.send_header("X-Amz-Function-Error", "Unhandled")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def failing(self, step: str, error: str, *, times: int) -> None:
        """Fail a step's next calls."""
        self._passing[step] = [error] * times

    def invoke(self, step: str, payload: Any) -> tuple[bool, Any]:
        self.calls.append((step, payload))
        if self._passing.get(step):
            return True, {"errorType": self._passing[step].pop(), "errorMessage": "told to fail for a while"}
        if step in self.failures:
            return True, {"errorType": self.failures[step], "errorMessage": "told to fail"}
        try:
            return False, getattr(steps, step)(payload, Context())
        except Exception as error:  # noqa: BLE001 - as Lambda's runtime answers
            return True, {"errorType": type(error).__name__, "errorMessage": str(error), "stackTrace": []}

    def count(self, step: str) -> int:
        return sum(name == step for name, _ in self.calls)

    def statuses(self) -> list[str]:
        return [payload["status"] for name, payload in self.calls if name == "notify"]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Machine:
    """The state machine, and what its handlers work on."""

    def __init__(self, functions: Lambda, sqs: MemorySqs, act: FakeAct, archive: FakeAct) -> None:
        self.functions = functions
        self.sqs = sqs
        self.act = act
        self.archive = archive
        self._client: Any = boto3.client("stepfunctions", region_name="us-east-1")
        self._arn = ""

    def create(self) -> None:
        definition = FILE.read_text()
        for step in STEPS:
            definition = definition.replace(f"${{{step}}}", f"arn:aws:lambda:us-east-1:123456789012:function:{step}")
        assert "${" not in definition
        # The interpreter really waits.
        definition = re.sub(r'"IntervalSeconds": \d+', '"IntervalSeconds": 1', definition)
        definition = re.sub(r'"BackoffRate": \d+', '"BackoffRate": 1', definition)
        self._arn = self._client.create_state_machine(
            name=f"recovery-{time.monotonic_ns()}", definition=definition, roleArn="arn:aws:iam::123456789012:role/sfn"
        )["stateMachineArn"]

    def run(self, given: Any) -> tuple[str, Any]:
        """Status and output (or error) of an execution."""
        started = self._client.start_execution(
            stateMachineArn=self._arn, name=f"e{time.monotonic_ns()}", input=json.dumps(given)
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = self._client.describe_execution(executionArn=started["executionArn"])
            if found["status"] != "RUNNING":
                output = found.get("output")
                return found["status"], json.loads(output) if output else found.get("error")
            time.sleep(0.05)
        raise AssertionError("the execution did not end")

    def results(self, given: Any) -> list[str]:
        status, output = self.run(given)
        assert status == "SUCCEEDED", output
        return [each["result"] for each in output["results"]]

    @property
    def parked(self) -> list[str]:
        return [stored.message.body for stored in self.sqs.messages("parked")]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    functions, sqs = Lambda(), MemorySqs()
    parked = sqs.create_queue("parked")
    act, archive = FakeAct(), FakeAct(Action.ARCHIVE, aim="s3://bucket/key")

    @asynccontextmanager
    async def opening() -> AsyncIterator[LetterSteps]:
        async with open_sqlite_ledger(tmp_path / "ledger.sqlite") as ledger:
            recovery = Recovery(
                ledger=ledger, deliveries=[act], archive=archive, teller=Teller(None), by="lambda:steps"
            )
            yield LetterSteps(recovery, sqs, parked)

    container = Container(opening)
    monkeypatch.setattr(steps, "_container", container)
    for name, value in {
        "AWS_ENDPOINT_URL_LAMBDA": functions.url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        made = Machine(functions, sqs, act, archive)
        made.create()
        yield made
    functions.close()
    container.close()


def records(*messages: Any) -> list[dict[str, Any]]:
    return [sqs_record(message) for message in messages]


def test_a_batch_of_a_pipe_each_letter_by_its_own_course(machine: Machine) -> None:
    given = records(letter(1), letter(2, "INVALID_JSON"), letter(3, "NO_PERMISSIONS"))
    assert machine.results(given) == ["delivered", "archived", "parked"]
    assert [work.letter.event_id for work in machine.act.done] == ["event-1"]
    assert [work.letter.event_id for work in machine.archive.done] == ["event-2"]
    assert machine.parked == [letter(3).body]
    assert machine.functions.statuses() == ["replay_successful"]


def test_records_of_a_lambda_event_do_too(machine: Machine) -> None:
    assert machine.results({"Records": records(letter(1), letter(2))}) == ["delivered"] * 2


def test_one_event_as_the_router_starts_with(machine: Machine) -> None:
    event = json.loads(letter(1).body)
    assert machine.results(event) == ["delivered"]
    (work,) = machine.act.done
    assert json.loads(work.letter.body or "") == event


def test_a_delivery_that_fails_is_repeated(machine: Machine) -> None:
    machine.act.failures = 2
    assert machine.results(records(letter(1))) == ["delivered"]
    assert machine.functions.count("deliver") == 3
    assert machine.parked == []


def test_a_delivery_that_fails_for_good_is_told_and_parked(machine: Machine) -> None:
    machine.act.failures = 99
    assert machine.results(records(letter(1), letter(2, "INVALID_JSON"))) == ["parked", "archived"]
    assert machine.functions.count("deliver") == DlqSettings().attempts, "as turnout dlq work"
    assert machine.functions.statuses() == ["exhausted_retries"]
    assert machine.parked == [letter(1).body]


def test_a_delivery_that_fails_is_waited_for_as_long_as_a_target_takes_to_be_replaced() -> None:
    (retry,) = (each for each in _retries("Deliver") if "NotDelivered" in each["ErrorEquals"])
    assert sum(_waits(retry)) >= 600, "jitter halves it, and waiting costs nothing"
    assert retry["JitterStrategy"] == "FULL", "an outage fails many at once"


def test_an_execution_may_last_as_long_as_its_letters_may_be_tried() -> None:
    machine = json.loads(FILE.read_text())
    states = machine["States"]["Letters"]["ItemProcessor"]["States"]
    longest = sum(_longest(states[name]) for name in ("Classify", "Correlate", "Deliver", "TellExhausted", "Park"))
    rounds = 10 / machine["States"]["Letters"]["MaxConcurrency"]  # a pipe passes ten at most
    assert machine["TimeoutSeconds"] > rounds * longest, "a letter of one that timed out is in its input alone"


def _waits(retry: dict[str, Any]) -> list[float]:
    first, rate, most = retry["IntervalSeconds"], retry["BackoffRate"], retry.get("MaxDelaySeconds", 86_400)
    return [min(most, first * rate**number) for number in range(retry["MaxAttempts"])]


def _longest(state: dict[str, Any]) -> float:
    waits = [wait for retry in state["Retry"] if retry["MaxAttempts"] for wait in _waits(retry)]
    return sum(waits) + (len(waits) + 1) * float(state["TimeoutSeconds"])


def test_a_delivery_that_is_refused_for_good_is_not_repeated(machine: Machine) -> None:
    machine.act.failures, machine.act.again = 99, False
    assert machine.results(records(letter(1))) == ["parked"]
    assert machine.functions.count("deliver") == 1


def test_a_target_that_is_missing_for_a_deployment_is_asked_three_times(machine: Machine) -> None:
    machine.act.failures, machine.act.again, machine.act.config = 2, False, True
    assert machine.results(records(letter(1))) == ["delivered"]
    machine.act.tried, machine.act.failures = 0, 99
    assert machine.results(records(letter(2))) == ["parked"]
    assert machine.functions.count("deliver") == 6
    (state,) = (each for each in _retries("Deliver") if "NotThere" in each["ErrorEquals"])
    assert (state["IntervalSeconds"], state["MaxAttempts"]) == (60, 2), "as the rounds of turnout dlq work"


def _retries(state: str) -> list[dict[str, Any]]:
    retries: list[dict[str, Any]] = json.loads(FILE.read_text())["States"]["Letters"]["ItemProcessor"]["States"][state][
        "Retry"
    ]
    return retries


def test_what_was_resolved_before_is_not_touched(machine: Machine) -> None:
    assert machine.results(records(letter(1))) == ["delivered"]
    assert machine.results(records(letter(1))) == ["nothing"]
    assert len(machine.act.done) == 1


def test_an_archive_that_fails_is_repeated_then_the_letter_is_parked(machine: Machine) -> None:
    machine.archive.failures = 1
    assert machine.results(records(letter(1, "INVALID_JSON"))) == ["archived"]
    machine.archive.failures = 99
    assert machine.results(records(letter(2, "INVALID_JSON"))) == ["parked"]
    assert machine.parked == [letter(2).body]


def test_nothing_waits_for_genesys(machine: Machine) -> None:
    machine.functions.failures = {"correlate": "RuntimeError", "notify": "RuntimeError"}
    assert machine.results(records(letter(1))) == ["delivered"]
    machine.act.failures = 99
    assert machine.results(records(letter(2))) == ["parked"]


def test_a_letter_that_cannot_be_classified_is_parked(machine: Machine) -> None:
    machine.functions.failures = {"classify": "KeyError"}
    assert machine.results(records(letter(1))) == ["parked"]
    assert machine.parked == [letter(1).body]


def test_a_letter_that_is_parked_is_so_once_even_where_the_ledger_cannot_say_so(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def unavailable(self: Recovery, letter: Letter, why: str, queue: str) -> None:
        raise LedgerUnavailable("no answer")

    monkeypatch.setattr(Recovery, "park", unavailable)
    machine.functions.failures = {"classify": "KeyError"}
    assert machine.results(records(letter(1))) == ["parked"]
    assert machine.parked == [letter(1).body]
    assert "the ledger does not know" in caplog.text


def test_of_two_executions_with_one_letter_one_parks_it(machine: Machine) -> None:
    given = records(letter(1, "NO_PERMISSIONS"))
    assert machine.results(given) == ["parked"]
    assert machine.results(given) == ["nothing"]
    assert machine.parked == [letter(1).body]


def test_services_of_lambda_that_fail_are_tried_again(machine: Machine) -> None:
    machine.functions.failures = {"classify": "Lambda.ServiceException"}
    assert machine.results(records(letter(1))) == ["parked"]
    assert machine.functions.count("classify") == 5


@pytest.mark.parametrize("step", ["classify", "deliver", "archive"])
def test_a_function_that_is_throttled_is_waited_for_longer_than_one_that_fails(machine: Machine, step: str) -> None:
    machine.functions.failing(step, "Lambda.TooManyRequestsException", times=6)
    given = records(letter(1, "INVALID_JSON" if step == "archive" else "THROTTLING"))
    assert machine.results(given) == ["archived" if step == "archive" else "delivered"]
    assert machine.parked == []


def test_a_ledger_that_fails_for_a_while_makes_no_letter_a_case_for_people(machine: Machine) -> None:
    machine.functions.failing("classify", "LedgerUnavailable", times=6)
    assert machine.results(records(letter(1))) == ["delivered"]


@pytest.mark.parametrize("error", ["Sandbox.Timedout", "Lambda.TooManyRequestsException"])
@pytest.mark.parametrize("step", ["classify", "deliver"])
def test_parking_is_tried_for_long_whatever_it_fails_with(machine: Machine, step: str, error: str) -> None:
    machine.functions.failures = {step: "KeyError"}
    machine.functions.failing("park", error, times=6)
    assert machine.results(records(letter(1))) == ["parked"]
    assert machine.parked == [letter(1).body]


@pytest.mark.parametrize("step", ["classify", "deliver"])
def test_an_execution_that_can_keep_a_letter_nowhere_fails_after_all_others_are_done(
    machine: Machine, step: str
) -> None:
    machine.sqs.fail_calls("parked", "SendMessageBatch", "AccessDenied")
    machine.functions.failures = {} if step == "deliver" else {"classify": "KeyError"}
    machine.act.failures = 99 if step == "deliver" else 0
    given = records(letter(1), *([letter(2, "INVALID_JSON")] if step == "deliver" else []))
    assert machine.run(given) == ("FAILED", "NotParked")
    assert len(machine.archive.done) == (1 if step == "deliver" else 0)


def test_a_record_that_is_none_fails_nothing_else(machine: Machine) -> None:
    status, error = machine.run(["text", *records(letter(1))])
    assert (status, error) == ("FAILED", "NotParked")
    assert len(machine.act.done) == 1
    assert machine.functions.count("park") == 1


def test_an_empty_batch_is_nothing(machine: Machine) -> None:
    assert machine.results({"Records": []}) == []


def test_every_state_can_be_reached_and_every_task_is_a_handler() -> None:
    machine = json.loads(FILE.read_text())
    _reachable(machine)
    _reachable(machine["States"]["Letters"]["ItemProcessor"])
    named = set(re.findall(r"\$\{(\w+)\}", FILE.read_text()))
    assert named == set(STEPS) == set(steps.__all__) - {"open_steps"}


def _reachable(machine: dict[str, Any]) -> None:
    states, seen, waiting = machine["States"], set(), [machine["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        state = states[name]
        waiting += [
            each["Next"] for each in (state, *state.get("Choices", ()), *state.get("Catch", ())) if "Next" in each
        ]
        waiting += [state["Default"]] if "Default" in state else []
        if state["Type"] == "Task":
            assert state["Retry"], name
            assert state["Catch"], name
            for retry in state["Retry"]:  # long enough for the execution that holds the letter to end, or its lease
                if "LetterHeld" in retry["ErrorEquals"]:
                    assert retry["IntervalSeconds"] * retry["MaxAttempts"] > state["TimeoutSeconds"] + 2, name
    assert seen == set(states)
