"""Instructions a message: the real worker on the real wire client, counted by valgrind's callgrind.

    python -m tests.benchmarks.instructions [--targets N] [--tracing SHARE] [--rules N] [--functions N]

CPU time on a shared machine differs by a tenth from run to run; this by a third of a percent, so that it tells two
versions apart. It is no time: the kernel is not in it, and cryptography is left out, because valgrind has not the
processor's instructions for SHA. Needs valgrind (Debian's package of that name).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import uvloop
from tests.benchmarks.rows import Row
from tests.benchmarks.rulesets import write_rules
from tests.benchmarks.steps import work
from tests.benchmarks.stub.process import running_stub
from tests.benchmarks.subject import environment

EVENTS = 3_000
LEFT_OUT = "libcrypto"
_LINE = re.compile(r"\s*([\d,]+) \([\s\d.]+%\)\s+\S+?:(.+?)(?:'\d+)? \[(?:.*/)?([^/\]]+)\]")


class Counting:
    """Switches callgrind's counting in this process."""

    def start(self) -> None:
        """Count from now on."""
        self._switch("on")

    def stop(self) -> None:
        """Count no more."""
        self._switch("off")

    def _switch(self, state: str) -> None:
        subprocess.run(["callgrind_control", "-i", state, str(os.getpid())], capture_output=True, check=True)


def read_counts(report: str) -> Counter[tuple[str, str]]:
    """Instructions by library and function, from what `callgrind_annotate` prints. Calls within themselves are one."""
    counts: Counter[tuple[str, str]] = Counter()
    for found in map(_LINE.match, report.splitlines()):
        if found:
            counts[found[3].split(".")[0], found[2]] += int(found[1].replace(",", ""))
    return counts


def _inside(given: argparse.Namespace) -> None:
    with running_stub() as stub, tempfile.TemporaryDirectory() as folder:
        os.environ.update(environment(Row(client="wire"), stub, ""))
        uvloop.run(work(stub, given, Counting(), str(write_rules(Path(folder), given.rules))))


def _counted(arguments: list[str]) -> Counter[tuple[str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/callgrind.out"
        valgrind = ["valgrind", "--quiet", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={file}"]
        command = [*valgrind, sys.executable, "-m", __spec__.name, "--inside", *arguments]
        # Hashes of texts decide how dicts collide, which is one percent.
        subprocess.run(command, env=os.environ | {"PYTHONHASHSEED": "0"}, stdout=subprocess.DEVNULL, check=True)
        report = subprocess.run(["callgrind_annotate", "--threshold=100", file], capture_output=True, check=True)
    return read_counts(report.stdout.decode())


def main(arguments: list[str]) -> None:
    """Count, and print by library and by function."""
    parser = argparse.ArgumentParser(description="Count the instructions that a message takes.")
    parser.add_argument("--targets", type=int, choices=(0, 1, 3), default=1)
    parser.add_argument("--tracing", type=float, help="share of messages that are sampled; not given: off")
    parser.add_argument("--rules", type=int, default=3, help="how many rules (default: 3)")
    parser.add_argument("--functions", type=int, default=15, help="how many functions to name (default: 15)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    given.events = EVENTS
    if given.inside:
        _inside(given)
        return
    if not shutil.which("valgrind"):
        sys.exit("no valgrind here: it counts the instructions (Debian: apt-get install valgrind)")
    counts = _counted(arguments)
    libraries: Counter[str] = Counter()
    for (library, _), count in counts.items():
        libraries[library] += count
    total = sum(count for library, count in libraries.items() if library != LEFT_OUT)
    print(f"{given.targets} targets, {given.rules} rules, tracing {given.tracing}: ", end="")
    print(f"{total / EVENTS:,.0f} instructions a message, {LEFT_OUT} left out\n")
    for library, count in libraries.most_common(6):
        print(f"{count / EVENTS:>10,.0f}  {library}")
    print()
    for (library, function), count in counts.most_common(given.functions):
        print(f"{count / EVENTS:>10,.0f}  {library}  {function}")


if __name__ == "__main__":
    main(sys.argv[1:])
