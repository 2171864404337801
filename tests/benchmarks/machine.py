"""What has to be known about the machine to read a table of microseconds."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.events import events

__all__ = ["REFERENCE_US", "describe", "json_loads_us"]

REFERENCE_US = 6.5
"""What `json.loads` of one event costs on the machine for which targets are stated."""

_PACKAGES = ("turnout", "aioboto3", "aiohttp", "uvloop", "httptools", "msgspec", "opentelemetry-sdk")


def json_loads_us() -> float:
    """CPU microseconds that `json.loads` of one event takes here; the median of nine rounds."""
    bodies = list(events(1, 200, seed=1))
    rounds = []
    for _ in range(9):
        begun = time.process_time()
        for _ in range(10):
            for body in bodies:
                json.loads(body)
        rounds.append((time.process_time() - begun) / len(bodies) / 10 * 1e6)
    return statistics.median(rounds)


def describe() -> list[str]:
    """Lines about processor, system, interpreter and libraries."""
    one, five, _ = os.getloadavg()
    return [
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"load {one:.1f} (1 min) {five:.1f} (5 min)",
        f"{platform.python_implementation()} {platform.python_version()}, "
        + ", ".join(f"{name} {_version(name)}" for name in _PACKAGES),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "-"
