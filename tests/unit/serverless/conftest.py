"""What opens a function sets the log up for the whole process; after each test it is as before."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    worker = logging.getLogger("turnout.pipeline.worker")
    before = worker.level
    yield
    worker.setLevel(before)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
