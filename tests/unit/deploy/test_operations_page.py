"""docs/operations.md speaks of metrics, spans, alerts and reasons that exist."""

import re
from pathlib import Path

import yaml
from tests.unit.service.snapshots import snapshot

from turnout.failures import Reason
from turnout.recovery.processor import spans
from turnout.telemetry import semconv
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.prometheus import prometheus_name

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text()


def test_metrics_that_the_page_names_exist() -> None:
    known = {prometheus_name(metric) for metric in read_metrics(snapshot())}
    in_regular_expressions = {"turnout_messages", "turnout_rules"}
    named = set(re.findall(r"\b(?:turnout|messaging|process)_[a-z_]+[a-z]", PAGE))
    assert named - in_regular_expressions <= known


def test_alerts_that_the_page_names_exist() -> None:
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()
    named = re.findall(r"`(Turnout[A-Z][A-Za-z]+)`", PAGE)
    assert named
    for alert in named:
        assert f"alert: {alert}\n" in alerts


def test_attributes_of_spans_are_named_as_they_are_sent() -> None:
    constants = {name: value for name, value in {**vars(semconv), **vars(spans)}.items() if name.isupper()}
    known = {value for value in constants.values() if isinstance(value, str) and value.startswith("turnout.")}
    not_for_searching = {semconv.RETRY_DELAY}
    assert set(re.findall(r"`(turnout\.[a-z_.]+)`", PAGE)) == known - not_for_searching


def test_every_alert_is_explained_with_its_urgency() -> None:
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"]]
    rows = re.findall(r"^\| `(Turnout\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in rules)


def test_every_reason_for_a_letter_is_explained() -> None:
    assert {str(reason) for reason in Reason} <= set(re.findall(r"`([A-Z_]+)`", PAGE))
