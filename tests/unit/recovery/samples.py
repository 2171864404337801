"""Recorded dead letters beside the checkout, `shared/samples/dlq`: read where they are, never copied."""

import json
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).resolve().parents[4] / "shared" / "samples" / "dlq"

NAMES = (
    "eventbridge-pipes-dlq.kinesis",
    "eventbridge-rule.attributes-not-requested",
    "eventbridge-rule.invalid-json",
    "eventbridge-rule.no-permissions",
    "eventbridge-rule.no-resource",
    "eventbridge-rule.sdk-client-error-exhausted-age",
    "eventbridge-rule.throttling-exhausted-attempts",
    "lambda-async-dlq",
    "lambda-onfailure-destination.event-age-exceeded",
    "lambda-onfailure-destination.retries-exhausted",
    "lambda-sqs-record.of-rule-dlq",
    "lambda-stream-esm-onfailure",
    "poison.not-json",
    "sns-subscription-dlq.wrapped",
    "sqs-redrive.standard",
    "tutorial-a-app-envelope",
    "tutorial-c-message-key",
)


def missing(name: str) -> bool:
    return not (DIRECTORY / f"{name}.json").exists()


def message(name: str) -> dict[str, Any]:
    document = json.loads((DIRECTORY / f"{name}.json").read_text())
    found: dict[str, Any] = document["message"] if "message" in document else document["lambda_event"]["Records"][0]
    return found
