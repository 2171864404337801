"""CPU time and memory of other processes, as Linux tells them."""

from __future__ import annotations

import time
from pathlib import Path

__all__ = ["cpu_seconds", "peak_mebibytes", "process_tree"]

_CPUCLOCK_SCHED = 2


def cpu_seconds(pids: list[int]) -> float:
    """User and system CPU time of these processes so far, all threads, to the nanosecond.

    /proc/PID/stat counts in hundredths of a second, so this reads the process's CPU clock, whose id Linux derives from
    the process id (clock_getcpuclockid(3)).
    """
    return sum(time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED) for pid in pids)


def peak_mebibytes(pids: list[int]) -> float:
    """The most resident memory that each process ever had, added up, in MiB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total += int(line.split()[1])
    return total / 1024


def process_tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    tree = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            tree += process_tree(int(child))
    return tree
