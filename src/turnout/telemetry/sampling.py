"""The head decision: whether a new trace is recorded. Chosen by `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`.

Failed and slow messages are traced whatever is decided here (see `tracing`).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnout.telemetry.propagation import Context

__all__ = ["Sampler"]

_EVERYTHING = 1 << 64


class Sampler(msgspec.Struct, frozen=True):
    """Records a trace when the low 64 bits of its id are below `bound` (2**64 records all, 0 none).

    This is how OpenTelemetry's ratio sampler decides, so that every service on the way decides alike. With
    `parent_based` a message that says whether its trace is sampled is believed.
    """

    bound: int = _EVERYTHING
    parent_based: bool = True

    @classmethod
    def ratio(cls, ratio: float, *, parent_based: bool = True) -> Sampler:
        """A sampler for this share of the traces, 0.0 to 1.0."""
        return cls(bound=round(ratio * _EVERYTHING), parent_based=parent_based)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> tuple[Sampler, tuple[str, ...]]:
        """The sampler that the environment asks for (all, when it asks for none), and what was wrong with it."""
        given = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
        name = given or "parentbased_always_on"
        argument = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
        root = name.removeprefix("parentbased_")
        parent_based = root != name
        if not given and argument:
            return cls(), (
                "OTEL_TRACES_SAMPLER_ARG has no effect: set OTEL_TRACES_SAMPLER=parentbased_traceidratio to trace that "
                "share, or parentbased_always_on to trace everything.",
            )
        if root == "always_on":
            return cls(parent_based=parent_based), ()
        if root == "always_off":
            return cls(bound=0, parent_based=parent_based), ()
        if root != "traceidratio":
            return cls(), (
                f"OTEL_TRACES_SAMPLER: {name!r} is not known; use always_on, always_off, traceidratio, or one of "
                "them after parentbased_. Using parentbased_always_on.",
            )
        text = argument or "1"
        try:
            ratio = float(text)
        except ValueError:
            ratio = -1.0
        if not 0.0 <= ratio <= 1.0:
            return cls(parent_based=parent_based), (
                f"OTEL_TRACES_SAMPLER_ARG: {text!r} is not a number from 0 to 1. Using 1.",
            )
        return cls.ratio(ratio, parent_based=parent_based), ()

    def samples(self, trace: str, parent: Context | None) -> bool:
        """Whether to record the trace with this id (32 hex digits)."""
        if parent is not None and self.parent_based and parent.sampled is not None:
            return parent.sampled
        bound = self.bound
        return bound == _EVERYTHING or (bound > 0 and int(trace[16:], 16) < bound)
