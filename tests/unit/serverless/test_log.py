"""What the functions write to their log when they start."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from turnout.errors import SettingsError
from turnout.serverless.container import Container
from turnout.serverless.conversations import open_follower
from turnout.serverless.log import naming_request
from turnout.serverless.opening import open_recovery
from turnout.serverless.router import open_router
from turnout.telemetry.logs import configure_logging


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


class Call:
    """Lambda's context of a call."""

    def __init__(self, request: str) -> None:
        self.aws_request_id = request

    def get_remaining_time_in_millis(self) -> int:
        return 10_000


def test_every_line_of_a_call_names_lambdas_request_and_none_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("turnout.test")

    @asynccontextmanager
    async def opening() -> AsyncIterator[str]:
        configure_logging("info", "json")  # as the first call does where it has to open
        log.info("opened")
        yield ""

    async def work(_: str) -> None:
        log.info("working")
        await asyncio.create_task(later())

    async def later() -> None:
        log.info("still working", extra={"queue": "events"})

    container = Container(opening)
    for request in ("r-1", "r-2"):
        with naming_request(Call(request)):
            container.run(work)
    log.info("between calls")
    container.close()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    said = [(line["message"], line.get("request_id")) for line in lines]
    first = [("opened", "r-1"), ("working", "r-1"), ("still working", "r-1")]
    assert said == [*first, ("working", "r-2"), ("still working", "r-2"), ("between calls", None)]


@pytest.mark.parametrize("module", ["router", "recovery", "conversations", "steps"])
def test_each_function_names_its_requests(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for the container of each, and looks at what a record of the log says meanwhile."""
    seen: list[object] = []

    class Opened:
        def run(self, work: object) -> dict[str, object]:
            record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "said", (), None)
            seen.append(getattr(record, "request_id", None))
            return {}

    found = importlib.import_module(f"turnout.serverless.{module}")
    monkeypatch.setattr(found, "_container", Opened())
    call = found.classify if module == "steps" else found.handler
    call({"Records": []}, Call("r-7"))
    assert seen == ["r-7"]


RULES = """
targets:
  crm: {queue: crm}
unmatched: drop
rules:
  - {id: one, when: detail.to == 'one', send: [crm]}
"""


def test_a_router_that_is_open_logs_as_the_settings_say_and_not_that_it_begins_and_ends_with_each_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    for name, value in {
        "TURNOUT_RULES": str(tmp_path / "rules.yaml"),
        "TURNOUT_SOURCE_QUEUE_URL": "http://127.0.0.1:9/000000000000/events",
        "TURNOUT_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/000000000000/events-dead",
        "TURNOUT_LOG_LEVEL": "warning",
        "TURNOUT_LOG_FORMAT": "text",
        "TURNOUT_TELEMETRY_SECONDS": "1.5",
        "AWS_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)

    async def start() -> None:
        async with open_router() as opened:
            assert opened.flush_seconds == 1.5
            assert opened.router.config.sources == ("http://127.0.0.1:9/000000000000/events",)
            logging.getLogger("turnout.test").info("not said")
            logging.getLogger("turnout.test").warning("said")
            assert not logging.getLogger("turnout.pipeline.worker").isEnabledFor(logging.INFO)

    asyncio.run(start())
    said = capsys.readouterr().err
    assert "not said" not in said
    assert "said" in said
    assert not said.startswith("{")
