"""The composition root, with queues in memory."""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.pipeline.yard import DEAD, RULES, SOURCE, Yard

from turnout import app
from turnout.pipeline.worker import Worker
from turnout.rules import Ruleset
from turnout.settings import Settings, load_settings
from turnout.telemetry.tracing import Tracing


def test_rules_that_change_between_being_read_and_being_watched_are_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    load = app.load_ruleset
    used: list[str] = []

    def changed_thereafter(settings: Settings) -> Ruleset:
        ruleset = load(settings)
        file.write_text(RULES.replace("id: one", "id: changed"))
        return ruleset

    @contextlib.asynccontextmanager
    async def open_worker(settings: Settings, ruleset: Ruleset, tracing: Tracing) -> AsyncIterator[Worker]:
        worker = Yard().worker
        use = worker.use

        def noted(ruleset: Ruleset) -> None:
            use(ruleset)
            used.append(ruleset.rules[0].id)
            os.kill(os.getpid(), signal.SIGTERM)

        worker.use = noted  # type: ignore[method-assign]
        gives_up = asyncio.get_running_loop().call_later(20, os.kill, os.getpid(), signal.SIGTERM)
        yield worker
        gives_up.cancel()

    monkeypatch.setattr(app, "load_ruleset", changed_thereafter)
    monkeypatch.setattr(app, "open_worker", open_worker)
    monkeypatch.setattr(app, "configure_logging", lambda *_, **__: None)
    monkeypatch.setattr("gc.freeze", lambda: None)
    settings = {"source_queue_url": SOURCE, "dead_letter_queue_url": DEAD, "rules": str(tmp_path)}
    assert app.serve(load_settings(settings)) == 0
    assert used == ["changed"]


def test_what_is_set_and_changes_nothing_is_logged_once_by_the_supervisor_and_not_by_each_of_its_workers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "configure_logging", lambda *_, **__: None)
    monkeypatch.setenv("TURNOUT_POLLER", "4")
    (tmp_path / "rules.yaml").write_text(RULES.replace("queue: crm", "queue: events-dead"))
    settings = load_settings({"source_queue_url": SOURCE, "dead_letter_queue_url": DEAD, "rules": str(tmp_path)})

    def told() -> list[str]:
        caplog.clear()
        app.begin_log(settings)
        app.load_ruleset(settings)
        return [each.getMessage().partition(" ")[0] for each in caplog.records if each.levelno == logging.WARNING]

    assert told() == ["TURNOUT_POLLER", "target"]
    monkeypatch.setenv("TURNOUT_PULSE_FD", "3")
    assert told() == []
