"""constraints.txt: plain pins, one for everything that pyproject.toml asks for, each within the range stated there.

And deploy/constraints.py, with which `make constraints` renews them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
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


# --------------------------------------------------------------------------------------------------- make constraints

HERE = f"python_version < '{sys.version_info.major}.{sys.version_info.minor + 1}'"
ELSEWHERE = f"python_version >= '{sys.version_info.major}.{sys.version_info.minor + 1}'"
PROJECT_FILE = """
[project]
name = "mine"
dependencies = ["wanted"]
optional-dependencies.test = ["fuzzer; platform_system == 'Elsewhere'"]
"""


def renew(folder: Path, old: str, frozen: str) -> subprocess.CompletedProcess[str]:
    (folder / "pyproject.toml").write_text(PROJECT_FILE)
    file = folder / "constraints.txt"
    file.write_text(old)
    command = [sys.executable, str(ROOT / "deploy" / "constraints.py"), str(file)]
    return subprocess.run(command, input=frozen, capture_output=True, text=True, timeout=60, check=False)


def test_versions_are_renewed_for_this_python_and_kept_for_others(tmp_path: Path) -> None:
    old = f"both==1.0; {HERE}\nboth==2.0; {ELSEWHERE}\nfuzzer==7.0\ngone==3.0\nwanted==1.0\n"
    done = renew(tmp_path, old, "Both==1.5\nnew_one==1.0\nwanted==1.1\n")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "constraints.txt").read_text() == (
        f"Both==1.5; {HERE}\nboth==2.0; {ELSEWHERE}\nfuzzer==7.0\nnew_one==1.0\nwanted==1.1\n"
    )
    assert done.stderr == "dropped, because this Python does not need it: gone\n"


def test_the_file_of_this_repository_comes_out_as_it_is_when_nothing_is_newer(tmp_path: Path) -> None:
    here = [line for line in LINES if ";" not in line or Marker(line.partition(";")[2]).evaluate()]
    done = renew(tmp_path, "\n".join(LINES), "\n".join(line.partition(";")[0] for line in here))
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted((tmp_path / "constraints.txt").read_text().splitlines()) == sorted(LINES)


@pytest.mark.parametrize(
    "line", ["mine @ https://files.example.org/mine.whl", "--index-url https://example.org", "-e .", ""]
)
def test_what_is_no_pin_is_refused_and_the_file_stays(tmp_path: Path, line: str) -> None:
    done = renew(tmp_path, "wanted==1.0\n", f"{line}\n")
    assert done.returncode == 1
    assert done.stderr.startswith("constraints.py: n")
    assert (tmp_path / "constraints.txt").read_text() == "wanted==1.0\n"


def test_a_python_that_no_line_is_for_is_told(tmp_path: Path) -> None:
    done = renew(tmp_path, f"both==2.0; {ELSEWHERE}\n", "both==1.0\n")
    assert (done.returncode, done.stderr) == (
        1,
        "constraints.py: both: no marker in the file holds for this Python; give it a line\n",
    )
