"""What a report says, as plain records. How it is found out is in `build`, how it looks in the renderers.

Texts are as they are shown: redacted already. Times are in UTC.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from turnout.recovery.causes import Disposition
from turnout.rules.model import Json

__all__ = [
    "Age",
    "Diagnosis",
    "Group",
    "Health",
    "Interaction",
    "Outlook",
    "Report",
    "Sample",
    "Share",
    "Step",
    "Timeline",
]


class Share(msgspec.Struct, frozen=True):
    """One value and how many letters have it. Of lists of shares the largest is the first."""

    name: str
    count: int


class Outlook(msgspec.Struct, frozen=True):
    """How many letters can be helped in the same way. Every letter is in one of them."""

    name: str
    words: str
    """What is said of them, behind their number."""
    count: int
    disposition: Disposition | None
    """None of letters without the event, which nothing helps, whatever would have, and of those that need no help."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """The letters of one cause and disposition."""

    cause: str
    disposition: Disposition
    count: int
    oldest: datetime | None
    newest: datetime | None
    targets: tuple[Share, ...]
    """Where they did not arrive; a letter owed to two targets counts for both."""
    error: str
    """What is said most often, in the words of whoever said it."""
    because: str
    """Which row of the table of causes decided, for the first of them."""


class Timeline(msgspec.Struct, frozen=True):
    """How many letters failed when: for each cause one count per step, beginning at `start`."""

    start: datetime
    step_seconds: int
    causes: tuple[tuple[str, tuple[int, ...]], ...]
    """The most frequent cause first."""
    undated: int = 0
    """Letters that nothing dates."""

    @property
    def steps(self) -> int:
        """How many steps there are, at least one."""
        return len(self.causes[0][1]) if self.causes else 0

    @property
    def totals(self) -> tuple[int, ...]:
        """All causes together, per step."""
        return tuple(map(sum, zip(*(counts for _, counts in self.causes), strict=True)))


class Age(msgspec.Struct, frozen=True):
    """Letters not older than a limit, and older than the limit before. `limit_seconds` None: the rest."""

    label: str
    limit_seconds: int | None
    count: int


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger tells of all letters it knows of a queue, those that are gone from it included."""

    total: int
    statuses: tuple[Share, ...]
    categories: tuple[Share, ...]
    """By disposition."""
    event_types: tuple[Share, ...]
    delivered: int
    """Retried or replayed with success."""
    failed: int
    """Whose last retry, replay or archiving failed, those that were then parked included."""
    archived: int
    open: int
    """Neither delivered nor archived nor resolved in another way."""
    gone: int = 0
    """Of these, how many are in their queue no more for sure: it keeps no letter for so long."""
    success_rate: float | None
    """Of letters that something was tried with, the part with which it worked, 0 to 1. None when nothing was tried."""
    seconds: float | None
    """From when the first of them was seen until the last change. None when there are none."""


class Step(msgspec.Struct, frozen=True):
    """Something to do next: what it is about, what to do, and the commands for it in order."""

    title: str
    advice: str
    commands: tuple[str, ...]
    count: int
    disposition: Disposition


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One letter, to look at."""

    id: str
    cause: str
    disposition: Disposition
    origin: str
    event_type: str
    event_id: str
    conversation_id: str
    failed: datetime | None
    target: str
    code: str
    error: str
    status: str
    notes: tuple[str, ...]
    body: str
    """JSON over several lines, cut when it is long; empty when the letter does not carry it."""


class Interaction(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about the conversation of a letter. `presence` is `found`, `not_yet`, `absent` or `failed`."""

    id: str
    presence: str
    channels: tuple[str, ...] = ()
    started_at: str = ""
    ended_at: str = ""
    direction: str = ""
    participants: tuple[str, ...] = ()
    """Their purposes (`agent`, `customer`, ...), not who they are."""
    error: str = ""


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One letter as `eventbridge_diagnostics.json` of the tutorials lists it, and what else is known."""

    id: str
    timestamp: datetime | None
    interaction_id: str
    event_type: str
    event_id: str
    category: str
    """The tutorials' five."""
    cause: str
    disposition: Disposition
    because: str
    origin: str
    code: str
    error: str
    endpoint: str
    """Where a replay would go: the ARN, or Turnout's names of the targets, that did not get it. Empty: nobody says."""
    payload: Json | msgspec.Raw
    """The original event; its text when it is no JSON; None when the letter does not carry it."""
    payload_redacted: bool
    """True when something in the payload is hidden: not to be replayed then."""
    status: str
    attempts: int
    interaction: Interaction | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A report."""

    generated_at: datetime
    source: str
    """Where the letters were read."""
    selection: str
    """Which of them, in words; empty for all."""
    redacted: bool
    """Whether personal data is hidden."""
    total: int
    oldest: datetime | None
    newest: datetime | None
    incomplete: int
    """Letters that carry no event, or only a part of it: nothing can deliver them."""
    outlook: tuple[Outlook, ...]
    """What can be done with them, at a glance; its counts are those of the steps."""
    conversations: int
    """How many different ones."""
    groups: tuple[Group, ...]
    causes: tuple[Share, ...]
    dispositions: tuple[Share, ...]
    origins: tuple[Share, ...]
    event_types: tuple[Share, ...]
    rules: tuple[Share, ...]
    targets: tuple[Share, ...]
    statuses: tuple[Share, ...]
    timeline: Timeline | None
    ages: tuple[Age, ...]
    health: Health | None
    steps: tuple[Step, ...]
    samples: tuple[Sample, ...]
    records: tuple[Diagnosis, ...]
    correlations: tuple[Share, ...]
    """Looked-up conversations by presence; empty when nobody looked."""
    caveats: tuple[str, ...]
    """What the figures do not say: letters that were not seen, or will not be there for long. To be read first."""
    notes: tuple[str, ...]
    """What else the reader should know about how this was made."""
