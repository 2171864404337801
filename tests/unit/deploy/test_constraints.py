"""constraints.txt: plain pins, one for everything that pyproject.toml asks for, each within the range stated there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LINES = (ROOT / "constraints.txt").read_text().splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PINS: dict[str, list[str]] = {}
for line in LINES:
    name, _, version = line.partition(";")[0].strip().partition("==")
    PINS.setdefault(canonicalize_name(name), []).append(version)
WANTED = [
    requirement
    for texts in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for requirement in map(Requirement, texts)
    if requirement.name != PROJECT["name"]
]


def test_every_line_is_a_name_and_a_version_for_all_pythons_or_some_and_nothing_more() -> None:
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!_-]+(; python_version [<>=]+ '3\.\d+')?", line), line


@pytest.mark.parametrize("requirement", WANTED, ids=str)
def test_what_the_project_asks_for_is_pinned_within_its_range(requirement: Requirement) -> None:
    assert all(requirement.specifier.contains(version) for version in PINS[canonicalize_name(requirement.name)])
