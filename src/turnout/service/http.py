"""The worker's HTTP port: probes, metrics, and whatever other routes it is given. Its own thread, its own event loop.

In a thread of its own it answers even while the worker's event loop is blocked, and says so, and nothing that is asked
here holds back a message. aiohttp is the server because aioboto3 needs it anyway: nothing more to install or to load.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import errno
import hmac
import logging
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from turnout.errors import SettingsError
from turnout.service.connections import HEADERS, Connections
from turnout.service.health import Health
from turnout.service.probes import Probes, ViewProbes
from turnout.service.view import NotAnswering, View
from turnout.settings import is_loopback
from turnout.telemetry.prometheus import CONTENT_TYPE, render

__all__ = ["HttpConfig", "Pages", "serving", "serving_probes"]

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_OPEN = frozenset({"/livez", "/readyz", "/metrics"})
"""For probes and scrapers, which come by address and carry no token."""
_LARGEST_REQUEST = 1_200_000
"""A pasted event of 1 MiB, and some."""
_WAITING = 100
"""Connections that the kernel keeps until they are taken."""
_STOP_SECONDS = 1.0
_SHORTEST_TOKEN = 16
"""Guesses are answered as fast as they come."""


class HttpConfig(msgspec.Struct, frozen=True):
    """Where to listen. `port` 0 takes any that is free. `token` is never empty unless `host` is a loopback address."""

    port: int
    host: str = "127.0.0.1"
    token: str = ""

    def __repr__(self) -> str:
        return f"HttpConfig(port={self.port}, host={self.host!r})"


class Pages:
    """Further routes: method, path and handler; one for GET answers HEAD as well.

    `start` and `stop` are called in the server's event loop.
    """

    routes: Sequence[tuple[str, str, Handler]] = ()

    async def start(self) -> None:
        """Called before the first request."""

    async def stop(self) -> None:
        """Called after the last one."""


def serving(config: HttpConfig, view: View, *pages: Pages) -> contextlib.AbstractAsyncContextManager[int]:
    """Serve what a view of workers shows; see `serving_probes`."""
    return serving_probes(config, ViewProbes(view), *pages)


@contextlib.asynccontextmanager
async def serving_probes(config: HttpConfig, probes: Probes, *pages: Pages) -> AsyncIterator[int]:
    """Serve within this context; gives the port.

    Raises `SettingsError` when the port cannot be had.
    """
    server = _Server(config, probes, pages)
    try:
        port = await asyncio.to_thread(server.start)
    except (OSError, UnicodeError) as error:  # the latter for a host that no name can be
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise SettingsError([f"TURNOUT_HTTP_PORT: cannot listen on {config.host} port {config.port}: {why}"]) from None
    if config.token and len(config.token) < _SHORTEST_TOKEN and not is_loopback(config.host):
        log.warning(
            "TURNOUT_HTTP_TOKEN is short enough to be guessed by whoever reaches the port; take %d characters or more, "
            "as 'openssl rand -hex 32' makes them",
            _SHORTEST_TOKEN,
        )
    log.info("status, probes and metrics at http://%s:%d", _in_url(config.host), port)
    try:
        yield port
    finally:
        await asyncio.to_thread(server.stop)


class _Server:
    """The thread and what it serves."""

    def __init__(self, config: HttpConfig, probes: Probes, pages: Sequence[Pages]) -> None:
        self._config = config
        self._probes = probes
        self._pages = pages
        self._thread = threading.Thread(target=self._run, name="turnout-http", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()

    def start(self) -> int:
        """Start the thread and wait until it listens; the port. Raises what binding raises."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self._port

    def stop(self) -> None:
        """Stop listening, give requests under way a moment, end the thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._failure = error
            if self._started.is_set():
                log.exception("the HTTP server has ended, please report this")
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_tell)
        app = web.Application(middlewares=[self._guard], client_max_size=_LARGEST_REQUEST)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        for pages in self._pages:
            for method, path, handler in pages.routes:
                app.router.add_route(method, path, handler)
                if method == "GET":
                    app.router.add_route("HEAD", path, handler)
        app.on_response_prepare.append(_add_headers)
        runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        listener: asyncio.Server | None = None
        try:
            assert runner.server is not None  # noqa: S101 - for the type checker: `setup` has made it
            connect = Connections(runner.server)
            # asyncio tries as often as its backlog says to take a connection for which there is no file descriptor, and
            # each failure is a further try a second later: more and more of them, were it not one.
            listener = await self._loop.create_server(connect, self._config.host, self._config.port, backlog=1)
            if not listener.sockets:  # asyncio of Python 3.11 passes over families that the kernel has not
                raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
            for each in listener.sockets:
                with each.dup() as same:
                    same.listen(_WAITING)
            self._port = listener.sockets[0].getsockname()[1]
            for pages in self._pages:
                await pages.start()
            self._started.set()
            await self._stop.wait()
        finally:
            if listener is not None:
                listener.close()
            for pages in self._pages:
                await pages.stop()
            await runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in who may come in, and answer for what went wrong."""
        try:
            refusal = None if request.path in _OPEN else self._refusal(request)
            answer = refusal or await handler(request)
        except NotAnswering as silence:
            answer = web.Response(status=503, text=f"{silence}\n")
        except web.HTTPException as error:
            allowed = {name: error.headers[name] for name in ("Allow",) if name in error.headers}
            answer = web.Response(status=error.status, text=f"{error.status}: {error.reason}\n", headers=allowed)
        except Exception:  # a defect of ours costs one answer
            log.exception("%s could not be answered, please report this", request.path)
            answer = web.Response(status=500, text="this could not be answered; the log says why\n")
        return answer

    def _refusal(self, request: web.Request) -> web.Response | None:
        # Nothing can be changed here, but to explain a huge event is work, which any page on the internet could order.
        if request.method == "POST" and request.headers.get("Sec-Fetch-Site") == "cross-site":
            return web.Response(status=403, text="forms of other sites are not answered\n")
        token = self._config.token
        if token:
            if _carries(request.headers.get("Authorization", ""), token):
                return None
            return web.Response(
                status=401,
                text="a token is needed: as the password of any user name, or as 'Authorization: Bearer ...'\n",
                headers={"WWW-Authenticate": 'Basic realm="turnout", charset="UTF-8"'},
            )
        # Without a token, a page on the internet could have its own name resolved to this machine and read along.
        try:
            name = urlsplit(f"//{request.host}").hostname or ""
        except ValueError:  # no host at all: a bracket that nothing closes
            name = request.host
        if is_loopback(name):
            return None
        text = f"no token is set, so only localhost is answered; to use the name {name!r} set TURNOUT_HTTP_TOKEN\n"
        return web.Response(status=403, text=text)

    async def _livez(self, _: web.Request) -> web.Response:
        return _verdict(await _judged(self._probes.alive))

    async def _readyz(self, _: web.Request) -> web.Response:
        return _verdict(await _judged(self._probes.ready))

    async def _metrics(self, _: web.Request) -> web.Response:
        text = render(await self._probes.metrics())
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE})


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What goes wrong in the loop itself. That there is nothing left to take a connection with is no defect."""
    error = context.get("exception")
    if isinstance(error, OSError):
        log.error("the HTTP port: %s: %s", context["message"], error)
    else:
        loop.default_exception_handler(context)


async def _add_headers(_: web.Request, answer: web.StreamResponse) -> None:
    answer.headers.update(HEADERS)


async def _judged(judge: Callable[[], Awaitable[Health]]) -> Health:
    try:
        return await judge()
    except NotAnswering as silence:
        return Health(False, (str(silence),))


def _verdict(health: Health) -> web.Response:
    status = "ok" if health.ok else "failing"
    body = msgspec.json.encode({"status": status, "reasons": health.reasons, **health.checks})
    return web.Response(
        status=200 if health.ok else 503, body=msgspec.json.format(body) + b"\n", content_type="application/json"
    )


def _carries(header: str, token: str) -> bool:
    scheme, _, value = header.partition(" ")
    given = value.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given, token.encode())


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
