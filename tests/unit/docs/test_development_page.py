"""docs/development.md leads to modules and tests that exist, and shows the layers as they are."""

import re
from pathlib import Path

import pytest
from tests.unit.docs.page import Page
from tests.unit.test_architecture import LAYERS, MODULES

ROOT = Path(__file__).parents[3]
PAGE = Page(ROOT / "docs" / "development.md")


def test_a_link_to_a_module_is_called_as_the_module() -> None:
    links = re.findall(r"\[([\w/.]+)\]\(\.\./src/turnout/([\w/.]+)\)", PAGE.text)
    assert links
    for name, link in links:
        assert link.endswith(name), link


def test_every_test_that_holds_something_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+|test_\w+\.py)`", PAGE.text)
    assert len(named) > 20
    folder = ROOT
    for name in named:
        path = ROOT / name if name.startswith("tests/") else folder / name
        assert path.exists(), name
        folder = path.parent


def test_the_layers_are_those_that_imports_are_held_to() -> None:
    rows = [row for row in PAGE.rows if row[0].isdigit()]
    assert [(int(row[0]), tuple(re.findall(r"`(\w+)`", row[1]))) for row in rows] == list(enumerate(LAYERS, start=1))


@pytest.mark.parametrize("name", sorted({module.partition(".")[0] for module in MODULES} - {""}))
def test_every_part_of_turnout_stands_in_a_layer(name: str) -> None:
    assert any(name in layer for layer in LAYERS)
