"""`make bench`: what a message costs, in one table.

The worker that is measured is the real one, `turnout run` as a process, against the SQS stub in a process of its own.
Costs are CPU time, which does not depend on what else the machine is doing nearly as much as rates do.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence

from tests.benchmarks.clocks import cpu_seconds
from tests.benchmarks.machine import REFERENCE_US, describe, json_loads_us
from tests.benchmarks.measuring import Measurement, measure
from tests.benchmarks.rows import EVERYTHING, GO, QUICK, Row, Selection
from tests.benchmarks.sink import Sink, running_sink
from tests.benchmarks.stub.process import Stub, running_stub
from tests.benchmarks.subject import running_subject

HEADINGS = (
    ("what", 53, "<"),
    ("targets", 7, ">"),
    ("tracing", 7, ">"),
    ("TLS", 3, ">"),
    ("CPU us/msg", 10, ">"),
    ("lowest-highest", 14, ">"),
    ("at ref.", 7, ">"),
    ("msg/s", 7, ">"),
    ("p50 ms", 7, ">"),
    ("p99 ms", 7, ">"),
    ("MiB", 5, ">"),
    ("start s", 7, ">"),
    ("CPU s", 5, ">"),
    ("per call r/s/d", 14, ">"),
    ("spans/msg", 9, ">"),
    ("stub us/msg", 11, ">"),
)

LEGEND = """\
CPU us/msg      user and system CPU time of the program's processes per message received, median of the loads
lowest-highest  of the loads
at ref.         CPU us/msg where json.loads of one event takes {reference} us, by what it took around each load
msg/s           messages per second, from the first receive to the last delete; the stub shares the machine
p50, p99        from being handed out by the queue to being deleted, with a queue that is never empty
MiB             most memory resident, all processes
start s, CPU s  from starting the process to its first long poll, by the clock and in CPU time
per call r/s/d  messages per ReceiveMessage, SendMessageBatch, DeleteMessageBatch
stub us/msg     CPU time of the SQS stub: where it is more than the program's, the stub limits msg/s"""


def _line(cells: Sequence[str]) -> str:
    padded = (f"{cell:{side}{width}}" for cell, (_, width, side) in zip(cells, HEADINGS, strict=True))
    return "| " + " | ".join(padded) + " |"


def _cells(measured: Measurement) -> list[str]:
    row, cpu = measured.row, measured.median(lambda load: load.cpu_us)
    costs = sorted(load.cpu_us for load in measured.loads)
    per_call = (
        measured.median(lambda load: load.received),
        measured.median(lambda load: load.sent),
        measured.median(lambda load: load.deleted),
    )
    return [
        row.name,
        str(row.targets),
        "off" if row.tracing is None else f"{row.tracing:.0%}",
        "yes" if row.tls else "no",
        f"{cpu:.1f}",
        f"{costs[0]:.1f}-{costs[-1]:.1f}",
        f"{measured.median(lambda load: load.cpu_us / load.json_loads_us) * REFERENCE_US:.1f}",
        f"{measured.median(lambda load: load.per_second):,.0f}",
        f"{measured.median(lambda load: load.p50_seconds) * 1000:.1f}",
        f"{measured.median(lambda load: load.p99_seconds) * 1000:.1f}",
        f"{measured.peak_mebibytes:.0f}",
        f"{measured.start_seconds:.2f}",
        f"{measured.start_cpu_seconds:.2f}",
        "/".join(f"{entries:.1f}" for entries in per_call),
        "-" if row.tracing is None else f"{measured.median(lambda load: load.spans):.2f}",
        f"{measured.median(lambda load: load.stub_cpu_us):.1f}",
    ]


def _idle(row: Row, stub: Stub, sink: Sink, seconds: float) -> str:
    """A sentence about what a worker with eight pollers costs while nothing comes."""
    with running_subject(row, stub, sink.url, {"TURNOUT_POLLERS": "8"}) as subject:
        time.sleep(1.0)
        pids = subject.pids
        before = cpu_seconds(pids)
        time.sleep(seconds)
        share = (cpu_seconds(pids) - before) / seconds
    return f"idle, {row.name}, 8 pollers: {share:.2%} of a core over {seconds:.0f} s"


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measure what a message costs.")
    parser.add_argument("--all", action="store_true", help="every row, not just the quick ones (about ten minutes)")
    parser.add_argument("--loads", type=int, default=3, help="loads to take the median of (3)")
    parser.add_argument("--seconds", type=float, default=1.0, help="about how long one load takes (1)")
    parser.add_argument("--idle", type=float, default=0.0, metavar="SECONDS", help="measure an idle worker as well")
    parser.add_argument("--list", action="store_true", help="show the rows and measure nothing")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="for the environment")
    keep = parser.add_argument_group("keep only rows with one of these values, separated by commas")
    keep.add_argument("--program", help="turnout, bare, bare_default, bare_go, bare_wire, floor, tutorial")
    keep.add_argument("--client", help="aioboto3, wire")
    keep.add_argument("--targets", help="0, 1, 3")
    keep.add_argument("--tracing", help="off, 0.01, 1")
    keep.add_argument("--tls", help="yes, no")
    keep.add_argument("--processes", help="1, 2")
    keep.add_argument("--rules", help="3, 10000")
    return parser.parse_args(arguments)


def _selection(given: argparse.Namespace) -> Selection:
    def values(name: str) -> list[str]:
        text: str | None = getattr(given, name)
        return text.split(",") if text else []

    return Selection(
        program=tuple(values("program")),
        client=tuple(values("client")),
        targets=tuple(map(int, values("targets"))),
        tracing=tuple(None if value == "off" else float(value) for value in values("tracing")),
        tls=tuple(value == "yes" for value in values("tls")),
        processes=tuple(map(int, values("processes"))),
        rules=tuple(map(int, values("rules"))),
    )


def _choose(given: argparse.Namespace) -> list[Row]:
    """The rows to measure."""
    selection = _selection(given)
    rows = (*(EVERYTHING if given.all else QUICK), *(GO if "bare_go" in selection.program else ()))
    return list(dict.fromkeys(row for row in rows if row in selection))


def main(arguments: list[str]) -> int:
    """Measure and print; exit code 1 when a row failed."""
    given = _arguments(arguments)
    rows = _choose(given)
    if given.list:
        for row in rows:
            print(row)
        return 0
    print(*describe(), sep="\n")
    print(
        f"json.loads of one event: {json_loads_us():.2f} us; {given.loads} loads of about {given.seconds:g} s a row\n"
    )
    print(_line([heading for heading, _, _ in HEADINGS]))
    print("|" + "|".join(("-" * (width + 1) + (":" if side == ">" else "-")) for _, width, side in HEADINGS) + "|")
    extra = dict(setting.partition("=")[::2] for setting in given.set)
    failed = 0
    with running_stub() as stub, running_sink() as sink:
        for row in rows:
            try:
                measured = measure(row, stub, sink, loads=given.loads, seconds=given.seconds, extra=extra)
            except RuntimeError as error:
                failed += 1
                print(f"FAILED {row}: {error}", file=sys.stderr, flush=True)
            else:
                print(_line(_cells(measured)), flush=True)
        if given.idle:
            print()
            for client in dict.fromkeys(row.client for row in rows if row.program == "turnout"):
                print(_idle(Row(client=client), stub, sink, given.idle), flush=True)
    print("\n" + LEGEND.format(reference=REFERENCE_US))
    return 1 if failed else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
