"""Workers as processes of their own (`turnout run`), for chaos runs: environment, start, stop, what their logs say."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from tests.chaos.load import DEAD, RULES

__all__ = ["STOP_SECONDS", "VISIBILITY_SECONDS", "Workers", "open_workers"]

TURNOUT = str(Path(sys.executable).parent / "turnout")
VISIBILITY_SECONDS = 6
STOP_SECONDS = 25.0


class Workers:
    """Starts workers that use the queues at the endpoint `url`."""

    def __init__(self, url: str, sources: Sequence[str], rules: Path, logs: Path) -> None:
        self._url = url
        self._sources = sources
        self._rules = rules
        self._logs = logs
        self.settings: dict[str, str] = {}
        """Environment variables on top of the usual ones."""
        self._log_of: dict[int, Path] = {}

    def environment(self) -> dict[str, str]:
        """What `turnout run` needs to work on these queues."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("TURNOUT_", "OTEL_", "AWS_"))}
        account = f"{self._url}/000000000000"
        return {
            **clean,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self._url,
            "NO_PROXY": "127.0.0.1",
            "TURNOUT_SOURCE_QUEUE_URL": ",".join(f"{account}/{source}" for source in self._sources),
            "TURNOUT_DEAD_LETTER_QUEUE_URL": f"{account}/{DEAD}",
            "TURNOUT_RULES": str(self._rules),
            "TURNOUT_POLLERS": "2",
            "TURNOUT_VISIBILITY_SECONDS": str(VISIBILITY_SECONDS),
            "TURNOUT_BACKOFF_BASE_SECONDS": "0.02",
            "TURNOUT_BACKOFF_CAP_SECONDS": "0.5",
            "TURNOUT_DRAIN_SECONDS": "15",
            **self.settings,
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A `turnout run`; killed at the end if it still runs then."""
        with tempfile.NamedTemporaryFile(dir=self._logs, suffix=".log", delete=False) as log:
            process = await asyncio.create_subprocess_exec(
                TURNOUT,
                "run",
                env=self.environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
            )
        self._log_of[process.pid] = Path(log.name)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def stop(self, process: asyncio.subprocess.Process) -> list[str]:
        """Stop a worker with SIGTERM; says what was wrong with that."""
        if process.returncode is not None:
            return [f"a worker ended by itself with exit code {process.returncode}", *self.last_lines()]
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                code = await process.wait()
        except TimeoutError:
            return [f"a worker did not stop within {STOP_SECONDS:.0f} s of SIGTERM", *self.last_lines()]
        # On a busy machine the others may have done all the work before this one could begin, or hear a signal.
        unborn = code == -signal.SIGTERM and not self._log_of[process.pid].read_text()
        return [f"a worker ended with exit code {code}", *self.last_lines()] if code and not unborn else []

    def complaints(self) -> list[str]:
        """Lines of the logs that must not be there."""
        return [f"log: {line}" for line in self._lines() if "please report" in line or "Traceback" in line]

    def last_lines(self) -> list[str]:
        """The end of the logs."""
        return [f"log: {line}" for line in self._lines()[-20:]]

    def _lines(self) -> list[str]:
        return [line[:300] for log in sorted(self._logs.glob("*.log")) for line in log.read_text().splitlines()]


@contextmanager
def open_workers(url: str, sources: Sequence[str], unmatched: str) -> Iterator[Workers]:
    """Workers with the rules of the load, which say `unmatched` about what no rule matches."""
    with tempfile.TemporaryDirectory() as folder:
        rules, logs = Path(folder, "rules"), Path(folder, "logs")
        rules.mkdir()
        logs.mkdir()
        (rules / "rules.yaml").write_text(RULES.replace("UNMATCHED", unmatched))
        yield Workers(url, sources, rules, logs)
