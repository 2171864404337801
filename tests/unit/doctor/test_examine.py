"""The whole examination, of what answers in place of AWS."""

import asyncio
import re
from collections import defaultdict
from pathlib import Path

import pytest
from tests.servers.raw import Peer, raw_server

from turnout.doctor.examine import Examination, examine
from turnout.settings import load_settings

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
RULES = """
targets: {crm: {bus: crm}, alerts: {topic: "arn:aws:sns:eu-north-1:123456789012:alerts"}}
unmatched: drop
rules: [{id: one, when: exists(detail), send: [crm, alerts]}]
"""


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")


def examined(
    environ: dict[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Examination, dict[str, set[str]]]:
    """What is found where nothing is there, and of which regions each service was asked."""
    asked: dict[str, set[str]] = defaultdict(set)
    rules = directory / "rules.yaml"
    rules.write_text(RULES)

    async def nothing_there(peer: Peer) -> None:
        while True:
            request = await peer.request()
            scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", request.headers.get("authorization", ""))
            assert scope is not None
            asked[scope[2]].add(scope[1])
            await peer.answer({"__type": "ResourceNotFoundException", "message": "not there"}, 400)

    async def main() -> Examination:
        async with raw_server(nothing_there) as server:
            monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
            settings = load_settings(
                {
                    "source_queue_url": f"{QUEUES}events",
                    "dead_letter_queue_url": f"{QUEUES}events-dead",
                    "rules": rules,
                    "idempotency": "dynamodb",
                    "idempotency_table": "events",
                }
            )
            return await examine(settings, environ | {"AWS_ENDPOINT_URL": server.url})

    return asyncio.run(main()), asked


def test_what_has_no_region_of_its_own_is_looked_for_where_the_worker_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    environ = {"AWS_REGION": "us-west-2", "TURNOUT_DLQ_LEDGER": "dynamodb:letters", "TURNOUT_DLQ_ARCHIVE_BUCKET": "a"}
    _, asked = examined(environ, tmp_path, monkeypatch)
    assert asked["sqs"] == {"eu-west-1"}
    assert asked["dynamodb"] == asked["events"] == asked["s3"] == {"us-west-2"}
    assert asked["sns"] == {"eu-north-1"}


def test_without_a_region_only_what_has_one_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    found, asked = examined({}, tmp_path, monkeypatch)
    assert asked["sqs"] == {"eu-west-1"}
    assert asked["dynamodb"] == asked["events"] == set()
    said = {finding.subject: finding.message for finding in found.findings if "NoRegionError" in finding.message}
    assert said.keys() == {"crm", "events"}


@pytest.mark.parametrize(
    ("client", "missing"),
    [("", []), (" ", []), ("client", ["TURNOUT_GENESYS_CLIENT_SECRET", "TURNOUT_GENESYS_REGION"])],
)
def test_genesys_is_missed_only_where_some_variable_names_it_and_then_with_all_that_it_lacks(
    client: str, missing: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    environ = {"TURNOUT_GENESYS_REGION": "", "GENESYS_CLIENT_ID": client}
    found, _ = examined(environ, tmp_path, monkeypatch)
    said = [finding.message.partition(":")[0] for finding in found.findings if finding.check == "genesys"]
    assert said == missing


def test_every_wrong_setting_of_recovery_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    environ = {"TURNOUT_DLQ_RATE": "0", "TURNOUT_DLQ_ATTEMPTS": "many"}
    found, _ = examined(environ, tmp_path, monkeypatch)
    said = {finding.message.partition(":")[0] for finding in found.findings if finding.subject == "recovery"}
    assert said == {"TURNOUT_DLQ_RATE", "TURNOUT_DLQ_ATTEMPTS"}
