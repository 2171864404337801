"""Takes snapshots of a running worker, for whoever asks, from whatever thread.

The worker's records belong to its event loop's thread. So a snapshot is always taken there, in one step; other threads
(the HTTP server's, the metrics exporter's) ask for one and wait, but never long: a loop that does not answer in time is
blocked, and that is an answer too.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from turnout.account import Outcome
from turnout.pipeline.books import PlaceBooks
from turnout.pipeline.poller import Poller
from turnout.pipeline.sender import Sender
from turnout.pipeline.worker import Worker
from turnout.queues import queue_names
from turnout.rules import Ruleset
from turnout.rules.model import Mode
from turnout.telemetry import semconv
from turnout.telemetry.records import TracingCounts
from turnout.telemetry.semconv import system_of
from turnout.telemetry.snapshot import (
    CallsSnapshot,
    LetterSnapshot,
    LoopSnapshot,
    PlaceSnapshot,
    PollerSnapshot,
    RulesSnapshot,
    Snapshot,
    SourceSnapshot,
    TargetSnapshot,
    TracingSnapshot,
)

__all__ = ["Blocks", "Observer", "Reloads"]


class Reloads(Protocol):
    """What is known of reloading; `turnout.service.reloader.Reloader` is one."""

    @property
    def success(self) -> bool:
        """Whether the last attempt was a success."""
        ...

    @property
    def error(self) -> str:
        """Why it was none: the first problem, with its place."""
        ...

    @property
    def loaded_at(self) -> float:
        """When the last success was, in seconds since the epoch."""
        ...


class Blocks(Protocol):
    """What is known of a blocked event loop; `turnout.service.watchdog.Watchdog` is one."""

    @property
    def counts(self) -> LoopSnapshot:
        """How often and for how long."""
        ...


class _Known(msgspec.Struct, frozen=True):
    """What every snapshot says of a ruleset, worked out once."""

    ruleset: Ruleset
    zeros: dict[str, int]
    shadow: frozenset[str]
    disabled: frozenset[str]

    @classmethod
    def of(cls, ruleset: Ruleset) -> _Known:
        return cls(
            ruleset,
            {rule.id: 0 for rule in ruleset.rules},
            frozenset(rule.id for rule in ruleset.rules if rule.mode is Mode.SHADOW),
            frozenset(rule.id for rule in ruleset.rules if not rule.enabled),
        )


class Observer:
    """Watches one worker. Made in the thread of the worker's event loop, while that runs."""

    def __init__(
        self, worker: Worker, *, reloads: Reloads, blocks: Blocks, tracing: TracingCounts | None = None
    ) -> None:
        self._worker = worker
        self._reloads = reloads
        self._blocks = blocks
        self._tracing = tracing or TracingCounts()
        self._loop = asyncio.get_running_loop()
        self._started_at = time.time()
        self._known: _Known | None = None
        self._names = queue_names(worker.config.sources)

    @property
    def ruleset(self) -> Ruleset:
        """The active rules. They are immutable: any thread may use them."""
        return self._worker.ruleset

    def request(self) -> concurrent.futures.Future[Snapshot]:
        """Ask for a snapshot from any thread. Raises RuntimeError once the event loop is closed."""
        answer: concurrent.futures.Future[Snapshot] = concurrent.futures.Future()

        def take() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(self.take())
                except Exception as error:  # noqa: BLE001 - whoever asked gets it
                    answer.set_exception(error)

        self._loop.call_soon_threadsafe(take)
        return answer

    def take(self) -> Snapshot:
        """A snapshot, taken at once. For the event loop's own thread."""
        worker, books = self._worker, self._worker.books
        times = os.times()
        return Snapshot(
            taken_at=time.time(),
            started_at=self._started_at,
            running=worker.running,
            draining=worker.draining,
            sources=tuple(self._sources()),
            targets=tuple(self._targets()),
            places=tuple(self._place_snapshots()),
            rules=self._rules(),
            received=books.received,
            settled={str(outcome): books.outcomes[outcome] for outcome in Outcome},
            in_flight=len(worker.in_flight),
            in_flight_limit=worker.config.max_in_flight,
            in_flight_bytes=worker.in_flight.bytes,
            redelivered=books.redelivered,
            unmatched=books.unmatched,
            letters=dict(books.letters),
            recent_letters=tuple(
                LetterSnapshot(note.at_ns / 1e9, note.reason, note.message, note.message_id, note.event_id, note.owed)
                for note in reversed(books.letter_notes)
            ),
            polls=books.polls,
            poll_errors=books.poll_errors,
            extensions=books.extensions,
            expired=books.expired,
            suppressed=books.suppressed,
            store_errors=books.store_errors,
            attributes_dropped=books.attributes_dropped,
            calls=tuple(self._calls()),
            processing=books.processing.counted(),
            queue_age=books.queue_age.counted(),
            latency=books.latency.counted(),
            loop=self._blocks.counts,
            tracing=_tracing(self._tracing),
            cpu_user_seconds=times.user,
            cpu_system_seconds=times.system,
            resident_bytes=_resident_bytes(),
        )

    def _sources(self) -> Iterator[SourceSnapshot]:
        now = self._loop.time()
        worker = self._worker
        for queue in worker.config.sources:
            yield SourceSnapshot(
                self._names[queue],
                worker.books.source(queue).received,
                worker.config.wait_seconds,
                tuple(_poller(poller, now) for poller in worker.pollers if poller.queue == queue),
            )

    def _targets(self) -> Iterator[TargetSnapshot]:
        worker = self._worker
        for name, target in worker.ruleset.targets.items():
            yield self._target(worker.senders[name], target.priority)
        letters = worker.dead_letter_sender
        if letters.name not in worker.ruleset.targets:
            yield self._target(letters, 0, is_dead_letter_queue=True)

    def _target(self, sender: Sender, priority: int, *, is_dead_letter_queue: bool = False) -> TargetSnapshot:
        books = self._worker.books.target(sender.name)
        breaker = sender.breaker
        return TargetSnapshot(
            name=sender.name,
            system=system_of(sender.destination.url),
            queue=sender.destination.name,
            priority=priority,
            sent=books.sent,
            failed=books.failed,
            retried=books.retried,
            errors=dict(books.errors),
            backlog=len(sender),
            breaker=str(breaker.state),
            fault=str(breaker.fault) if breaker.fault else "",
            probe_seconds=max(0.0, breaker.probe_at - self._loop.time()) if breaker.fault else 0.0,
            is_dead_letter_queue=is_dead_letter_queue,
        )

    def _rules(self) -> RulesSnapshot:
        ruleset, matches = self._worker.ruleset, self._worker.books.matches
        if self._known is None or self._known.ruleset is not ruleset:
            self._known = _Known.of(ruleset)
        known = self._known
        # Rules may be many, and most of them did not match: theirs is one copy.
        counts = known.zeros | {rule: count for rule, count in matches.items() if rule in known.zeros}
        return RulesSnapshot(
            fingerprint=ruleset.fingerprint,
            matches=counts,
            shadow=known.shadow,
            disabled=known.disabled,
            loaded_at=self._reloads.loaded_at,
            reload_success=self._reloads.success,
            reload_error=self._reloads.error,
        )

    def _calls(self) -> Iterator[CallsSnapshot]:
        worker = self._worker
        for queue in worker.config.sources:
            books = worker.books.source(queue)
            for operation, calls in ((semconv.RECEIVE, books.receives), (semconv.DELETE, books.deletes)):
                for error, durations in calls.by_error.items():
                    yield CallsSnapshot(operation, self._names[queue], error, durations.counted())
        for (system, name), place in self._places():
            for error, durations in place.calls.by_error.items():
                yield CallsSnapshot(semconv.SEND, name, error, durations.counted(), system)

    def _place_snapshots(self) -> Iterator[PlaceSnapshot]:
        for (system, name), books in self._places():
            yield PlaceSnapshot(system, name, books.sent, dict(books.errors))

    def _places(self) -> Iterator[tuple[tuple[str, str], PlaceBooks]]:
        """Where something can be sent by now; targets may share a place."""
        senders = (*self._worker.senders.values(), self._worker.dead_letter_sender)
        for place in dict.fromkeys((system_of(each.destination.url), each.destination.name) for each in senders):
            yield place, self._worker.books.place(*place)


def _poller(poller: Poller, now: float) -> PollerSnapshot:
    return PollerSnapshot(
        str(poller.phase),
        max(0.0, now - poller.since) if poller.since else 0.0,
        poller.read_ns / 1e9,
        poller.errors,
        poller.error,
    )


def _tracing(counts: TracingCounts) -> TracingSnapshot:
    return TracingSnapshot(
        exported=counts.exported,
        export_failed=counts.export_failed,
        spans_dropped=counts.spans_dropped,
        context_dropped=counts.context_dropped,
    )


def _resident_bytes() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # no Linux
        return 0
