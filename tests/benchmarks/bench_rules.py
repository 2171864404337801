"""`make bench-rules`: what holding one event against the rules costs, from its text on, in one table.

Every cell is measured in a process of its own, one thread: the rule file is loaded and compiled, then 10,000 events,
none of them twice, are matched by `Ruleset.match`. CPU time, the median of ten rounds. The data comes from a fixed
seed, and the plain interpreter must agree about a few events of every cell.

Machines differ, and so does one machine from minute to minute. So every round also measures `json.loads` of the same
events; what is compared with the targets is scaled to the machine that they were set for, where that takes 6.5 us. A
load takes seconds, through better and worse ones, so it is scaled by the quickest `json.loads` before and after it.
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
from collections.abc import Sequence
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
REFERENCE_JSON_US = 6.5

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
    json_us: float
    scaled_us: float
    slow_us: float
    matches: float
    load_s: float
    scaled_load_s: float
    load_mib: float


def measure(shape: str, rules: int) -> Cell:
    """Measure one cell. Wants a process of its own, because memory is what the process had most."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "rules.yaml")
        path.write_text(rule_file(shape, rules, SEED), encoding="utf-8")
        samples = list(itertools.islice(events(SEED, rules, shape), 300))
        quickest = [_json_loads_us(samples) for _ in range(10)]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        ruleset = load_rules(path, environ={})
        load_s = time.process_time() - start
        load_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    gc.collect()
    gc.freeze()
    quickest += (_json_loads_us(samples) for _ in range(10))
    source = events(SEED + 1, rules, shape)
    _check(ruleset, list(itertools.islice(source, CHECKED)))
    matches = 0
    rounds: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        bodies = list(itertools.islice(source, EVENTS_A_ROUND))
        rounds.append((_round(ruleset, bodies), _json_loads_us(bodies)))
        matches += sum(len(ruleset.match(body).rules) for body in bodies)
    slow = _round(ruleset, [_as_unexpected(body) for body in bodies[:200]])
    json_us = statistics.median(json_us for _, json_us in rounds)
    return Cell(
        shape=shape,
        rules=rules,
        match_us=statistics.median(match_us for match_us, _ in rounds),
        json_us=json_us,
        scaled_us=REFERENCE_JSON_US * statistics.median(match_us / json_us for match_us, json_us in rounds),
        slow_us=slow,
        matches=matches / (ROUNDS * EVENTS_A_ROUND),
        load_s=load_s,
        scaled_load_s=load_s * REFERENCE_JSON_US / min(quickest),
        load_mib=load_mib,
    )


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
    return f"{body[:-1]}]}}".replace('"detail":{', '"detail":[{', 1)


def _check(ruleset: Ruleset, bodies: list[str]) -> None:
    for body in bodies:
        for text in (body, _as_unexpected(body)):
            scope = Scope(json.loads(text))
            wanted = tuple(rule.id for rule in ruleset.rules if holds(rule.condition, scope))
            found = ruleset.match(text).rules
            if found != wanted:
                raise SystemExit(f"wrong verdict: {found} instead of {wanted} for {text}")


# ---------------------------------------------------------------------------------------------------------------- table


_COLUMNS = {
    **{"rules are": 13, "rules": 6, "us": 6, "json us": 7, "scaled": 6, "target": 7, "": 4},
    **{"slow us": 7, "matches": 7, "load s": 6, "scaled s": 8, "MiB": 3},
}
"""The columns of the table and their widths."""


def _line(cell: Cell) -> str:
    target = TARGETS_US.get(cell.shape, ("", ""))[cell.rules > 100]
    missed = isinstance(target, float | int) and cell.scaled_us > target
    shown = (
        f"{cell.shape:<13}",
        f"{cell.rules:>6,}",
        f"{cell.match_us:>6.2f}",
        f"{cell.json_us:>7.2f}",
        f"{cell.scaled_us:>6.2f}",
        f"{f'<= {target}' if target else '':>7}",
        f"{'over' if missed else '':<4}",
        f"{cell.slow_us:>7.1f}",
        f"{cell.matches:>7.2f}",
        f"{cell.load_s:>6.3f}",
        f"{cell.scaled_load_s:>8.3f}",
        f"{cell.load_mib:>3.0f}",
    )
    return _row(shown)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


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
    bodies = list(itertools.islice(events(SEED, 10_000, next(iter(SHAPES))), 1_000))
    size = statistics.mean(map(len, bodies))
    print(*describe(), sep="\n")
    print(f"events of {size:,.0f} bytes")
    print("us: CPU per event, median of the rounds; json us: json.loads of the same events, in the same rounds")
    print(
        f"scaled: to a machine where json.loads takes {REFERENCE_JSON_US} us, as the targets are; load: from YAML text"
    )
    print("slow us: for an array where rules expect an object")
    print(_row([f"{name:<{width}}" for name, width in _COLUMNS.items()]))
    print(_row(["-" * width for width in _COLUMNS.values()]))
    for shape in options.shape:
        for rules in options.rules:
            command = [sys.executable, "-m", "tests.benchmarks.bench_rules", "--cell", shape, str(rules)]
            done = subprocess.run(command, check=True, capture_output=True)
            print(_line(msgspec.json.decode(done.stdout, type=Cell)), flush=True)


if __name__ == "__main__":
    main()
