"""What the processor has done since it started: plain counters, and a picture of them for health and metrics."""

from __future__ import annotations

import time
from collections import Counter
from enum import StrEnum

import msgspec

__all__ = ["Counts", "Result"]


class Result(StrEnum):
    """What a letter's turn ended with."""

    DELIVERED = "delivered"
    ARCHIVED = "archived"
    PARKED = "parked"
    EXHAUSTED = "exhausted"
    REMOVED = "removed"
    """Taken out of its queue, after an earlier run had seen to it."""
    WAITING = "waiting"
    """Parked before, and still."""
    PUT_OFF = "put_off"
    """For later: its target or its conversation is not ready, or the processor stops."""
    ELSEWHERE = "elsewhere"
    """Another worker has it."""
    FAILED = "failed"
    """Something that is needed for it failed: the archive, the ledger, the queue."""


class Counts(msgspec.Struct):
    """Counters. Times are seconds since the epoch, 0 for never, but for `beat_at`."""

    started_at: float
    results: Counter[str] = msgspec.field(default_factory=Counter)
    """Turns of letters, by `Result`."""
    attempts: int = 0
    attempts_failed: int = 0
    told: int = 0
    told_failed: int = 0
    rounds: int = 0
    rounds_failed: int = 0
    round_at: float = 0.0
    """When the last round ended that read all it wanted."""
    round_seconds: float = 0.0
    held: int = 0
    """Letters that are being worked on now."""
    beat_at: float = msgspec.field(default_factory=time.monotonic)
    """When the processor last got somewhere, on the clock that nobody sets."""
    error: str = ""
    """Why the last round failed; empty when it did not."""
    running: bool = False
    draining: bool = False
