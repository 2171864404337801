"""What commands read of a worker's metrics is what it writes."""

from __future__ import annotations

from tests.unit.service.snapshots import snapshot

from turnout.telemetry.metric import Kind, Metric, Sample
from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.prometheus import render
from turnout.telemetry.scraping import Scraped, read_scrape


def test_the_matches_and_the_fingerprint_of_a_worker_are_read() -> None:
    scraped = read_scrape(render(read_metrics(snapshot())))
    assert scraped == Scraped({"one": 700, "three": 10, "off": 0}, "0123456789abcdef")


def test_labels_are_unescaped() -> None:
    name = 'a"b\\c\nd'
    text = render([Metric("turnout.rule.matches", Kind.COUNTER, "{message}", "d", [Sample({"rule": name}, 3)])])
    assert read_scrape(text).matches == {name: 3}


def test_what_is_no_scrape_says_nothing() -> None:
    for text in ("", "<html>", 'turnout_rule_matches_total{rule="x"} many', 'turnout_rule_matches_total{rule="x} 1'):
        assert read_scrape(text) == Scraped({}, "")
