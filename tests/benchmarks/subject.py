"""The program that is measured, as a process with its children, with the environment that its row asks for."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.clocks import cpu_seconds, process_tree
from tests.benchmarks.rows import Row
from tests.benchmarks.rulesets import QUEUES, write_rules
from tests.benchmarks.stub.process import Stub

__all__ = ["DEAD_LETTERS", "SOURCE", "Subject", "environment", "running_subject"]

SOURCE, DEAD_LETTERS = "events", "events-dead"
ROOT = Path(__file__).parents[2]
GO_SOURCE = ROOT / "tests/benchmarks/comparisons/go"
START_SECONDS = 120.0
STOP_SECONDS = 30.0


class Subject:
    """A running program. It took `start_seconds`, and `start_cpu_seconds` of CPU time, to its first long poll."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.start_seconds = self.start_cpu_seconds = 0.0

    @property
    def pids(self) -> list[int]:
        """The processes it consists of now."""
        return process_tree(self._process.pid)

    def check(self) -> None:
        """Raise `RuntimeError` with what it said when it has ended."""
        if self._process.poll() is not None:
            raise RuntimeError(f"the program ended early; it said:\n{self._log.read_text()[-4000:]}")


@contextlib.contextmanager
def running_subject(row: Row, stub: Stub, traces: str, extra: dict[str, str]) -> Iterator[Subject]:
    """Run what the row names until the end of the context; ready when it polls the source queue.

    `traces` is the OTLP endpoint; `extra` is added to the environment. Raises `RuntimeError` when it does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name in (SOURCE, DEAD_LETTERS):
            stub.queue(name)
        for name in QUEUES:
            stub.queue(name, sink=True)
        variables = {**environment(row, stub, traces), **extra}
        if row.program == "turnout":
            variables["TURNOUT_RULES"] = str(write_rules(Path(folder), row.rules))
        command = _command(row, folder)
        log = Path(folder, "log")
        begun = time.monotonic()
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=variables, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        subject = Subject(process, log)
        try:
            while not stub.wait(SOURCE, parked=row.processes, seconds=0.5):
                subject.check()
                if time.monotonic() - begun > START_SECONDS:
                    raise RuntimeError(f"the program does not poll; it said:\n{log.read_text()[-4000:]}")
            subject.start_seconds = time.monotonic() - begun
            subject.start_cpu_seconds = cpu_seconds(subject.pids)
            yield subject
        finally:
            _stop(process, kill=row.program != "turnout")


def _stop(process: subprocess.Popen[bytes], *, kill: bool) -> None:
    process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _command(row: Row, folder: str) -> list[str]:
    if row.program == "turnout":
        return [str(Path(sys.executable).parent / "turnout"), "run"]
    if row.program == "bare_go":
        return [_built_by_go(folder), str(row.targets)]
    module = "bare" if row.program == "bare_default" else row.program
    command = [sys.executable, "-m", f"tests.benchmarks.comparisons.{module}", str(row.targets)]
    return [*command, "tuned"] if row.program == "bare" else command


def _built_by_go(folder: str) -> str:
    if shutil.which("go") is None:
        raise RuntimeError("go is not installed, by which this program is built")
    program = f"{folder}/bare_go"
    built = subprocess.run(["go", "build", "-o", program], cwd=GO_SOURCE, capture_output=True, text=True, check=False)
    if built.returncode:
        raise RuntimeError(f"go build failed; it said:\n{built.stderr}")
    return program


def environment(row: Row, stub: Stub, traces: str) -> dict[str, str]:
    """The environment that a row asks for: this one's, without what would get in the way. `traces` as above."""
    ours = ("TURNOUT_", "OTEL_", "AWS_", "GENESYS_")
    url = stub.tls_url if row.tls else stub.url
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    variables |= {
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_SQS": url,
        "AWS_CA_BUNDLE": str(stub.ca),
        "TURNOUT_SOURCE_QUEUE_URL": f"{url}/000000000000/{SOURCE}",
        "TURNOUT_DEAD_LETTER_QUEUE_URL": f"{url}/000000000000/{DEAD_LETTERS}",
        "TURNOUT_LOG_LEVEL": "warning",
        # However slow a busy machine makes it: what is measured here is head sampling.
        "TURNOUT_TRACE_SLOW_SECONDS": "60",
    }
    variables |= {f"{name.upper()}_QUEUE_URL": f"{url}/000000000000/{name}" for name in QUEUES}
    variables |= {"TURNOUT_SQS_CLIENT": row.client, "TURNOUT_PROCESSES": str(row.processes)}
    if row.tracing is not None:
        variables |= {
            "OTEL_EXPORTER_OTLP_ENDPOINT": traces,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(row.tracing),
            "OTEL_BSP_SCHEDULE_DELAY": "500",
        }
    return variables
