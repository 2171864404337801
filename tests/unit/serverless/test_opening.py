"""What recovery in a function stands on, by its environment. Nothing answers here, and nothing is asked at opening."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tests.unit.serverless.test_recovering import QUEUE, letter

from turnout.errors import SettingsError
from turnout.recovery import read_letter
from turnout.recovery.deliver.api import Work
from turnout.serverless.choosing import Course
from turnout.serverless.opening import Opened, open_recovery

NOWHERE = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "TURNOUT_DLQ_LEDGER": "dynamodb:letters",
    "TURNOUT_DEAD_LETTER_QUEUE_URL": QUEUE,
}


def with_recovery(monkeypatch: pytest.MonkeyPatch, use: Callable[[Opened], Awaitable[None]], **settings: str) -> None:
    environ = {**NOWHERE, **settings}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    async def main() -> None:
        async with asyncio.timeout(20), open_recovery(environ) as opened:
            await use(opened)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("settings", "course"), [({}, Course.PARK), ({"TURNOUT_DLQ_ARCHIVE_BUCKET": "letters"}, Course.ARCHIVE)]
)
def test_what_is_permanent_is_archived_where_there_is_a_bucket_for_it(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], course: Course
) -> None:
    async def use(opened: Opened) -> None:
        choice = opened.recovery.choose(Work.of(read_letter(letter(1, "INVALID_JSON"))))
        assert choice.course is course
        assert opened.recovery.choose(Work.of(read_letter(letter(1)))).course is Course.DELIVER
        assert opened.settings.queue == QUEUE
        assert opened.settings.attempts == 1, "the ledger counts attempts, and whoever called repeats them"

    with_recovery(monkeypatch, use, **settings)


@pytest.mark.parametrize("name", ["", "TURNOUT_GENESYS_CLIENT_ID", "GENESYSCLOUD_OAUTHCLIENT_ID", "GENESYS_CLIENT_ID"])
def test_conversations_are_asked_for_where_there_is_a_client_of_genesys(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    async def use(opened: Opened) -> None:
        await opened.recovery.teller.correlate(read_letter(letter(1)), 0.05)

    genesys = {
        name: "client",
        "TURNOUT_GENESYS_CLIENT_SECRET": "secret",
        "TURNOUT_GENESYS_API_URL": "http://127.0.0.1:9",
    }
    with_recovery(monkeypatch, use, **(genesys if name else {}))
    # Nobody answers, or not in time: that is said by whoever has asked.
    assert ("conversation" in capsys.readouterr().err) == bool(name)


def test_a_ledger_in_a_file_is_refused_because_it_is_gone_with_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use(opened: Opened) -> None:
        raise AssertionError("it must not open")

    with pytest.raises(SettingsError, match="TURNOUT_DLQ_LEDGER: must be dynamodb:TABLE here"):
        with_recovery(monkeypatch, use, TURNOUT_DLQ_LEDGER="ledger.sqlite")
