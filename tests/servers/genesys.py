"""A stub of Genesys Cloud and of the API that tutorials show, as strict as the facts say. Loopback only.

It logs clients in, counts requests per token and tells of it in headers, lets tokens expire, refuses bodies that the
real API would refuse, and shifts pages. What goes wrong next is queued in `faults` and `login_faults`. Both profiles
are served at once: their paths differ. Serve it in the test's own event loop (`serving`) or in a thread (`running`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web

CLIENT_ID = "5f6f8b1e-1d5e-4c53-9a0c-8f7a3d3f0001"
CLIENT_SECRET = "Ygz-stub+secret/with=odd&characters"

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Seen(NamedTuple):
    """A request as it came, but for its token."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at: float


class Stub:
    """The state of the stub: what it knows, what it saw, and what it does wrong next."""

    def __init__(self, *, allowed: int = 300, window_seconds: float = 60.0, token_seconds: float = 86_400) -> None:
        self.url = ""
        self.allowed = allowed
        self.window_seconds = window_seconds
        self.token_seconds = token_seconds

        self.conversations: dict[str, dict[str, Any]] = {}
        """What analytics knows, by id."""
        self.only_by_query: set[str] = set()
        self.live: dict[str, dict[str, Any]] = {}
        """What `GET /api/v2/conversations/{id}` knows."""
        self.attributes: dict[tuple[str, str], dict[str, str]] = {}
        self.interactions: dict[str, dict[str, Any]] = {}
        self.failed_events: dict[str, list[dict[str, Any]]] = {}
        self.replayed: list[list[str]] = []
        self.after_page: Callable[[], None] = lambda: None
        """Called after each page: shift the list here."""

        self.seen: list[Seen] = []
        self.logins = 0
        self.login_bodies: list[dict[str, str]] = []
        self.issued: list[str] = []
        self.faults: deque[Answering] = deque()
        self.login_faults: deque[Answering] = deque()
        self.login_delay = 0.0
        self._valid_until: dict[str, float] = {}
        self._windows: dict[str, tuple[float, int]] = {}

    def expire_tokens(self) -> None:
        """Whatever was issued is refused from now on."""
        self._valid_until.clear()

    def paths(self) -> list[str]:
        """Method and path of every request but logins."""
        return [f"{one.method} {one.path}" for one in self.seen]

    def app(self) -> web.Application:
        """The server."""
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/oauth/token", self._log_in)
        app.router.add_get("/api/v2/analytics/conversations/details", self._details_of_many)
        app.router.add_get("/api/v2/analytics/conversations/{id}/details", self._details)
        app.router.add_post("/api/v2/analytics/conversations/details/query", self._query)
        app.router.add_get("/api/v2/conversations/{id}", self._live)
        app.router.add_put("/api/v2/conversations/{id}/tags", self._tag)
        app.router.add_patch("/api/v2/conversations/{id}/participants/{participant}/attributes", self._attributes)
        app.router.add_get("/api/v2/analytics/event-bridge/failed-events/{subscription}", self._failed_events)
        app.router.add_post("/api/v2/analytics/event-bridge/replay", self._replay)
        app.router.add_get("/api/v2/interactions/{id}", self._interaction)
        app.router.add_patch("/api/v2/interactions/{id}", self._patch_interaction)
        app.router.add_post("/analytics/conversations/details/query", self._tutorial_query)
        return app

    # ------------------------------------------------------------------------------------------ login and rate limit

    @property
    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Answering) -> web.StreamResponse:
            if request.path == "/oauth/token":
                return await handler(request)
            text = await request.text()
            body = json.loads(text) if text else None
            self.seen.append(Seen(request.method, request.path, dict(request.query), body, time.monotonic()))
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if time.monotonic() >= self._valid_until.get(token, 0.0):
                return error(401, "bad.credentials", "Invalid login credentials.")
            headers, refused = self._count(token)
            if refused is not None:
                return refused
            answer = await (self.faults.popleft()(request) if self.faults else _handled(handler, request))
            if not answer.prepared:
                answer.headers.extend(headers)
            return answer

        return guard

    def _count(self, token: str) -> tuple[Mapping[str, str], web.Response | None]:
        now = time.monotonic()
        ends, count = self._windows.get(token, (0.0, 0))
        if now >= ends:
            ends, count = now + self.window_seconds, 0
        self._windows[token] = ends, count + 1
        left = max(1, round(ends - now + 0.5))
        headers = {
            "inin-ratelimit-count": str(min(count + 1, self.allowed)),
            "inin-ratelimit-allowed": str(self.allowed),
            "inin-ratelimit-reset": str(left),
        }
        if count < self.allowed:
            return headers, None
        return headers, too_many(left, headers)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self.logins += 1
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self.login_bodies.append(form)
        if self.login_delay:
            await asyncio.sleep(self.login_delay)
        if self.login_faults:
            return await self.login_faults.popleft()(request)
        if (
            request.content_type != "application/x-www-form-urlencoded"
            or form.get("grant_type") != "client_credentials"
        ):
            return web.json_response({"error": "unsupported_grant_type", "description": "no such grant"}, status=400)
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        pair = base64.b64decode(given).decode() if given else f"{form.get('client_id')}:{form.get('client_secret')}"
        if pair != f"{CLIENT_ID}:{CLIENT_SECRET}":
            # A careless server: it repeats what it was given.
            return web.json_response(
                {"error": "invalid_client", "description": f"client not found: {pair} {given}"}, status=400
            )
        token = f"stub-token-{len(self.issued)}-{'x' * 40}"
        self.issued.append(token)
        self._valid_until[token] = time.monotonic() + self.token_seconds
        return web.json_response({"access_token": token, "token_type": "bearer", "expires_in": self.token_seconds})

    # -------------------------------------------------------------------------------------------------- Genesys Cloud

    async def _details(self, request: web.Request) -> web.StreamResponse:
        id_ = request.match_info["id"]
        if id_ not in self.conversations or id_ in self.only_by_query:
            return error(404, "not.found", f"Conversation {id_} was not found.")
        return web.json_response(self.conversations[id_])

    async def _details_of_many(self, request: web.Request) -> web.StreamResponse:
        ids = request.query.get("id", "").split(",")
        if len(ids) > 100:
            return error(400, "bad.request", "Too many ids.")
        found = [self.conversations[id_] for id_ in ids if id_ in self.conversations and id_ not in self.only_by_query]
        return web.json_response({"conversations": found} if found else {})

    async def _query(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        known = {"interval", "order", "orderBy", "conversationFilters", "segmentFilters", "paging"}
        if set(body) - known or "interval" not in body:
            return error(400, "bad.request", f"Unrecognized field(s) {sorted(set(body) - known)} or no interval.")
        start, _, end = body["interval"].partition("/")
        if not start < end or "T" not in start:
            return error(400, "bad.request", "The interval is invalid.")
        paging = body.get("paging", {})
        size, number = paging.get("pageSize", 25), paging.get("pageNumber", 1)
        if not 1 <= size <= 100 or number < 1:
            return error(400, "bad.request", "The paging is invalid.")
        wanted = {
            predicate["value"]
            for one in body.get("conversationFilters", [])
            for predicate in one["predicates"]
            if predicate["dimension"] == "conversationId" and predicate["operator"] == "matches"
        }
        found = [
            one
            for id_, one in self.conversations.items()
            if (not wanted or id_ in wanted) and start <= one["conversationStart"] < end
        ]
        page = found[(number - 1) * size : number * size]
        self.after_page()
        return web.json_response({"conversations": page, "totalHits": len(found)} if page else {})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        found = self.live.get(request.match_info["id"])
        return web.json_response(found) if found is not None else error(404, "not.found", "Conversation not found.")

    async def _tag(self, request: web.Request) -> web.StreamResponse:
        found = self.live.get(request.match_info["id"])
        body = await request.json()
        if found is None:
            return error(404, "not.found", "Conversation not found.")
        if set(body) != {"externalTag"} or not isinstance(body["externalTag"], str):
            return error(400, "bad.request", "An externalTag is needed.")
        found["externalTag"] = body["externalTag"]
        return web.json_response(body)

    async def _attributes(self, request: web.Request) -> web.StreamResponse:
        id_, participant = request.match_info["id"], request.match_info["participant"]
        attributes = (await request.json()).get("attributes")
        if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
            return error(400, "bad.request", "Attributes are a flat map of strings.")
        if id_ not in self.live:
            return error(404, "not.found", "Conversation not found.")
        self.attributes.setdefault((id_, participant), {}).update(attributes)
        return web.Response(status=202)

    # ------------------------------------------------------------------------------------------------- the tutorials'

    async def _failed_events(self, request: web.Request) -> web.StreamResponse:
        events = self.failed_events.get(request.match_info["subscription"])
        if events is None:
            return error(404, "not.found", "No such subscription.")
        limit, offset = int(request.query["limit"]), int(request.query["offset"])
        page = events[offset : offset + min(limit, 100)]
        self.after_page()
        return web.json_response({"entities": page})

    async def _replay(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        ids = body["eventIds"]
        if set(body) != {"subscriptionId", "eventIds"} or not 0 < len(ids) <= 100 or len(set(ids)) != len(ids):
            return error(400, "bad.request", "1 to 100 distinct ids are needed.")
        self.replayed.append(ids)
        return web.Response(status=202)

    async def _interaction(self, request: web.Request) -> web.StreamResponse:
        found = self.interactions.get(request.match_info["id"])
        return web.json_response(found) if found is not None else error(404, "not.found", "No such interaction.")

    async def _patch_interaction(self, request: web.Request) -> web.StreamResponse:
        found = self.interactions.get(request.match_info["id"])
        if found is None:
            return error(404, "not.found", "No such interaction.")
        system = (await request.json())["attributes"]["system"]
        known = {"retrying", "replay_successful", "replay_failed", "exhausted_retries"}
        if set(system) != {"retryAttempt", "retryStatus"} or system["retryStatus"] not in known:
            return error(400, "bad.request", "Unknown status.")
        found.setdefault("attributes", {})["system"] = system
        return web.json_response(found)

    async def _tutorial_query(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if set(body) != {"dateFrom", "dateTo", "filterBy", "pageSize", "page"}:
            return error(400, "bad.request", "Unknown fields.")
        wanted = {one["value"] for one in body["filterBy"] if one["type"] == "conversationId"}
        found = [one for id_, one in self.interactions.items() if id_.split("#")[0] in wanted]
        first = (body["page"] - 1) * body["pageSize"]
        page = found[first : first + body["pageSize"]]
        self.after_page()
        count = -(-len(found) // body["pageSize"])
        return web.json_response({"totalCount": len(found), "pageCount": count, "entities": page})


# ------------------------------------------------------------------------------------------------------------- answers


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An ErrorBody as Genesys sends it."""
    body = {"message": message, "code": code, "status": status, "contextId": "c0ffee-1", "details": [], "errors": []}
    return web.json_response(body, status=status, headers={"ININ-Correlation-Id": "c0ffee-1", **(headers or {})})


def too_many(seconds: float, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer to whoever asks too often."""
    return error(
        429,
        "too.many.requests.retry.after",
        f"Rate limit exceeded the maximum. Retry the request in [{seconds}] seconds",
        {"Retry-After": str(seconds), **(headers or {})},
    )


def answering(status: int = 200, body: str = "", *, kind: str = "text/html", **headers: str) -> Answering:
    """A fault: this answer, whatever was asked. In names of headers, `_` stands for `-`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, content_type=kind, headers=named)

    return answer


def refusing(seconds: float) -> Answering:
    """A fault: 429 with Retry-After."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return too_many(seconds)

    return answer


def dropping() -> Answering:
    """A fault: the connection is lost after the request arrived."""

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return answer


def stalling(seconds: float, then: str = "{}") -> Answering:
    """A fault: nothing is said for a while."""

    async def answer(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response(text=then, content_type="application/json")

    return answer


def trickling(pause: float, pieces: int) -> Answering:
    """A fault: an answer that comes byte by byte."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for _ in range(pieces):
                await response.write(b" ")
                await asyncio.sleep(pause)
        return response

    return answer


async def _handled(handler: Answering, request: web.Request) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        # No such route: what a web server says, not what the API says.
        return web.Response(status=404, text="<html><h1>404 Not Found</h1></html>", content_type="text/html")


# ------------------------------------------------------------------------------------------------------------- serving


@contextlib.asynccontextmanager
async def serving(stub: Stub) -> AsyncIterator[Stub]:
    """Serve in the running event loop; `stub.url` says where."""
    runner = web.AppRunner(stub.app(), shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        stub.url = f"http://{host}:{port}"
        yield stub
    finally:
        await runner.cleanup()


@contextlib.contextmanager
def running(stub: Stub) -> Iterator[Stub]:
    """Serve in a thread, for tests of commands."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with serving(stub):
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()
            ready.set()

    thread = threading.Thread(target=run, name="genesys-stub")
    thread.start()
    try:
        assert ready.wait(10)
        assert stub.url, "the stub did not start"
        yield stub
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(10)
