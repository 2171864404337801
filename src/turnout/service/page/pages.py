"""Answers requests for the status page: the page, explanations of events, style and script.

The page is complete as it comes from here. The script asks for it again every other second and exchanges the parts that
change, so that there is one template and no second form of the data.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from importlib.resources import files

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from turnout.rules.explain.event import EventExplanation, explain_event
from turnout.service.history import History
from turnout.service.http import Handler, Pages
from turnout.service.page.content import Content, content
from turnout.service.summary import number
from turnout.service.view import NotAnswering, View

__all__ = ["StatusPages"]

log = logging.getLogger(__name__)

_SAMPLE_SECONDS = 2.0
_PASTE_SECONDS = 20.0
"""How long an event may be on its way here."""
_EXPLAIN_SECONDS = 5.0
"""After so long no further rule is explained: it is the worker's own process that explains."""
_LONGEST_FILTER = 100
_EXAMPLE = '{"id": "1", "detail-type": "...", "detail": {}}'


class StatusPages(Pages):
    """The page of one view. `redact` takes out of sentences what nobody should read."""

    def __init__(self, view: View, redact: Callable[[str], str]) -> None:
        self.routes: Sequence[tuple[str, str, Handler]] = (
            ("GET", "/", self._page),
            ("POST", "/explain", self._explain),
            ("GET", "/page.css", _static("page.css", "text/css")),
            ("GET", "/page.js", _static("page.js", "text/javascript")),
        )
        self._view = view
        self._redact = redact
        self._history = History()
        self._sampling: asyncio.Task[None] | None = None
        self._explaining = asyncio.Lock()
        self._templates = Environment(
            loader=PackageLoader("turnout.service.page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters["number"] = number

    async def start(self) -> None:
        """Begin to take samples, so that there are rates when somebody looks."""
        self._sampling = asyncio.create_task(self._sample(), name="status-samples")

    async def stop(self) -> None:
        """Stop taking samples."""
        if self._sampling is not None:
            self._sampling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sampling

    async def _sample(self) -> None:
        while True:
            try:
                self._history.add(await self._view.snapshot())
            except NotAnswering:
                pass
            except Exception:  # a defect of ours costs one sample: nobody would notice that there are no more
                log.exception("no sample for the status page, please report this")
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def _content(self, request: web.Request) -> Content:
        silent = ""
        try:
            snapshot = await self._view.snapshot()
        except NotAnswering as error:
            if self._history.last is None:
                raise
            snapshot, silent = self._history.last, str(error)
        return content(
            snapshot,
            self._history,
            self._view.ruleset,
            silent=silent,
            wanted=request.query.get("rules", "")[:_LONGEST_FILTER],
            redact=self._redact,
        )

    async def _page(self, request: web.Request) -> web.Response:
        return self._html("page.html", page=await self._content(request), body="", explanation=None)

    async def _explain(self, request: web.Request) -> web.Response:
        """Explain a pasted event: alone for the script, within the page for browsers without it."""
        try:
            async with asyncio.timeout(_PASTE_SECONDS):
                form = await request.post()
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except web.HTTPException:
            raise
        except Exception:  # noqa: BLE001 - aiohttp has no one error for what is no form, or ends too early
            raise web.HTTPBadRequest from None
        body = form.get("event", "")
        if not isinstance(body, str):
            raise web.HTTPBadRequest
        # One at a time, in a thread: thousands of rules take a while, and probes must be answered meanwhile.
        async with self._explaining:
            explanation = await asyncio.to_thread(self._explained, body)
        if form.get("alone"):
            return self._html("explanation.html", explanation=explanation)
        return self._html("page.html", page=await self._content(request), body=body, explanation=explanation)

    def _explained(self, body: str) -> EventExplanation:
        return explain_event(self._view.ruleset, body, seconds=_EXPLAIN_SECONDS)

    def _html(self, name: str, **values: object) -> web.Response:
        text = self._templates.get_template(name).render(values, example=_EXAMPLE)
        return web.Response(text=text, content_type="text/html")


def _static(name: str, content_type: str) -> Handler:
    text = (files(__package__) / "static" / name).read_text(encoding="utf-8")

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=text, content_type=content_type)

    return handler
