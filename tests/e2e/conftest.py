"""Fixtures of the end-to-end tests: one emulator for the session, fresh queues and rules for each test."""

import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.e2e.turnout import Queues
from tests.servers.emulators import ministack
from tests.servers.processes import Server

RULES = """
targets:
  critical: {queue: "${CRITICAL_QUEUE_URL}", priority: 0}
  high: {queue: "${HIGH_QUEUE_URL}", priority: 1}
  standard: {queue: "${STANDARD_QUEUE_URL}", priority: 5}
unmatched: drop
rules:
  - {id: urgent, when: detail.priority == 'urgent', send: [critical, high]}
  - {id: rest, when: detail.priority == 'rest', send: [standard]}
"""


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_as_in_a_terminal() -> Iterator[None]:
    """Tests that run in the background inherit that SIGINT is ignored, and so would the commands that they start."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with ministack() as running:
        yield running


@pytest.fixture
def queues(server: Server) -> Queues:
    return Queues(server, f"t{uuid4().hex[:8]}")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    return folder
