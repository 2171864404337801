"""The embedded SQS-compatible server: ministack as a child process on a free loopback port.

The server lives as long as the `with` block, and no longer than this process, whatever ends either (see `child`).
It gets an environment of its own, so that nothing of this machine (other emulators, containers, saved state) is seen
or touched.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from turnout.errors import TurnoutError

__all__ = ["REGION", "DemoServerError", "client_environment", "embedded_server"]

REGION = "us-east-1"
"""The region whose queues the demonstration uses."""

READY_SECONDS = 30.0
"""How long the server may take to answer; it usually takes a quarter of a second."""

STOP_SECONDS = 5.0
"""How long the kernel may take to end a killed process."""

POLL_SECONDS = 0.05
LOG_TAIL_LINES = 30


class DemoServerError(TurnoutError):
    """The embedded server is not installed, or it did not start."""


@contextmanager
def embedded_server(*, services: Sequence[str] = ("sqs",), ready_seconds: float = READY_SECONDS) -> Iterator[str]:
    """Run the embedded server and yield its endpoint, `http://127.0.0.1:PORT`.

    Raises `DemoServerError` when it is not installed or does not answer within `ready_seconds`; the message then
    ends with the last lines the server printed.
    """
    if importlib.util.find_spec("ministack") is None:
        raise DemoServerError(
            "The demonstration needs its embedded server, which is not installed. "
            "In a clone of Turnout: pip install --constraint constraints.txt '.[demo]', or make demo"
        )
    with tempfile.TemporaryDirectory(prefix="turnout-demo-") as scratch:
        port = _free_port()
        endpoint = f"http://127.0.0.1:{port}"
        log = Path(scratch, "server.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "turnout.demo.child"],
                env=_environment(port, scratch, services),
                cwd=scratch,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches us alone: the worker drains while its queues still answer
            )
        try:
            _wait_until_ready(endpoint, process, log, ready_seconds)
            yield endpoint
        finally:
            _stop(process)


def client_environment(endpoint: str, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with AWS's own settings replaced: the embedded server at `endpoint`, and no account's credentials.

    A worker's settings for HTTP go too: the demonstration serves none, and they must not keep it from starting.
    """
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(("AWS_", "TURNOUT_HTTP_"))}
    no_proxy = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), "127.0.0.1"]))
    return kept | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def _environment(port: int, scratch: str, services: Sequence[str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": scratch,
        "TMPDIR": scratch,  # its pid file, and whatever else it writes
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",  # the host in queue URLs
        "GATEWAY_PORT": str(port),
        "SERVICES": ",".join(services),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",  # on start it removes containers that it takes for its own
        "LOG_LEVEL": "WARNING",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(endpoint: str, process: subprocess.Popen[bytes], log: Path, ready_seconds: float) -> None:
    deadline = time.monotonic() + ready_seconds
    while not _answers(f"{endpoint}/_ministack/ready"):
        if process.poll() is not None:
            raise DemoServerError(f"The embedded server stopped with exit code {process.returncode}.{_tail(log)}")
        if time.monotonic() > deadline:
            raise DemoServerError(f"The embedded server did not answer within {ready_seconds:g} seconds.{_tail(log)}")
        time.sleep(POLL_SECONDS)


def _answers(url: str) -> bool:
    # No proxy may stand between us and the loopback interface.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=1.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Killed, because it has nothing to save, and asked nicely it first waits seconds for long polls to end.
    process.kill()
    process.wait(STOP_SECONDS)
    if process.stdin is not None:
        process.stdin.close()


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return " It printed:\n" + "\n".join(lines) if lines else " It printed nothing."
