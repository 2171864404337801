"""Rules of a processor that runs for weeks: they are those of the files, round by round."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from turnout import recovering
from turnout.dlq.doors import Doors
from turnout.dlq.services import Services, open_services
from turnout.dlq.settings import DlqSettings
from turnout.dlq.sources import Place
from turnout.dlq.work_settings import WorkSettings
from turnout.errors import TargetError
from turnout.recovering import Job
from turnout.recovery.deliver.address import Address, Kind
from turnout.recovery.selection import Selection
from turnout.sqs.memory import MemorySqs
from turnout.targets.destinations import Destinations

DEAD = "https://sqs.eu-west-1.amazonaws.com/111122223333/dead"


def write(path: Path, **targets: str) -> None:
    lines = [f"  {name}: {{queue: {queue}}}" for name, queue in targets.items()]
    text = "\n".join(["targets:", *lines, "unmatched: drop", "rules: [{id: a, when: exists(x), send: [crm]}]"])
    path.write_text(text, encoding="utf-8")


def urls(doors: Doors, *names: str) -> list[str]:
    found: list[Any] = [doors(Address(Kind.TARGET, name)) for name in names]
    return [each.url.rpartition("/")[2] for each in found]


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[tuple[Services, Doors]]:
    settings = DlqSettings(rules=str(path), queue=DEAD, ledger=str(path.with_name("ledger.sqlite")))
    async with open_services(settings, {}) as services:
        yield services, Doors(Destinations(MemorySqs(), beside=DEAD, environ={}), services.rules)


def test_targets_are_those_of_the_rules_as_they_were_last_read(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "rules.yaml"
        write(path, crm="crm-old", gone="gone")
        async with opened(path) as (services, doors):
            assert urls(doors, "crm", "gone") == ["crm-old", "gone"]
            write(path, crm="crm-of-today", new="new")
            assert urls(doors, "crm") == ["crm-old"], "within a round nothing changes"
            await services.renew_rules()
            assert urls(doors, "crm", "new") == ["crm-of-today", "new"]
            with pytest.raises(TargetError, match="no target of this name"):
                urls(doors, "gone")

    asyncio.run(story())


def test_rules_that_cannot_be_used_leave_the_old_ones_and_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        path = tmp_path / "rules.yaml"
        write(path, crm="crm")
        async with opened(path) as (services, doors):
            before = services.rules()
            path.write_text("rules: [{id: a, when: 'exists('}]", encoding="utf-8")
            with caplog.at_level(logging.ERROR):
                for _ in range(3):
                    await services.renew_rules()
            assert services.rules() is before
            assert urls(doors, "crm") == ["crm"]
            assert sum("the old ones stay active" in each.message for each in caplog.records) == 1
            write(path, crm="crm-repaired")
            await services.renew_rules()
            assert urls(doors, "crm") == ["crm-repaired"]

    asyncio.run(story())


def test_rules_that_are_as_they_were_are_not_read_again(tmp_path: Path) -> None:
    async def story() -> None:
        path = tmp_path / "rules.yaml"
        write(path, crm="crm")
        async with opened(path) as (services, _):
            before = services.rules()
            await services.renew_rules()
            assert services.rules() is before

    asyncio.run(story())


def test_a_round_begins_by_the_rules_of_that_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Empty:
        name, url, notes, undeliverable, keeps, unseen = "dead", DEAD, (), "", False, 0
        retention_seconds, unreadable = None, 0

        async def letters(self, limit: int | None = None) -> AsyncIterator[Any]:
            for nothing in list[Any]():
                yield nothing

    @contextlib.asynccontextmanager
    async def open_source(*_: object, **__: object) -> AsyncIterator[Any]:
        yield Empty()

    @contextlib.asynccontextmanager
    async def open_sqs(*_: object) -> AsyncIterator[Any]:
        yield MemorySqs()

    monkeypatch.setattr(recovering, "open_source", open_source)
    monkeypatch.setattr("turnout.sqs.clients.open_sqs", open_sqs)

    async def story() -> None:
        path = tmp_path / "rules.yaml"
        write(path, crm="crm")
        async with opened(path) as (services, _):
            job = Job(place=Place(), selection=Selection(), once=True)
            async with recovering._processor(services, 4, WorkSettings(), job) as (processor, _, _):
                assert set(services.rules().targets) == {"crm"}
                write(path, crm="crm", new="new")
                await processor.run(asyncio.Event(), once=True)
                assert set(services.rules().targets) == {"crm", "new"}

    asyncio.run(story())
