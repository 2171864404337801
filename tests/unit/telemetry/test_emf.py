"""The embedded metric format: every line is what CloudWatch's specification asks for, and says what was counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tests.unit.service.snapshots import snapshot

from turnout.telemetry.emf import MOST_METRICS, MOST_VALUES, emf_lines
from turnout.telemetry.histogram import AGE_BOUNDS, PROCESS_BOUNDS, Counted, Histogram
from turnout.telemetry.metric import Kind, Metric, Sample
from turnout.telemetry.metrics import read_metrics

NOW = 1_795_238_743.5

UNITS = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
]

# The specification's document structure, said as JSON Schema.
METADATA = Draft202012Validator(
    {
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": {"type": "integer", "minimum": 10**12},
                    "CloudWatchMetrics": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["Namespace", "Dimensions", "Metrics"],
                            "additionalProperties": False,
                            "properties": {
                                "Namespace": {"type": "string", "minLength": 1, "maxLength": 1024},
                                "Dimensions": {
                                    "type": "array",
                                    "minItems": 1,
                                    "items": {
                                        "type": "array",
                                        "maxItems": 30,
                                        "items": {"type": "string", "minLength": 1, "maxLength": 250},
                                    },
                                },
                                "Metrics": {
                                    "type": "array",
                                    "minItems": 1,
                                    "maxItems": 100,
                                    "items": {
                                        "type": "object",
                                        "required": ["Name"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "Name": {"type": "string", "minLength": 1, "maxLength": 1024},
                                            "Unit": {"enum": UNITS},
                                            "StorageResolution": {"enum": [1, 60]},
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            }
        },
    }
)


def read(line: str) -> dict[str, Any]:
    """Read a line as CloudWatch does, and check it against the specification."""
    assert "\n" not in line
    assert len(line.encode()) <= 256 * 1024
    document: dict[str, Any] = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    METADATA.validate(document)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            for name in names:
                value = document[name]
                assert isinstance(value, str)
                assert 1 <= len(value) <= 1024
                assert value.isascii()
                assert value.strip()
        for definition in directive["Metrics"]:
            value = document[definition["Name"]]
            for number in value if isinstance(value, list) else [value]:
                assert isinstance(number, int | float)
                assert not isinstance(number, bool)
            assert not isinstance(value, list) or 1 <= len(value) <= 100
    return document


def counter(name: str, value: float, unit: str = "{message}", **labels: str) -> Metric:
    return Metric(name, Kind.COUNTER, unit, "", [Sample(labels, value)])


def histogram(*seconds: float) -> Counted:
    found = Histogram(PROCESS_BOUNDS)
    for value in seconds:
        found.add(int(value * 1e9))
    return found.counted()


def test_everything_that_a_worker_measures_can_be_said_in_it() -> None:
    metrics = list(read_metrics(snapshot()))
    lines = emf_lines(metrics, namespace="Turnout", now=NOW, dimensions={"FunctionName": "router"})
    documents = [read(line) for line in lines]
    said = {
        definition["Name"]
        for document in documents
        for definition in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    with_values = {
        metric.name
        for metric in metrics
        for sample in metric.samples
        if not isinstance(sample.value, Counted) or sample.value.count
    }
    assert said == with_values
    assert all(document["FunctionName"] == "router" for document in documents)


def test_samples_of_the_same_attributes_share_a_line_and_others_do_not() -> None:
    metrics = [
        counter("turnout.messages.received", 10),
        counter("turnout.messages.unmatched", 2),
        counter("turnout.target.sent", 5, target="critical"),
        counter("turnout.target.failed", 1, target="critical"),
        counter("turnout.target.sent", 3, target="standard"),
    ]
    lines = list(emf_lines(metrics, namespace="Turnout", now=NOW, properties={"request_id": "r-1"}))
    total, critical, standard = map(read, lines)
    assert total == {
        "_aws": {
            "Timestamp": 1_795_238_743_500,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Turnout",
                    "Dimensions": [[]],
                    "Metrics": [
                        {"Name": "turnout.messages.received", "Unit": "Count"},
                        {"Name": "turnout.messages.unmatched", "Unit": "Count"},
                    ],
                }
            ],
        },
        "request_id": "r-1",
        "turnout.messages.received": 10,
        "turnout.messages.unmatched": 2,
    }
    assert (critical["target"], critical["turnout.target.sent"], critical["turnout.target.failed"]) == (
        "critical",
        5,
        1,
    )
    assert (standard["target"], standard["turnout.target.sent"]) == ("standard", 3)


@pytest.mark.parametrize(
    ("unit", "word"), [("s", "Seconds"), ("By", "Bytes"), ("{message}", "Count"), ("{call}", "Count"), ("1", "None")]
)
def test_units_are_those_of_cloudwatch(unit: str, word: str) -> None:
    (line,) = emf_lines([counter("x", 1, unit)], namespace="Turnout", now=NOW)
    assert read(line)["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "x", "Unit": word}]


def test_a_histogram_becomes_its_values_at_the_upper_bounds_of_their_buckets() -> None:
    metric = Metric("x", Kind.HISTOGRAM, "s", "", [Sample({}, histogram(0.0002, 0.003, 0.0031, 20.0, 5000.0))])
    (line,) = emf_lines([metric], namespace="Turnout", now=NOW)
    assert read(line)["x"] == [0.001, 0.005, 0.005, 30.0, 900.0]


def test_a_histogram_without_values_is_not_said() -> None:
    metric = Metric("x", Kind.HISTOGRAM, "s", "", [Sample({}, histogram())])
    assert list(emf_lines([metric], namespace="Turnout", now=NOW)) == []


@given(st.lists(st.integers(0, 5_000), min_size=len(AGE_BOUNDS) + 1, max_size=len(AGE_BOUNDS) + 1))
def test_of_many_values_a_hundred_are_said_in_proportion(counts: list[int]) -> None:
    total = sum(counts)
    metric = Metric("x", Kind.HISTOGRAM, "s", "", [Sample({}, Counted(AGE_BOUNDS, tuple(counts), 0.0))])
    lines = list(emf_lines([metric], namespace="Turnout", now=NOW))
    if not total:
        assert lines == []
        return
    values = read(lines[0])["x"]
    assert len(values) == min(total, MOST_VALUES)
    assert values == sorted(values)
    for bound, count in zip(AGE_BOUNDS[:-1], counts, strict=False):
        assert abs(values.count(bound) - count * len(values) / total) <= 1


def test_more_metrics_than_a_line_takes_go_on_in_the_next() -> None:
    metrics = [counter(f"x{number}", number) for number in range(MOST_METRICS + 20)]
    first, second = map(read, emf_lines(metrics, namespace="Turnout", now=NOW))
    assert first["x99"] == 99
    assert second["x119"] == 119
    assert "x100" not in first


@given(st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec=None), max_size=2_000), max_size=5))
def test_whatever_an_attribute_holds_the_line_can_be_read(labels: dict[str, str]) -> None:
    for line in emf_lines([counter("x", 1, **labels)], namespace="Turnout", now=NOW):
        read(line)


def test_what_cloudwatch_would_drop_without_a_word_is_refused_with_one() -> None:
    with pytest.raises(ValueError, match="namespace"):
        list(emf_lines([], namespace=" ", now=NOW))
    with pytest.raises(ValueError, match="cannot be named ':x'"):
        list(emf_lines([counter("x", 1)], namespace="Turnout", now=NOW, dimensions={":x": "1"}))
    with pytest.raises(ValueError, match="30 dimensions"):
        list(emf_lines([counter("x", 1)], namespace="T", now=NOW, dimensions={f"d{n}": "1" for n in range(31)}))
