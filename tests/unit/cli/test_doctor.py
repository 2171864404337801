"""`turnout doctor` where the settings for AWS, or an address in the rules, are such that nothing can be asked."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from turnout.cli.commands import turnout
from turnout.cli.doctor import doctor
from turnout.sqs.foreign_answers import LENT_EXPIRED

RULES = "targets: {{t: {target}}}\nunmatched: drop\nrules: [{{id: r, when: detail.x == 1, send: [t]}}]\n"


def findings(
    directory: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], target: str = "{queue: t}"
) -> list[dict[str, Any]]:
    """What is an error or could not be checked."""
    found = examined(directory, monkeypatch, environ, target)["findings"]
    return [one for one in found if one["severity"] in ("error", "unknown")]


def examined(directory: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], target: str) -> dict[str, Any]:
    """The whole report; no server is there."""
    (directory / "rules.yaml").write_text(RULES.format(target=target))
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_CONFIG_FILE": str(directory / "none"),
        "TURNOUT_RULES": str(directory),
        "TURNOUT_SOURCE_QUEUE_URL": "http://127.0.0.1:9/000000000000/events",
        "TURNOUT_DEAD_LETTER_QUEUE_URL": "http://127.0.0.1:9/000000000000/dead",
        **environ,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("turnout.telemetry.logs.configure_logging", lambda *_: None)  # it would stay for other tests
    result = CliRunner().invoke(doctor, ["--json"])
    assert result.exit_code == 1, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def test_json_has_the_members_that_the_page_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    (said,) = re.findall(r"`turnout doctor --json` prints one object: (.+?)\n\n", page, re.DOTALL)
    whole, _, each = said.partition(". Each\nfinding has ")
    report = examined(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1"}, "{queue: t}")
    assert [*report] == re.findall("`(.+?)`", whole)
    assert {*report["findings"][0]} == {*re.findall("`(.+?)`", re.sub(r"\(.+?\)", "", each))}


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"AWS_ENDPOINT_URL": "localhost:4566"}, "AWS_ENDPOINT_URL must look like https://host"),
        ({"AWS_ENDPOINT_URL_SQS": "http://localhost:99999"}, "AWS_ENDPOINT_URL_SQS must look like https://host"),
        ({"AWS_PROFILE": "none"}, "The config profile (none) could not be found"),
        ({"AWS_REGION": "eu west 1"}, "Provided region_name 'eu west 1' doesn't match a supported format."),
    ],
)
def test_a_setting_of_aws_with_which_nothing_can_be_asked_is_the_one_thing_said_of_aws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], says: str
) -> None:
    (found,) = findings(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1", **environ})
    assert found["message"].startswith("nothing could be asked about queues, targets and stores: ")
    assert says in found["message"]
    assert "credentials" not in found["advice"]


@pytest.mark.parametrize(
    ("printed", "says"),
    [
        (
            '{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "2020-01-01T00:00:00Z"}',
            LENT_EXPIRED,
        ),
        ('{"Version": 1, "AccessKeyId": 1, "SecretAccessKey": "b"}', "the credentials are no text"),
        ("please log in", "gives none"),
    ],
)
def test_credentials_that_are_lent_and_no_use_are_the_one_thing_said_of_aws_in_the_workers_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, says: str
) -> None:
    (tmp_path / "printed").write_text(printed)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = cat {tmp_path / 'printed'}\n")
    environ = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": str(tmp_path / "config")}
    (found,) = findings(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1", **environ})
    assert found["check"] == "credentials"
    assert says in found["message"]
    assert "where the credentials come from" in found["advice"]


@pytest.mark.parametrize(("client", "told"), [("wire", True), ("aioboto3", False)])
def test_a_proxy_that_the_workers_client_does_not_speak_to_is_found_although_the_doctors_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, told: bool
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    # By name: between processes of one machine a proxy is passed by.
    environ = {"AWS_ENDPOINT_URL": "http://sqs.internal.example:4566", "HTTP_PROXY": "http://127.0.0.1:9"}
    found = findings(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1", **environ, "TURNOUT_SQS_CLIENT": client})
    advice = [one["advice"] for one in found if one["check"] == "proxy"]
    assert advice == ["set TURNOUT_SQS_CLIENT=aioboto3, or except the endpoint's host with NO_PROXY"] * told


def test_a_collector_is_looked_for_also_where_aws_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"AWS_REGION": "eu-west-1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    found = examined(tmp_path, monkeypatch, environ, "{queue: t}")["findings"]
    (collector,) = (one for one in found if one["message"].startswith("http://127.0.0.1:9 "))
    assert collector["severity"] == "warning"


def test_variables_of_genesys_that_are_empty_are_as_if_they_were_not_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"AWS_REGION": "eu-west-1", "TURNOUT_GENESYS_CLIENT_ID": "", "GENESYSCLOUD_REGION": ""}
    assert "genesys" not in {one["check"] for one in findings(tmp_path, monkeypatch, environ)}
    told = [
        one["message"]
        for one in findings(tmp_path, monkeypatch, environ | {"GENESYSCLOUD_REGION": "eu-west-1"})
        if one["check"] == "genesys"
    ]
    assert [message.partition(" (")[0] for message in told] == [
        "TURNOUT_GENESYS_CLIENT_ID: is not set",
        "TURNOUT_GENESYS_CLIENT_SECRET: is not set",
    ], told


def test_that_no_region_is_set_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (found,) = findings(tmp_path, monkeypatch, {})
    assert found["message"].startswith("no region is set")
    assert found["advice"].startswith("set AWS_REGION")


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("SNS", "{topic: 'arn:aws:sns:eu-west-1:123456789012:t'}"),
        ("EVENTBRIDGE", "{bus: t}"),
        ("SFN", "{state_machine: 'arn:aws:states:eu-west-1:123456789012:stateMachine:t'}"),
    ],
)
def test_an_endpoint_of_one_service_that_is_none_is_told_of_what_is_asked_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, target: str
) -> None:
    environ = {"AWS_REGION": "eu-west-1", f"AWS_ENDPOINT_URL_{service}": "localhost:4566"}
    found = {one["subject"]: one for one in findings(tmp_path, monkeypatch, environ, target)}
    assert "InvalidEndpoint: Invalid endpoint: localhost:4566: AWS_ENDPOINT_URL, or" in found["t"]["message"]


@pytest.mark.parametrize("target", ["{url: hooks.test/in}", "{url: 'https://hooks test/in'}", "{topic: alerts}"])
def test_an_address_that_is_none_is_a_problem_of_the_rules_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    found = findings(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1"}, target)
    assert [one["message"] for one in found if "TR113 this is not a " in one["message"]] != []
    assert [one for one in found if one["subject"] == "t"] == []


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_are_left_out_where_the_terminal_is_to_have_none(
    variable: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    examined(tmp_path, monkeypatch, {"AWS_REGION": "eu-west-1"}, "{queue: t}")
    assert "\x1b[" in CliRunner().invoke(turnout, ["doctor"], color=True).stdout
    assert "\x1b[" not in CliRunner(env={variable: value}).invoke(turnout, ["doctor"], color=True).stdout
