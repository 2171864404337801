"""Takes what `pip freeze` says over into a file of constraints, and keeps what that file says about other Pythons.

    python -m pip freeze --exclude-editable | python deploy/constraints.py constraints.txt

A line with a marker (`; python_version < '3.12'`) gets the new version where the marker holds for this Python, and
stays as it is where it does not. So does the pin of what pyproject.toml, beside the file, asks for elsewhere only. What
is no longer installed is dropped, and named. Anything but `name==version` is refused, addresses above all. Needs
`packaging`.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!_-]+)(?:; (.+))?")


class Pin:
    """One line: a name, a version, and for which Pythons; all of them without a marker."""

    def __init__(self, line: str) -> None:
        found = _PIN.fullmatch(line.strip())
        if found is None:
            raise ValueError(f"not a name and a version: {line.strip()}")
        self.name, self.version, self.marker = found.groups()
        self.key = canonicalize_name(self.name)
        self.here = self.marker is None or Marker(self.marker).evaluate()

    def __str__(self) -> str:
        return f"{self.name}=={self.version}" + (f"; {self.marker}" if self.marker else "")


def renewed(old: list[Pin], frozen: list[Pin], elsewhere: set[str]) -> list[Pin]:
    """The new lines. `elsewhere`: names that the project asks for, but not on this Python or machine."""
    lines: list[Pin] = []
    for pin in frozen:
        marked = [each for each in old if each.key == pin.key and each.marker]
        if marked and not any(each.here for each in marked):
            raise ValueError(f"{pin.name}: no marker in the file holds for this Python; give it a line")
        lines += [Pin(f"{pin}; {each.marker}") if each.here else each for each in marked] or [pin]
    installed = {pin.key for pin in frozen}
    lines += [each for each in old if each.key in elsewhere and each.key not in installed]
    return sorted(lines, key=lambda each: each.name.lower())


def _asked_for_elsewhere(project: Path) -> set[str]:
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    groups = [table.get("dependencies", []), *table.get("optional-dependencies", {}).values()]
    wanted = [Requirement(text) for group in groups for text in group]
    return {canonicalize_name(each.name) for each in wanted if each.marker and not each.marker.evaluate()}


def main(file: Path) -> None:
    """Renew a file by what comes in. Raises `ValueError` and leaves the file alone when a line is no pin."""
    old = [Pin(line) for line in file.read_text(encoding="utf-8").splitlines()]
    frozen = [Pin(line) for line in sys.stdin if line.strip()]
    if not frozen:
        raise ValueError("nothing came in: pip freeze failed")
    new = renewed(old, frozen, _asked_for_elsewhere(file.with_name("pyproject.toml")))
    file.write_text("".join(f"{pin}\n" for pin in new), encoding="utf-8")
    for name in sorted({pin.key for pin in old} - {pin.key for pin in new}):
        sys.stderr.write(f"dropped, because this Python does not need it: {name}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: constraints.py FILE")
    try:
        main(Path(sys.argv[1]))
    except ValueError as problem:
        sys.exit(f"constraints.py: {problem}")
