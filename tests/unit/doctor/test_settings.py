"""What the doctor says of the settings themselves, before it asks anybody."""

import pytest

from turnout.doctor.examine import settings_without_effect
from turnout.doctor.findings import Severity
from turnout.settings import load_settings

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012/"


def test_settings_that_do_nothing_are_warnings_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_IDEMPOTENCY", "")
    settings = load_settings(
        {
            "source_queue_url": f"{QUEUES}events",
            "dead_letter_queue_url": f"{QUEUES}events-dead",
            "idempotency_table": "turnout-idempotency",
        }
    )
    odd = {"TURNOUT_POLERS": "2", "AWS_ENDPOINT_URL_S3": "foo"}
    misspelt, unusable, idle = settings_without_effect(settings, odd)
    assert unusable.message.startswith("AWS_ENDPOINT_URL_S3: 'foo' is no endpoint")
    assert misspelt.message.startswith("TURNOUT_POLERS is not a setting")
    assert idle.message == "TURNOUT_IDEMPOTENCY_TABLE has no effect"
    assert idle.advice.startswith("set TURNOUT_IDEMPOTENCY=dynamodb to use the table")
    assert misspelt.severity is unusable.severity is idle.severity is Severity.WARNING
