"""What recovery stands on: AWS's own settings that no request mends are told as settings, before anything is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from turnout.dlq.acts import telling
from turnout.dlq.services import open_services
from turnout.dlq.settings import DlqSettings
from turnout.errors import SettingsError
from turnout.recovery.deliver.writing import Writing

NO_ENDPOINT = "'tables' is no endpoint; it looks like https://host or http://localhost:4566"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


async def opened(service: str, settings: DlqSettings) -> None:
    async with open_services(settings, {}) as services:
        await (services.ledger() if service == "ledger" else services.archive())


def refused(service: str, settings: DlqSettings) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        asyncio.run(opened(service, settings))
    return list(caught.value.problems)


@pytest.mark.parametrize(("service", "variable"), [("ledger", "DYNAMODB"), ("archive", "S3")])
def test_an_endpoint_that_is_none_is_a_wrong_setting(
    service: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{variable}", "tables")
    settings = DlqSettings(ledger="dynamodb:ledger", archive_bucket="letters")
    assert refused(service, settings) == [f"AWS_ENDPOINT_URL_{variable}: {NO_ENDPOINT}"]


@pytest.mark.parametrize("service", ["ledger", "archive"])
def test_a_profile_that_does_not_exist_is_a_wrong_setting(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    (problem,) = refused(service, DlqSettings(ledger="dynamodb:ledger", archive_bucket="letters"))
    assert problem.startswith("AWS_PROFILE: there is no profile 'nope'")


def test_a_table_without_a_region_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION")
    problems = refused("ledger", DlqSettings(ledger="dynamodb:ledger"))
    assert problems == ["AWS_REGION: is not set, which TURNOUT_DLQ_LEDGER=dynamodb:ledger needs"]


def test_a_file_needs_none_of_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nope")
    file = tmp_path / "ledger.sqlite"
    asyncio.run(opened("ledger", DlqSettings(ledger=str(file))))
    assert file.exists()


@pytest.mark.parametrize("said", ["", "none", " none "])
def test_where_conversations_are_told_nothing_no_command_asks_for_a_client_of_genesys(said: str) -> None:
    async def story() -> None:
        async with open_services(DlqSettings(), {"TURNOUT_GENESYS_WRITE_BACK": said}) as services:
            act = Writing(Path("events.jsonl"), replay="r")
            assert await telling(services, act) is act

    asyncio.run(story())
