"""The stub as a process of its own, and the client of its control interface."""

from __future__ import annotations

import contextlib
import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tests.benchmarks.stub.certificates import write_certificates
from tests.benchmarks.stub.report import QueueReport
from tests.servers.processes import free_port

__all__ = ["HOST", "Stub", "running_stub"]

HOST = "127.0.0.1"
START_SECONDS = 20.0
CONTROL_SECONDS = 300.0


class Stub:
    """A running stub. `url` and `tls_url` are its two endpoints, `ca` the certificate to trust for the second."""

    def __init__(self, pid: int, port: int, tls_port: int, ca: Path) -> None:
        self.pid = pid
        self.ca = ca
        self.url = f"http://{HOST}:{port}"
        self.tls_url = f"https://{HOST}:{tls_port}"
        self._connection = http.client.HTTPConnection(HOST, port, timeout=CONTROL_SECONDS)

    def queue(self, name: str, *, sink: bool = False) -> str:
        """Make a queue, or empty it and reset its counts; its path for URLs. A sink keeps nothing but counts."""
        return msgspec.json.decode(self._call("queue", {"queue": name, "sink": sink}), type=str).removeprefix(self.url)

    def load(self, queue: str, count: int, shape: int, seed: int) -> None:
        """Put events of `tests.benchmarks.events` into a queue, where nobody sees them until `release`."""
        self._call("load", {"queue": queue, "count": count, "shape": shape, "seed": seed})

    def release(self, queue: str) -> None:
        """Show loaded events."""
        self._call("release", {"queue": queue})

    def wait(self, queue: str, *, deleted: int = 0, parked: int = 0, seconds: float = 30.0) -> bool:
        """Wait until so many messages were deleted and so many long polls are parked; False after `seconds`."""
        request = {"queue": queue, "deleted": deleted, "parked": parked, "seconds": seconds}
        return self._call("wait", request) == b"true"

    def report(self) -> dict[str, QueueReport]:
        """The counts of all queues, by name."""
        return msgspec.json.decode(self._call("report", {}), type=dict[str, QueueReport])

    def _call(self, verb: str, request: dict[str, object]) -> bytes:
        self._connection.request("POST", f"/bench/{verb}", msgspec.json.encode(request))
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"the stub answered {answer.status} to {verb}")
        return body


@contextlib.contextmanager
def running_stub() -> Iterator[Stub]:
    """A stub that serves plain HTTP and TLS, stopped at the end."""
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        ca, certificate, key = write_certificates(Path(folder), HOST)
        command = [sys.executable, "-m", "tests.benchmarks.stub.server"]
        command += [HOST, str(port), str(tls_port), str(certificate), str(key)]
        # The other end of its standard input: when we are gone, so is the stub.
        process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=Path(__file__).parents[3])
        try:
            _wait_until_listening(process, tls_port)
            yield Stub(process.pid, port, tls_port, ca)
        finally:
            process.terminate()
            process.wait()


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        connection = http.client.HTTPConnection(HOST, port, timeout=1)
        with contextlib.suppress(OSError), contextlib.closing(connection):
            connection.connect()
            return
        time.sleep(0.02)
    raise RuntimeError(f"the stub did not start (exit code {process.poll()})")
