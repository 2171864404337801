"""What the command line reads from a running worker: its snapshot (`turnout top`) and its messages (`turnout tail`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec
from aiohttp import web

from turnout.service.http import Handler, Pages
from turnout.service.routed import Routed
from turnout.service.tap import Tap, TooManyWatchers, Watched
from turnout.service.view import View

__all__ = ["MOST_PER_SECOND", "Feeds"]

MOST_PER_SECOND = 1_000.0
_QUIET_SECONDS = 5.0
"""After so long without a message an empty line is written: only writing tells that the reader has gone."""

_TAKING_SECONDS = 30.0
"""For how long a reader may take nothing of what is written to it; then others may have its place."""


class Feeds(Pages):
    """`/status.json` and `/tail`. Without a tap (a supervisor has none) nothing can be tailed.

    `redact` takes out of sentences what nobody should read.
    """

    def __init__(self, view: View, redact: Callable[[str], str], tap: Tap | None = None) -> None:
        self.routes: Sequence[tuple[str, str, Handler]] = (
            ("GET", "/status.json", self._status),
            ("GET", "/tail", self._tail),
        )
        self._view = view
        self._redact = redact
        self._tap = tap

    async def _status(self, _: web.Request) -> web.Response:
        snapshot = await self._view.snapshot()
        letters = tuple(
            msgspec.structs.replace(
                letter, message=self._redact(letter.message), event_id=self._redact(letter.event_id)
            )
            for letter in snapshot.recent_letters
        )
        body = msgspec.json.encode(msgspec.structs.replace(snapshot, recent_letters=letters))
        return web.Response(body=body, content_type="application/json")

    async def _tail(self, request: web.Request) -> web.StreamResponse:
        """Lines of JSON (`turnout.service.routed.Routed`) until the reader goes away; empty ones mean nothing."""
        if self._tap is None:
            text = "a supervisor of several workers cannot tail them; run one process to watch messages\n"
            return web.Response(status=501, text=text)
        watched = _watched(request)
        if watched is None:
            return web.Response(status=400, text=f"per_second must be a number from 0.1 to {MOST_PER_SECOND:g}\n")
        if watched.bodies and not self._tap.bodies_allowed:
            text = "bodies are not shown here; whoever runs the worker may allow it with TURNOUT_HTTP_BODIES=true\n"
            return web.Response(status=403, text=text)
        if request.method == "HEAD":  # nothing is written to it, so it would never be seen to have gone
            return web.Response(content_type="application/x-ndjson")
        answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        try:
            with self._tap.watching(watched) as records:
                await answer.prepare(request)
                await _write_lines(answer, records)
        except ConnectionError:  # the reader went away, which is how this ends
            return answer
        except TimeoutError:  # it reads no more, or is gone without a word
            if request.transport is not None:
                request.transport.abort()  # not closed: that would wait for it to read the rest
            return answer
        except TooManyWatchers:
            return web.Response(status=503, text="as many are watching as may; try again later\n")


async def _write_lines(answer: web.StreamResponse, records: asyncio.Queue[Routed]) -> NoReturn:
    """Write records as they come, for ever. Raises `TimeoutError` when the reader takes nothing."""
    while True:
        try:
            async with asyncio.timeout(_QUIET_SECONDS):
                line = msgspec.json.encode(await records.get())
        except TimeoutError:
            line = b""
        async with asyncio.timeout(_TAKING_SECONDS):
            await answer.write(line + b"\n")


def _watched(request: web.Request) -> Watched | None:
    """What is asked for; None when it makes no sense."""
    query = request.query
    try:
        per_second = float(query.get("per_second", "10"))
    except ValueError:
        return None
    if not 0.1 <= per_second <= MOST_PER_SECOND:
        return None
    return Watched(query.get("queue", ""), query.get("rule", ""), per_second, query.get("bodies") == "true")
