"""What is measured: the rows of the table, and which of them there are by default."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

__all__ = ["EVERYTHING", "GO", "QUICK", "Row", "Selection"]


class Row(msgspec.Struct, frozen=True):
    """One line of the table.

    `program` is `turnout`, or one of the programs in `comparisons`; `client` is `aioboto3` or `wire`; `targets` is how
    many queues each event goes to (0, 1, 3); `tracing` is the share of messages that are sampled, None for no tracing.
    """

    program: str = "turnout"
    client: str = "aioboto3"
    targets: int = 1
    tracing: float | None = None
    tls: bool = False
    processes: int = 1
    rules: int = 3

    @property
    def name(self) -> str:
        """What the row is called in the first column."""
        if self.program != "turnout":
            return {
                "bare": "bare aioboto3 batch calls, no routing",
                "bare_wire": "bare WireSqs batch calls, no routing",
                "bare_default": "the same with aioboto3's default settings",
                "bare_go": "bare batch calls of AWS's SDK for Go, no routing",
                "floor": "bare sockets, signed calls and MD5 and nothing else",
                "tutorial": "boto3, a call per message, conditions parsed each time",
            }[self.program]
        parts = ["turnout", self.client]
        if self.processes > 1:
            parts.append(f"{self.processes} processes")
        if self.rules != 3:
            parts.append(f"{self.rules:,} rules")
        return ", ".join(parts)


def _product(**values: Sequence[object]) -> tuple[Row, ...]:
    return tuple(
        msgspec.convert(dict(zip(values, chosen, strict=True)), Row) for chosen in itertools.product(*values.values())
    )


_COMPARISONS = (
    Row("tutorial"),
    Row("tutorial", targets=3),
    Row("bare_default"),
    Row("bare"),
    Row("bare", targets=3),
    Row("bare_wire", client="wire"),
    Row("bare_wire", client="wire", targets=3),
    Row("floor", client="wire"),
    Row("floor", client="wire", targets=3),
)

QUICK = (
    *_COMPARISONS[:1],
    *_COMPARISONS[3:],
    Row(),
    Row(targets=3),
    Row(targets=0),
    Row(tracing=0.01),
    *_product(client=["wire"], tracing=[0.01], tls=[False, True], targets=[1, 3]),
    Row(client="wire", targets=0),
    Row(client="wire"),
    Row(client="wire", tracing=1.0),
    Row(client="wire", tracing=0.01, rules=10_000),
    Row(client="wire", tracing=0.01, processes=2),
)
"""The default: what the targets are about, and what it is compared with."""

EVERYTHING = (
    *_COMPARISONS,
    *_product(client=["aioboto3", "wire"], tls=[False, True], tracing=[None, 0.01, 1.0], targets=[1, 3, 0]),
    *_product(client=["aioboto3", "wire"], rules=[10_000], tracing=[0.01], targets=[1, 3, 0]),
    *_product(client=["aioboto3", "wire"], processes=[2], tracing=[None, 0.01], targets=[1, 3]),
)
"""Every client with every tracing, with and without TLS; 10,000 rules and two processes beside it."""

GO = (
    Row("bare_go", client="wire"),
    Row("bare_go", client="wire", targets=3),
    Row("bare_go", client="wire", tls=True),
)
"""Only when asked for: they need Go 1.24, which fetches the SDK."""


class Selection(msgspec.Struct, frozen=True):
    """Which rows to keep: those that have one of the values in each field that is given."""

    program: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    targets: tuple[int, ...] = ()
    tracing: tuple[float | None, ...] = ()
    tls: tuple[bool, ...] = ()
    processes: tuple[int, ...] = ()
    rules: tuple[int, ...] = ()

    def __contains__(self, row: Row) -> bool:
        return all(
            not (wanted := getattr(self, field)) or getattr(row, field) in wanted for field in self.__struct_fields__
        )
