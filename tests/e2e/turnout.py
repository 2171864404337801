"""`turnout run` as a process of its own, and queues on an emulator to look at from outside with boto3."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import boto3
from tests.servers.processes import Server, free_port

import turnout

TURNOUT = str(Path(sys.executable).parent / "turnout")
# For a command that is given nothing else of our environment: it is to be of the same source as this process.
SOURCE = {"PYTHONPATH": str(Path(turnout.__file__).parents[1])}
NAMES = ("events", "events-dead", "critical", "high", "standard")

_CLOSED_BOOKS = re.compile(
    r"stopped: (\d+) received = (\d+) delivered \+ (\d+) dead lettered \+ (\d+) dropped"
    r" \+ (\d+) handed back \+ (\d+) in flight"
)

AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


class Queues:
    """A fresh set of queues on an emulator."""

    def __init__(self, server: Server, prefix: str) -> None:
        self.prefix = prefix
        self.server = server
        self.client: Any = boto3.client(
            "sqs",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.urls: dict[str, str] = {
            name: self.client.create_queue(QueueName=f"{prefix}-{name}")["QueueUrl"] for name in NAMES
        }

    def environment(self) -> dict[str, str]:
        """What `turnout run` needs to work on these queues."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("TURNOUT_", "OTEL_", "AWS_"))},
            **AWS,
            "AWS_ENDPOINT_URL": self.server.url,
            "TURNOUT_SOURCE_QUEUE_URL": self.urls["events"],
            "TURNOUT_DEAD_LETTER_QUEUE_URL": self.urls["events-dead"],
            "CRITICAL_QUEUE_URL": self.urls["critical"],
            "HIGH_QUEUE_URL": self.urls["high"],
            "STANDARD_QUEUE_URL": self.urls["standard"],
        }

    def with_standard_unreachable(self) -> dict[str, str]:
        """The same, with a target at a port where nothing listens, and retries that come late."""
        environment = self.environment()
        # Without a configured endpoint the host in each queue's URL counts.
        del environment["AWS_ENDPOINT_URL"]
        return environment | {
            "STANDARD_QUEUE_URL": f"http://127.0.0.1:{free_port()}/000000000000/standard",
            "TURNOUT_BACKOFF_BASE_SECONDS": "60",
            "TURNOUT_BACKOFF_CAP_SECONDS": "900",
            "TURNOUT_BREAKER_FAILURES": "1000",
            "TURNOUT_LOG_LEVEL": "debug",
            "TURNOUT_WAIT_SECONDS": "1",
        }

    def publish(self, bodies: list[str]) -> None:
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
            answer = self.client.send_message_batch(QueueUrl=self.urls["events"], Entries=entries)
            assert not answer.get("Failed"), answer

    def count(self, name: str) -> int:
        """Messages in a queue, those in flight included."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.urls[name],
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        return sum(int(value) for value in answer["Attributes"].values())

    def visible(self, name: str) -> int:
        """Messages that could be received now."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.urls[name], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def drain(self, name: str) -> list[dict[str, Any]]:
        """Take out everything that is visible."""
        taken: list[dict[str, Any]] = []
        while True:
            answer = self.client.receive_message(
                QueueUrl=self.urls[name], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
            )
            messages = answer.get("Messages", [])
            if not messages:
                return taken
            taken += messages
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
            self.client.delete_message_batch(QueueUrl=self.urls[name], Entries=entries)

    def event_ids(self, name: str) -> Counter[str]:
        """How often each event id is in a queue; empties the queue."""
        return Counter(json.loads(message["Body"])["id"] for message in self.drain(name))

    def wait_until_empty(self, name: str = "events", seconds: float = 60) -> None:
        """Poll the count of a queue until it is 0; the emulators offer nothing to wait on."""
        wait_until(lambda: self.count(name) == 0, f"{name} to be empty", seconds)


def wait_until(condition: Any, what: str, seconds: float = 30) -> None:
    """Poll `condition` until it is true; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.05)


class Process:
    """A running command whose log can be read while it goes on. `books`: it is a worker, which keeps books."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, *, books: bool) -> None:
        self._process = process
        self._log = log
        self._books = books

    @property
    def log(self) -> str:
        return self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ctrl_c(self) -> None:
        """What a terminal does: SIGINT to every process of the foreground group."""
        os.killpg(self._process.pid, signal.SIGINT)

    def wait(self, seconds: float = 40) -> int:
        """The exit code. A worker that ends cleanly has closed the books: every message that came in has a fate."""
        code = self._process.wait(seconds)
        if code == 0 and self._books:
            closed = [[int(count) for count in found] for found in _CLOSED_BOOKS.findall(self.log)]
            assert closed, self.log
            for received, *fates, in_flight in closed:
                assert received == sum(fates)
                assert in_flight == 0, self.log
        return code

    def wait_for_log(self, text: str, seconds: float = 30) -> None:
        wait_until(lambda: text in self.log or self._process.poll() is not None, f"the log to say {text!r}", seconds)
        assert text in self.log, self.log

    @property
    def running(self) -> bool:
        return self._process.poll() is None


def running(environment: Mapping[str, str], *arguments: str) -> AbstractContextManager[Process]:
    """`turnout run`, killed at the end if it still runs then."""
    return running_command(environment, "run", *arguments)


@contextmanager
def running_command(environment: Mapping[str, str], *arguments: str) -> Iterator[Process]:
    """A command that goes on until it is told to stop, killed at the end if it still runs then."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [TURNOUT, *arguments],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Process(process, log, books=arguments[0] == "run")
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def run_to_the_end(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself, with what it printed."""
    return subprocess.run(
        [TURNOUT, *arguments], env=dict(environment), capture_output=True, text=True, timeout=60, check=False
    )
