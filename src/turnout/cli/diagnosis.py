"""How an examination is printed: for somebody on call, who reads from the top, or as JSON."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from turnout.words import count

if TYPE_CHECKING:
    from turnout.doctor.examine import Examination
    from turnout.doctor.findings import Finding

__all__ = ["print_json", "print_text"]

_MARKS = {"error": ("✗", "red"), "warning": ("!", "yellow"), "unknown": ("?", "cyan"), "ok": ("✓", "green")}
_WIDEST = 100
_INDENT = "  "


class _Counts(msgspec.Struct, frozen=True):
    errors: int
    warnings: int
    unknown: int
    ok: int


class _Report(msgspec.Struct, frozen=True):
    account: str
    caller: str
    region: str
    endpoint: str
    emulator: bool
    findings: Sequence[Finding]
    summary: _Counts


def print_text(found: Examination, *, verbose: bool) -> None:
    """The worst first, each with what to do about it; what is well is counted, and listed when `verbose`."""
    caller = found.caller
    place = [part for part in (caller.region, caller.account and f"account {caller.account}", caller.arn) if part]
    if caller.emulator:
        place = [f"emulator {caller.endpoint}, which has no policies, keys and encryption to look at", *place[:1]]
    if place:
        click.echo(" · ".join(place) + "\n")
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    for finding in _merged(finding for finding in found.findings if finding.severity != "ok"):
        _print(finding, width)
    if verbose:
        for finding in found.findings:
            if finding.severity == "ok":
                mark, colour = _MARKS["ok"]
                click.echo(f"{click.style(mark, fg=colour)} {finding.subject}: {finding.message}")
    counts = _counts(found)
    parts = [count(counts.errors, "error"), count(counts.warnings, "warning")]
    if counts.unknown:
        parts.append(f"{counts.unknown} not checked")
    more = "" if verbose else " (-v shows them)"
    click.echo(f"{', '.join(parts)}; {count(counts.ok, 'check')} passed{more}")


def _merged(findings: Iterable[Finding]) -> Iterable[Finding]:
    """What is wrong with several things in the same way is said once."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.check, finding.message, finding.advice), []).append(finding)
    for each in alike.values():
        subjects = dict.fromkeys(finding.subject for finding in each)
        yield msgspec.structs.replace(each[0], subject=", ".join(subjects))


def _print(finding: Finding, width: int) -> None:
    mark, colour = _MARKS[finding.severity]
    head = f"{finding.subject}: "
    text = textwrap.wrap(head + finding.message, width - len(_INDENT), break_long_words=False, break_on_hyphens=False)
    bold, rest = text[0][: len(head)], text[0][len(head) :]
    click.echo(f"{click.style(mark, fg=colour, bold=True)} {click.style(bold, bold=True)}{rest}")
    for line in text[1:]:
        click.echo(_INDENT + line)
    advice = textwrap.wrap(finding.advice, width - 4, break_long_words=False, break_on_hyphens=False)
    for index, line in enumerate(advice):
        click.echo(f"  {'→' if index == 0 else ' '} {line}")
    click.echo()


def print_json(found: Examination) -> None:
    """One object: who was asked, every finding, and how many of each severity."""
    caller = found.caller
    report = _Report(
        caller.account, caller.arn, caller.region, caller.endpoint, caller.emulator, found.findings, _counts(found)
    )
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))


def _counts(found: Examination) -> _Counts:
    by = Counter(str(finding.severity) for finding in found.findings)
    return _Counts(by["error"], by["warning"], by["unknown"], by["ok"])
