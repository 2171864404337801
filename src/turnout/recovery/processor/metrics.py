"""Every metric of the processor, once: name, unit, meaning, and how it is read from its counters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from turnout import __version__
from turnout.recovery.processor.counts import Counts, Result
from turnout.telemetry.metric import Kind, Metric, Sample

__all__ = ["read_metrics"]


def read_metrics(counts: Counts, resting: Sequence[str], source: str) -> Iterator[Metric]:
    """All metrics now. `resting` are the targets that are left alone, `source` is where letters are read."""
    where = {"source": source}
    results = {**dict.fromkeys(map(str, Result), 0), **counts.results}
    yield Metric(
        "turnout.recovery.letters",
        Kind.COUNTER,
        "{message}",
        "Turns of dead letters, by how they ended. A letter that waits has a turn in every round.",
        [Sample({**where, "result": result}, count) for result, count in results.items()],
    )
    attempts = {"ok": counts.attempts - counts.attempts_failed, "failed": counts.attempts_failed}
    yield _counted("turnout.recovery.attempts", "{attempt}", "Attempts at deliveries.", "outcome", attempts, where)
    rounds = {"ok": counts.rounds, "failed": counts.rounds_failed}
    yield _counted("turnout.recovery.rounds", "{round}", "Rounds through all letters.", "outcome", rounds, where)
    told = {"ok": counts.told, "failed": counts.told_failed}
    yield _counted("turnout.recovery.told", "{call}", "Statuses written to conversations.", "outcome", told, where)
    for name, unit, description, value in (
        ("turnout.recovery.held", "{message}", "Letters that are worked on now.", counts.held),
        ("turnout.recovery.resting", "{target}", "Targets left alone because they fail.", len(resting)),
        ("turnout.recovery.round.time", "s", "When the last round that read all ended.", counts.round_at),
        ("turnout.recovery.round.duration", "s", "How long that round took.", counts.round_seconds),
        ("turnout.recovery.draining", "1", "1 once the processor was told to stop.", int(counts.draining)),
        ("turnout.recovery.start.time", "s", "When the processor started.", counts.started_at),
    ):
        yield Metric(name, Kind.GAUGE, unit, description, [Sample(where, value)])
    yield Metric("turnout.info", Kind.GAUGE, "1", "1 for the version.", [Sample({"version": __version__}, 1)])


def _counted(
    name: str, unit: str, description: str, label: str, values: Mapping[str, int], where: Mapping[str, str]
) -> Metric:
    samples = [Sample({**where, label: value}, count) for value, count in values.items()]
    return Metric(name, Kind.COUNTER, unit, description, samples)
