"""A report as Markdown, to be pasted into a ticket or a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from turnout.recovery.report import words
from turnout.recovery.report.model import Health, Report, Sample, Share
from turnout.recovery.report.shares import lists

__all__ = ["render_markdown"]

_MOST_ROWS = 10
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render_markdown(report: Report) -> str:
    """The report. What comes from letters is escaped: it cannot become markup."""
    lines = [f"# {words.letters(report.total)} in {_text(report.source)}", ""]
    facts = [report.selection and _text(report.selection), words.instant(report.generated_at)]
    facts.append("personal data is hidden" if report.redacted else "**contains personal data**")
    lines += [" · ".join(filter(None, facts)), ""]
    for caveat in report.caveats:
        lines += [f"**{_text(caveat)}**", ""]
    if report.total:
        lines += [_glance(report), ""]
        lines += ["## What to do next", ""]
        for number, step in enumerate(report.steps, 1):
            lines += [f"{number}. **{_text(step.title)}.** {_text(step.advice)}", ""]
            lines += [*(f"   {line}" for line in _code("\n".join(step.commands), "sh")), ""]
        lines += ["## Why they failed", "", "| Cause | Disposition | Letters | Where | Said most often |"]
        lines.append("|---|---|---:|---|---|")
        for group in report.groups:
            where = ", ".join(_text(words.short(target.name)) for target in group.targets[:3]) or words.NOTHING
            error = _text(group.error) or words.NOTHING
            lines.append(f"| {group.cause} | {group.disposition} | {group.count:,} | {where} | {error} |")
        lines.append("")
        for title, shares in (*lists(report), ("Conversations looked up", report.correlations)):
            lines += _table(title, shares)
    if report.health is not None and report.health.total:
        lines += _health(report.health)
    for sample in report.samples:
        lines += _sample(sample)
    lines += [f"- {_text(note)}" for note in report.notes]
    return "\n".join(lines).rstrip() + "\n"


def _glance(report: Report) -> str:
    said = [f"**{each.count:,}** {each.words}" for each in report.outlook]
    oldest = f"; the oldest failed {words.instant(report.oldest)}" if report.oldest else ""
    return ", ".join(said) + oldest + "."


def _table(title: str, shares: Sequence[Share]) -> list[str]:
    if not shares:
        return []
    lines = [f"| {title} | Letters |", "|---|---:|"]
    lines += [f"| {_text(share.name)} | {share.count:,} |" for share in shares[:_MOST_ROWS]]
    if len(shares) > _MOST_ROWS:
        rest = shares[_MOST_ROWS:]
        lines.append(f"| {len(rest):,} more | {sum(share.count for share in rest):,} |")
    return [*lines, ""]


def _health(health: Health) -> list[str]:
    lines = ["## What became of them", "", "| Status | Letters | |", "|---|---:|---|"]
    lines += [f"| {share.name} | {share.count:,} | {words.STATUSES.get(share.name, '')} |" for share in health.statuses]
    known = f"{words.letters(health.total)} known, {words.unsettled(health.open, health.gone)}."
    known += f" {words.worked(health.success_rate)}"
    return [*lines, "", known.rstrip(), ""]


def _sample(sample: Sample) -> list[str]:
    facts = [sample.origin, sample.event_type, sample.target, sample.code, sample.error, *sample.notes]
    lines = [f"### {sample.cause} ({sample.disposition})", ""]
    lines += [f"Letter `{sample.id.replace('`', '')}`: {' · '.join(_text(fact) for fact in facts if fact)}", ""]
    return [*lines, *_code(sample.body, "json"), ""] if sample.body else lines


def _code(text: str, language: str) -> Iterable[str]:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.splitlines(), fence]


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
