"""Starting a server process on a free port, waiting until it answers, and stopping it. Knows no particular server."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

START_SECONDS = 30.0
STOP_SECONDS = 5.0


class Server(NamedTuple):
    """A running server. `url` is its endpoint, without a slash at the end."""

    name: str
    url: str
    port: int
    pid: int


def free_port() -> int:
    """A TCP port of the loopback interface that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def start_server(
    name: str,
    command: Callable[[int], Sequence[str]],
    environment: Callable[[int], Mapping[str, str]] = lambda port: {},
) -> Iterator[Server]:
    """Run `command(port)` until the end of the context; ready when the port accepts connections."""
    port = free_port()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command(port),
            env={**os.environ, **environment(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_listening(name, process, port, output.fileno())
            yield Server(name, f"http://127.0.0.1:{port}", port, process.pid)
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_listening(name: str, process: subprocess.Popen[bytes], port: int, output: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    said = os.pread(output, 4000, 0).decode(errors="replace")
    raise RuntimeError(f"{name} did not start within {START_SECONDS:.0f} s (exit code {process.poll()}):\n{said}")
