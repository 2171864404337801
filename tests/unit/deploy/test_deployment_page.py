"""docs/deployment.md: its arithmetic is right, and what it names exists."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.deploy.terraform.module import FOLDER, named, text
from tests.unit.docs.page import Page
from tests.unit.service.snapshots import snapshot

from turnout.telemetry.metrics import read_metrics
from turnout.telemetry.prometheus import prometheus_name

ROOT = Path(__file__).parents[3]
PAGE = Page(ROOT / "docs" / "deployment.md")

Operation = Callable[[float, float], float]
OPERATIONS: dict[type[ast.operator], Operation] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
SUMS = re.findall(r"`([0-9][0-9. +*/()-]*) = ([0-9.]+)`", PAGE.text)


def value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left, operation, right):
            return OPERATIONS[type(operation)](value(left), value(right))
    raise AssertionError(ast.dump(node))


@pytest.mark.parametrize(("sum_", "result"), SUMS, ids=[sum_ for sum_, _ in SUMS])
def test_sums_on_the_page_are_right(sum_: str, result: str) -> None:
    decimals = len(result.partition(".")[2])
    assert f"{value(ast.parse(sum_, mode='eval').body):.{decimals}f}" == result


def test_the_page_has_sums_that_are_found() -> None:
    assert len(SUMS) > 12


def test_metrics_that_the_page_names_exist() -> None:
    known = {prometheus_name(metric) for metric in read_metrics(snapshot())}
    named_ = set(re.findall(r"`((?:turnout|messaging)_[a-z_]+[a-z])`", PAGE.text))
    assert named_
    assert named_ <= known


def test_alarms_are_those_of_the_module() -> None:
    suffixes = {cell.strip("`. ") for row in PAGE.rows for cell in row[:1] if cell.startswith("`...-")}
    names = re.findall(r'alarm_name\s+= "\$\{var\.name\}-(.+)"', text(FOLDER))
    patterns = [re.sub(r"\$\{[^}]*\}", "*", name) for name in names]
    told = "\n".join(suffixes) + "\n-scale-by-age"
    assert patterns
    for pattern in patterns:
        fixed = max(pattern.split("*"), key=len).strip("-")
        assert fixed in told, pattern


@pytest.mark.parametrize(
    "block", [each for each in PAGE.blocks if each.language == "hcl"], ids=lambda each: each.section
)
def test_terraform_shown_names_variables_of_the_module(block: object) -> None:
    shown = getattr(block, "text", "")
    inside = re.search(r'module "turnout" \{\n(.*)\n\}', shown, re.DOTALL)
    if inside:
        given = set(re.findall(r"^  (\w+) +=", inside[1], re.MULTILINE)) - {"source"}
        assert given
        assert given <= named("variable").keys()


def test_the_values_shown_are_those_that_the_complete_example_asks_for() -> None:
    (shown,) = [each.text for each in PAGE.blocks if each.language == "hcl" and each.text.startswith("region")]
    variables = named("variable", FOLDER / "examples" / "complete")
    given = set(re.findall(r"^(\w+) +=", shown, re.MULTILINE))
    assert {name for name, body in variables.items() if "default" not in body} <= given <= variables.keys()


def test_files_named_in_commands_exist() -> None:
    named_ = re.findall(r"(?<![\w./])((?:deploy|tests|rules)/[\w./-]+)", PAGE.text)
    assert named_
    for path in named_:
        if path not in ("rules/", "deploy/"):
            assert (ROOT / path.rstrip(".")).exists(), path


def test_the_shards_shown_are_those_of_the_example_and_cover_every_conversation_once() -> None:
    (shown,) = [each.text for each in PAGE.blocks if each.language == "hcl" and "shards" in each.text]
    example = (FOLDER / "examples" / "sharded" / "main.tf").read_text()
    shards = re.search(r"  shards = \{.*?\n  \}", shown, re.DOTALL)
    assert shards is not None
    assert shards[0] in example
    assert sorted(re.findall(r'"([0-9a-f])"', shards[0])) == sorted("0123456789abcdef")
