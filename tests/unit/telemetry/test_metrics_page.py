"""docs/metrics.md has every metric, as the catalogue has it."""

import re
from pathlib import Path

from tests.unit.service.snapshots import snapshot

from turnout.recovery.processor.counts import Counts, Result
from turnout.recovery.processor.metrics import read_metrics as processor_metrics
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.prometheus import prometheus_name
from turnout.telemetry.snapshot import FleetSnapshot

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_page_has_every_metric_with_its_attributes_and_its_meaning() -> None:
    rows = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[cells[0].strip("`")] = cells[1:]
    expected = {}
    of_processor = processor_metrics(Counts(0.0), (), "dead")
    for metric in (*read_metrics(snapshot(fleet=FleetSnapshot(2, 2))), *of_processor):
        unit = "" if metric.unit.startswith("{") or metric.unit == "1" else f", {metric.unit}"
        labels = sorted({label for sample in metric.samples for label in sample.labels})
        attributes = ", ".join(f"`{label}`" for label in labels)
        expected[prometheus_name(metric)] = [f"`{metric.name}`", f"{metric.kind}{unit}", attributes, metric.description]
    assert rows == expected


def test_every_result_of_a_letter_is_explained() -> None:
    (results,) = re.findall(r"A letter's `result` is (.+?)\n\Z", PAGE.read_text(), re.DOTALL)
    assert re.findall("`(.+?)`", results) == list(Result)
