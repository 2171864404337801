"""AWS's own settings that no waiting mends: named before a worker starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.sqs.aws_settings import aws_problems

TELLS = "https://sqs.eu-west-1.amazonaws.com/123456789012/events"
SILENT = "http://localhost:4566/000000000000/events"
ADVICE = "set it to the region of the queues, as in eu-west-1, or to any for an emulator"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The files of the AWS CLI: there is one profile, with a region, and no other setting."""
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text("[profile ops]\nregion = eu-central-1\n")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    return config, credentials


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_does_not_exist_is_named_with_the_files_that_lack_it(
    variable: str, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "nope")
    told = [f"{variable}: there is no profile 'nope' in {files[0]} or {files[1]}"]
    assert aws_problems([SILENT]) == told
    assert aws_problems([]) == told


def test_a_file_that_is_none_is_named(files: tuple[Path, Path]) -> None:
    files[0].write_text("[default\n")
    (problem,) = aws_problems([TELLS])
    assert problem.startswith("AWS's own settings: ")
    assert str(files[0]) in problem


def test_queues_whose_region_nothing_tells_are_named() -> None:
    assert aws_problems([TELLS, SILENT + "-high", SILENT + "-dead"]) == [
        f"AWS_REGION: is not set, and the URLs of these queues tell no region: events-high, events-dead; {ADVICE}"
    ]


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_that_is_none_is_named_where_it_would_be_used(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "eu west")
    assert aws_problems([SILENT, SILENT + "-dead"]) == [f"{variable}: 'eu west' is no region; {ADVICE}"]
    assert aws_problems([TELLS]) == []


@pytest.mark.parametrize(
    ("variable", "value"), [("AWS_REGION", "x-1"), ("AWS_DEFAULT_REGION", "x-1"), ("AWS_PROFILE", "ops")]
)
def test_any_source_of_a_region_will_do(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert aws_problems([TELLS, SILENT], also="TURNOUT_IDEMPOTENCY=dynamodb") == []


def test_a_table_has_no_url_that_could_tell_its_region() -> None:
    assert aws_problems([TELLS]) == []
    assert aws_problems([TELLS], also="TURNOUT_IDEMPOTENCY=dynamodb") == [
        "AWS_REGION: is not set, which TURNOUT_IDEMPOTENCY=dynamodb needs"
    ]


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL_STS"])
def test_an_endpoint_that_is_none_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "foo")
    told = f"{variable}: 'foo' is no endpoint; it looks like https://host or http://localhost:4566"
    assert aws_problems([TELLS]) == [told]
    monkeypatch.setenv("AWS_PROFILE", "nope")
    assert [problem.partition(": ")[0] for problem in aws_problems([TELLS])] == [variable, "AWS_PROFILE"]


def test_an_endpoint_of_a_service_that_no_worker_uses_keeps_none_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "foo")
    assert aws_problems([TELLS]) == []
