"""What the functions write to their log when they start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from turnout.errors import SettingsError
from turnout.serverless.conversations import open_follower
from turnout.serverless.opening import open_recovery
from turnout.serverless.router import open_router


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    ("opening", "misspelt", "meant"),
    [
        (open_router, "TURNOUT_SOURCE_QUEUE_ULR", "TURNOUT_SOURCE_QUEUE_URL"),
        (open_recovery, "TURNOUT_DLQ_LEGDER", "TURNOUT_DLQ_LEDGER"),
        (open_follower, "TURNOUT_GENESYS_CLIENT_IDD", "TURNOUT_GENESYS_CLIENT_ID"),
    ],
)
def test_what_is_misspelt_is_named_although_the_function_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    opening: Callable[[], AbstractAsyncContextManager[Any]],
    misspelt: str,
    meant: str,
) -> None:
    async def start() -> None:
        async with opening():
            raise AssertionError("it must not open")

    monkeypatch.setenv(misspelt, "x")
    monkeypatch.delenv(meant, raising=False)
    with pytest.raises(SettingsError):
        asyncio.run(start())
    assert f"{misspelt} is not a setting and has no effect; did you mean {meant}?" in capsys.readouterr().err
