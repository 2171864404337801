"""The Lambda function that follows conversations: `turnout.serverless.conversations.handler`, for batches of a queue.

It knows `conversation.started` and `conversation.updated`, as in-house events call it, and Genesys's own topics that
say the same. For each it looks the conversation up and writes one line to the log; a look-up that may succeed later, or
once a secret or a role is repaired, keeps the message. Every other type succeeds and is counted. It is a place to begin
from: `FOLLOWERS` says who follows what.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from turnout.errors import Fault
from turnout.genesys.config import load_genesys_config
from turnout.genesys.conversations import Presence
from turnout.genesys.session import Genesys, open_genesys
from turnout.recovery.letter import Letter
from turnout.recovery.reading import read_letter
from turnout.serverless.container import Container
from turnout.serverless.events import Context, Response, messages_of, partial_response, seconds_left
from turnout.serverless.log import begin_log, naming_request
from turnout.serverless.measuring import counted_lines, print_lines
from turnout.serverless.telling import Teller

__all__ = ["FOLLOWERS", "Follower", "handler", "kind_of", "open_follower"]

log = logging.getLogger(__name__)

STARTED, UPDATED = "conversation.started", "conversation.updated"

_TOPIC = re.compile(r"v2\.detail\.events\.conversation\.[^.]+\.(.+)")
_STARTS = ("customer.start",)

Follow = Callable[[Genesys, Letter, float], Awaitable[bool]]
"""Follow one event within so many seconds; whether its message is done with."""


async def _look_up(genesys: Genesys, letter: Letter, seconds: float) -> bool:
    found = await Teller(genesys).correlate(letter, seconds)
    if found is None:
        return not letter.conversation_id  # no id, nothing to look up; else there was no time
    if found.presence is Presence.NOT_YET:
        return False
    # Of what Genesys refuses only the event's own fault is for good: a secret or a role can be repaired.
    if found.error is not None and found.error.fault is not Fault.DATA:
        return False
    conversation = found.conversation
    log.info(
        "%s: %s",
        kind_of(letter.event_type),
        found.presence,
        extra={
            "event_id": letter.event_id,
            "conversation_id": letter.conversation_id,
            "media_types": list(conversation.media_types) if conversation else [],
            "participants": len(conversation.participants) if conversation else 0,
        },
    )
    return True


FOLLOWERS: Mapping[str, Follow] = {STARTED: _look_up, UPDATED: _look_up}
"""What is done for each kind of event."""


def kind_of(event_type: str) -> str:
    """The kind of an event by its `detail-type`; empty for one that nobody follows."""
    if event_type in FOLLOWERS:
        return event_type
    topic = _TOPIC.fullmatch(event_type)
    if topic is None:
        return ""
    return STARTED if topic[1] in _STARTS else UPDATED


class Follower:
    """Follows the events of one call, one after the other; of a FIFO queue none of a group after one that must stay."""

    def __init__(self, genesys: Genesys) -> None:
        self._genesys = genesys

    async def follow(self, event: object, left: Callable[[], float]) -> tuple[list[str], Counter[str]]:
        """The ids of messages that are to stay, and how many events there were of each kind."""
        failed: list[str] = []
        stopped: set[str] = set()
        kinds: Counter[str] = Counter()
        for message in messages_of(event, ()):
            group = message.lane
            if group in stopped:
                failed.append(message.id)
                continue
            letter = read_letter(message)
            kind = kind_of(letter.event_type)
            kinds[kind or "unknown"] += 1
            if kind and not await self._safely(FOLLOWERS[kind], letter, left()):
                failed.append(message.id)
                if group:
                    stopped.add(group)
        return failed, kinds

    async def _safely(self, follow: Follow, letter: Letter, seconds: float) -> bool:
        """Whether the event is done with. A failure of one is no other's."""
        try:
            return await follow(self._genesys, letter, seconds)
        except Exception:
            log.exception("following failed, please report this", extra={"message_id": letter.id})
            return False


@asynccontextmanager
async def open_follower() -> AsyncIterator[Follower]:
    """A follower as the environment says. Raises `SettingsError`."""
    begin_log()
    async with open_genesys(load_genesys_config()) as genesys:
        yield Follower(genesys)


def handler(event: Any, context: Context) -> Response:
    """Follow the events of one call; the answer names the messages that are to stay in the queue."""

    async def work(follower: Follower) -> Response:
        failed, kinds = await follower.follow(event, lambda: seconds_left(context) - 1.0)
        print_lines(counted_lines("turnout.conversations", "kind", kinds))
        return partial_response(failed)

    with naming_request(context):
        return _container.run(work)


_container = Container(open_follower)
_container.open_early()
