"""`make bench-rules`: what holding one event against the rules costs, from its text on, in one table.

Every cell is measured in a process of its own, one thread: the rule file is loaded and compiled, then 10,000 events,
none of them twice, are matched by `Ruleset.match`. CPU time, the median of ten rounds. The data comes from a fixed
seed, and the plain interpreter must agree about a few events of every cell.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec
from tests.benchmarks.machine import describe
from tests.benchmarks.rule_shapes import SHAPES, events, rule_file

from turnout.rules import Ruleset, load_rules
from turnout.rules.condition.interpret import Scope, holds

SEED = 20_251_212
ROUNDS = 10
EVENTS_A_ROUND = 1_000
CHECKED = 3

TARGETS_US: dict[str, tuple[float, float]] = {
    "equality": (2, 3),
    "prefix": (2, 3),
    "ranges": (2, 3),
    "thresholds": (2, 10),
    "4-way and": (2.5, 5),
    "4-way pattern": (2.5, 5),
    "16 fields": (6, 8),
    "wildcard": (3, 6),
}
"""What a cell should cost at most: with 1 to 100 rules, and with 10,000."""


class Cell(NamedTuple):
    """One line of the table."""

    shape: str
    rules: int
    match_us: float
    slow_us: float
    matches: float
    load_s: float
    load_mib: float


def measure(shape: str, rules: int) -> Cell:
    """Measure one cell. Wants a process of its own, because memory is what the process had most."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "rules.yaml")
        path.write_text(rule_file(shape, rules, SEED), encoding="utf-8")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        ruleset = load_rules(path, environ={})
        load_s = time.process_time() - start
        load_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    gc.collect()
    gc.freeze()
    source = events(SEED + 1, rules)
    _check(ruleset, list(itertools.islice(source, CHECKED)))
    matches = 0
    rounds: list[float] = []
    for _ in range(ROUNDS):
        bodies = list(itertools.islice(source, EVENTS_A_ROUND))
        rounds.append(_round(ruleset, bodies))
        matches += sum(len(ruleset.match(body).rules) for body in bodies)
    slow = _round(ruleset, [_as_unexpected(body) for body in bodies[:200]])
    return Cell(shape, rules, statistics.median(rounds), slow, matches / (ROUNDS * EVENTS_A_ROUND), load_s, load_mib)


def _round(ruleset: Ruleset, bodies: list[str]) -> float:
    match = ruleset.match
    start = time.process_time()
    for body in bodies:
        match(body)
    return (time.process_time() - start) / len(bodies) * 1e6


def _json_loads_us(bodies: list[str]) -> float:
    start = time.process_time()
    for body in bodies:
        json.loads(body)
    return (time.process_time() - start) / len(bodies) * 1e6


def _as_unexpected(body: str) -> str:
    """The event with an array where rules expect an object, which sends it the slow way."""
    return body.replace('"eventBody":{', '"eventBody":[{', 1).replace('},"metadata"', '}],"metadata"', 1)


def _check(ruleset: Ruleset, bodies: list[str]) -> None:
    for body in bodies:
        for text in (body, _as_unexpected(body)):
            scope = Scope(json.loads(text))
            wanted = tuple(rule.id for rule in ruleset.rules if holds(rule.condition, scope))
            found = ruleset.match(text).rules
            if found != wanted:
                raise SystemExit(f"wrong verdict: {found} instead of {wanted} for {text}")


# ---------------------------------------------------------------------------------------------------------------- table


def _line(cell: Cell) -> str:
    target = TARGETS_US.get(cell.shape, ("", ""))[cell.rules > 100]
    missed = isinstance(target, float | int) and cell.match_us > target
    return (
        f"| {cell.shape:<13} | {cell.rules:>6,} | {cell.match_us:>8.2f} | {f'<= {target}' if target else '':>7} |"
        f" {'over' if missed else '':<4} | {cell.slow_us:>8.1f} | {cell.matches:>7.2f} | {cell.load_s:>7.3f} |"
        f" {cell.load_mib:>6.0f} |"
    )


def main() -> None:
    """Print the table, or (`--cell`) measure one cell and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, nargs="*", default=[1, 100, 10_000], help="numbers of rules")
    parser.add_argument("--shape", nargs="*", choices=SHAPES, default=list(SHAPES), help="shapes of rules")
    parser.add_argument("--cell", nargs=2, metavar=("SHAPE", "RULES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(msgspec.json.encode(measure(options.cell[0], int(options.cell[1]))).decode())
        return
    bodies = list(itertools.islice(events(SEED, 10_000), 1_000))
    size = statistics.mean(map(len, bodies))
    loads = statistics.median(_json_loads_us(bodies) for _ in range(5))
    print(*describe(), sep="\n")
    print(f"events of {size:,.0f} bytes, of which json.loads takes {loads:.2f} us")
    print("us: CPU per event, median of the rounds; slow: an array where rules expect an object; load: from YAML text")
    print("| rules are     |  rules |       us |  target |      |  slow us | matches | load s  | MiB    |")
    print("|---------------|-------:|---------:|--------:|------|---------:|--------:|--------:|-------:|")
    for shape in options.shape:
        for rules in options.rules:
            command = [sys.executable, "-m", "tests.benchmarks.bench_rules", "--cell", shape, str(rules)]
            done = subprocess.run(command, check=True, capture_output=True)
            print(_line(msgspec.json.decode(done.stdout, type=Cell)), flush=True)


if __name__ == "__main__":
    main()
