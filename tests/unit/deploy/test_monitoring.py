"""The dashboard and the alerts: they ask for metrics and labels that exist, and promtool finds no fault with them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml
from tests.unit.service.snapshots import snapshot

from turnout.failures import Reason
from turnout.recovery.processor.counts import Counts, Result
from turnout.recovery.processor.metrics import read_metrics as read_recovery_metrics
from turnout.telemetry.metric import Kind
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.prometheus import prometheus_name
from turnout.telemetry.snapshot import FleetSnapshot

DEPLOY = Path(__file__).parents[3] / "deploy"
ALERTS = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
DASHBOARD = json.loads((DEPLOY / "grafana" / "turnout.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]

FROM_PROMETHEUS = {"job", "instance", "le"}
"""Labels that come with every scrape."""

PROMTOOL = shutil.which("promtool", path=str(Path(sys.executable).parent)) or shutil.which("promtool")
"""`make test` puts it beside this Python."""

needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool (make test fetches it; Debian: prometheus)")


def labels_by_metric() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    of_workers = read_metrics(snapshot(fleet=FleetSnapshot(2, 2)))
    for metric in chain(of_workers, read_recovery_metrics(Counts(0.0), (), "dead")):
        labels = {label.replace(".", "_") for sample in metric.samples for label in sample.labels}
        name = prometheus_name(metric)
        suffixes = ("_bucket", "_sum", "_count") if metric.kind is Kind.HISTOGRAM else ("",)
        for suffix in suffixes:
            found[name + suffix] = labels | FROM_PROMETHEUS
    return found


KNOWN = labels_by_metric()


def expressions() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"][1:]:
        yield variable["name"], variable["definition"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[f"{where}-{n}" for n, (where, _) in enumerate(EXPRESSIONS)]
)
def test_only_metrics_and_labels_that_exist_are_asked_for(where: str, expression: str) -> None:
    names = set(re.findall(r"\b(?:turnout|messaging|process)_[a-z_]+\b", expression))
    labels = {label for name in names for label in KNOWN.get(name, ())}
    assert names & set(KNOWN), expression
    assert names <= set(KNOWN) | labels, expression
    selected = set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    groups = re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expression)
    grouped = {label.strip() for group in groups for label in group.split(",")}
    assert selected | grouped <= labels, expression


def test_alerts_name_reasons_for_letters_that_exist() -> None:
    (expression,) = [rule["expr"] for rule in RULES if rule["alert"] == "TurnoutLettersOfConfiguration"]
    named = re.search(r'reason=~"([A-Z_|]+)"', expression)
    assert named is not None
    assert set(named[1].split("|")) <= set(map(str, Reason))


def test_alerts_name_results_of_recovery_that_exist() -> None:
    of_recovery = [rule["expr"] for rule in RULES if rule["alert"].startswith("TurnoutRecovery")]
    assert of_recovery, "what recovers letters is watched as the workers are"
    named = re.findall(r'result=~?"([a-z_|]+)"', " ".join(of_recovery))
    assert named
    assert {each for names in named for each in names.split("|")} <= set(map(str, Result))


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_every_alert_says_how_urgent_it_is_and_what_to_look_at(rule: dict[str, dict[str, str]]) -> None:
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")


def test_panels_have_their_own_place_and_explain_themselves() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in across for y in down}
        assert not cells & taken, panel["title"]
        assert max(across) < 24, panel["title"]
        taken |= cells
    for panel in PANELS:
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@needs_promtool
@pytest.mark.parametrize(
    "check",
    [("check", "rules", "alerts.yaml"), ("test", "rules", "alerts_test.yaml"), ("check", "config", "prometheus.yaml")],
)
def test_promtool_finds_no_fault(check: tuple[str, ...]) -> None:
    done = subprocess.run(
        [str(PROMTOOL), *check], cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


@needs_promtool
def test_promtool_reads_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    texts = [text.replace("$__rate_interval", "5m") for _, text in EXPRESSIONS if "label_values" not in text]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "panels.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([str(PROMTOOL), "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


WORKERS = {
    'turnout_messages_in_flight_limit{job="turnout", instance="a"}': 2000,
    'turnout_messages_in_flight_limit{job="turnout", instance="b"}': 2000,
}
RECOVERY = {'turnout_info{job="turnout-recovery", instance="c"}': 1}
FAILING = {
    'turnout_target_breaker{job="turnout", instance="a", target="crm", state="closed"}': 0,
    'turnout_target_breaker{job="turnout", instance="b", target="crm", state="closed"}': 0,
    'turnout_target_breaker{job="turnout", instance="b", target="erp", state="closed"}': 1,
}


@needs_promtool
@pytest.mark.parametrize(
    ("panel", "series", "shown"),
    [
        ("Workers", WORKERS | RECOVERY, 2),
        ("Workers", RECOVERY, 0),
        ("Targets that fail", FAILING, 1),
        ("Targets that fail", {}, 0),
    ],
    ids=["recovery is no worker", "none is left", "on two workers it is one target", "nobody is scraped"],
)
def test_a_panel_counts_what_its_title_says(panel: str, series: dict[str, int], shown: int, tmp_path: Path) -> None:
    (target,) = next(each["targets"] for each in PANELS if each["title"] == panel)
    sample = {
        "expr": target["expr"].replace("$job", ".*").replace("$instance", ".*"),
        "eval_time": "5m",
        "exp_samples": [{"labels": "{}", "value": shown}],
    }
    given = [{"series": name, "values": f"{value}x5"} for name, value in series.items()]
    tests = [{"interval": "1m", "input_series": given, "promql_expr_test": [sample]}]
    file = tmp_path / "panel.yaml"
    file.write_text(yaml.safe_dump({"tests": tests}))
    done = subprocess.run([str(PROMTOOL), "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
