"""docs/serverless.md speaks of handlers, metrics and files that exist."""

import importlib
import json
import re
from pathlib import Path

from turnout.genesys.writeback import RetryStatus
from turnout.pipeline.books import Books
from turnout.serverless.measuring import NAMESPACE, batch_metrics
from turnout.serverless.recovering import Became

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "serverless.md").read_text()


def test_handlers_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`(turnout\.serverless\.\w+)\.(\w+)`", PAGE))
    assert len(named) >= 4
    for module, handler in named:
        assert callable(getattr(importlib.import_module(module), handler)), f"{module}.{handler}"


def test_metrics_and_their_values_exist() -> None:
    books = Books()
    books.unmatched = books.suppressed = books.store_errors = 1
    known = {metric.name for metric in batch_metrics(books)} | {"turnout.recovered", "turnout.conversations"}
    named = {name for name in re.findall(r"`(turnout\.[a-z_.]+)`", PAGE) if not name.startswith("turnout.serverless")}
    assert named <= known
    assert f"namespace `{NAMESPACE}`" in PAGE
    assert {str(each) for each in (*Became, *RetryStatus)} <= set(re.findall(r"`([a-z_]+)`", PAGE))


def test_steps_are_those_of_the_state_machine() -> None:
    text = (ROOT / "deploy" / "stepfunctions" / "recovery.asl.json").read_text()
    json.loads(text)
    pattern = r"\$\{(\w+)\}"
    assert set(re.findall(pattern, PAGE)) == set(re.findall(pattern, text))
