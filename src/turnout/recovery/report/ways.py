"""By what letters are delivered, if by anything: what a command can do with one, it cannot do with another.

Letters of one cause may come from several places. A retry leaves alone what no target is owed, and a replay to the
source queue would route anew what is owed elsewhere: commands must not take the one for the other.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from enum import StrEnum

from turnout.recovery.causes import Cause, CauseTable, Disposition
from turnout.recovery.deliver.address import sourced
from turnout.recovery.deliver.requesting import replay_id
from turnout.recovery.letter import Letter, Payload

__all__ = ["Way", "advice", "is_owed_to", "travels", "way_of"]

_CHOOSE = "choose, with --to-target, --to-queue or --to-url"
_WITHOUT_EVENT = (
    "A pointer to the event, or a part of it, is all that there is: nothing here can deliver it. Find the event at its "
    "source."
)
_ARCHIVED = (
    "What nothing delivers as it is, is archived already: have the producer, or the transformation before the target, "
    "repaired."
)


class Way(StrEnum):
    """How an event can come to where it is to be."""

    OWED = "owed"
    """A retry delivers it to what it is owed."""
    SOURCE = "source"
    """No target is owed; a replay sends it to the queue it came from."""
    API = "api"
    """The API that lists it publishes it again, by its id."""
    UNSAID = "unsaid"
    """Turnout's targets may have it already, nobody knows which: only a chosen one gets it."""
    NOWHERE = "nowhere"
    """Nothing says where it was to go: only a chosen place gets it."""
    NONE = "none"
    """The letter does not carry it."""

    @property
    def chosen(self) -> bool:
        """Whether somebody has to choose where it goes."""
        return self in (Way.UNSAID, Way.NOWHERE)


_NOT_SAID = {
    Way.NOWHERE: f"Nothing says where to send it: {_CHOOSE}.",
    Way.UNSAID: f"Nothing says which targets have it already: {_CHOOSE}; what you choose may get it twice.",
}


def way_of(letter: Letter, *, listed: bool = False) -> Way:
    """The way of a letter; `listed` when it was read from an API of failed events."""
    if letter.payload is not Payload.WHOLE and not (listed and replay_id(letter)):
        return Way.NONE
    if listed:
        return Way.API
    if letter.delivery is not None:
        return Way.OWED
    if letter.done_unknown:
        return Way.UNSAID
    return Way.SOURCE if sourced(letter) is not None else Way.NOWHERE


def travels(way: Way, origins: Collection[str] = ()) -> str:
    """The `--where` by which letters go this way, of those that carry their event; of one that `origins` name.

    `@target` is empty for what a target of Turnout is owed, too, so that `@owed` is asked as well.
    """
    match way:
        case Way.OWED:
            return '(@target != "" or len(@owed) > 0)'
        case Way.SOURCE:
            came = " or ".join(f"contains(@chain, {json.dumps(each)})" for each in sorted(origins))
            return f'@target == "" and len(@owed) == 0 and {f"({came})" if len(origins) > 1 else came}'
        case Way.UNSAID:
            return '@target == "" and len(@owed) == 0 and contains(@chain, "turnout")'
        case Way.NOWHERE:
            others = " or ".join(f'contains(@chain, "{each}")' for each in ("turnout", "sqs-redrive", "lambda-record"))
            return f'@target == "" and len(@owed) == 0 and not ({others})'
        case Way.API:
            return '(@payload == "whole" or @event_id != "")'
        case Way.NONE:
            return '@payload != "whole"'


def advice(causes: CauseTable, cause: Cause, disposition: Disposition, way: Way, *, archived: bool = False) -> str:
    """What to do next with letters of this way, in sentences: for their cause, and for what the way lacks.

    `archived` when they were read from the archive, into which they cannot be put again.
    """
    if way is Way.NONE:
        return _WITHOUT_EVENT if archived else f"{_WITHOUT_EVENT[:-1]}, then archive the letter."
    if archived and disposition is Disposition.PERMANENT:
        return _ARCHIVED
    said = causes.advice(cause)
    if way.chosen and disposition in (Disposition.TRANSIENT, Disposition.NEEDS_FIX):
        return f"{said} {_NOT_SAID[way]}".strip()
    return said


def is_owed_to(target: str, letter: Letter) -> str:
    """The `--where` by which letters like this one are owed to just this target, whatever else has its name."""
    name = json.dumps(target)
    if letter.delivery is not None and letter.delivery.owed:
        return f'@target == "" and contains(@owed, {name})'
    return f"@target == {name}"
