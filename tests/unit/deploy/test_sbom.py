"""deploy/sbom.py: the bill of materials of the environment that the tests run in."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "deploy" / "sbom.py"


def write(file: Path) -> bytes:
    subprocess.run([sys.executable, str(SCRIPT), str(file)], check=True, timeout=60)
    return file.read_bytes()


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(write(tmp_path_factory.mktemp("sbom") / "sbom.json"))
    return document


def test_it_is_a_cyclonedx_document_about_turnout(bill: dict[str, Any]) -> None:
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    product = bill["metadata"]["component"]
    assert (product["type"], product["name"]) == ("application", "turnout")
    assert product["licenses"] == [{"expression": "Apache-2.0"}]


def test_every_distribution_is_listed_once(bill: dict[str, Any]) -> None:
    listed = [(each["name"], each["version"]) for each in bill["components"]]
    assert len(set(listed)) == len(listed)
    installed = {(each.metadata["Name"], each.version) for each in distributions()}
    assert set(listed) == {pair for pair in installed if pair[0] != "turnout"}


def test_what_needs_what_is_told_with_references_that_lead_somewhere(bill: dict[str, Any]) -> None:
    references = {each["bom-ref"] for each in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    needs = {each["ref"]: set(each["dependsOn"]) for each in bill["dependencies"]}
    assert needs.keys() == references
    assert set().union(*needs.values()) <= references
    ours = {each.partition("@")[0] for each in needs[bill["metadata"]["component"]["bom-ref"]]}
    assert {"pkg:pypi/aioboto3", "pkg:pypi/google-re2", "pkg:pypi/pyyaml"} <= ours


def test_the_same_environment_gives_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "one.json") == write(tmp_path / "two.json")


def test_it_says_how_it_is_used() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "usage: sbom.py FILE\n")
