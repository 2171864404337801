"""A bounded pool of connections to one address: the newest idle one first, old and silent ones never.

Sends nothing; what a failed request means is the route's business.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from contextlib import suppress

import msgspec

from turnout.sqs.wire.connection import IDLE_SECONDS, Broken, Connection

__all__ = ["Address", "Pool"]

MAX_AGE_SECONDS = 600.0
"""A connection is not used for longer than this, so that changes in the DNS are followed."""


class Address(msgspec.Struct, frozen=True):
    """Where to connect to; `tls` None means plain HTTP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Pool:
    """At most `size` connections. `connect_seconds` bounds a connect, `wait_seconds` waiting for another's release."""

    def __init__(self, address: Address, size: int, *, connect_seconds: float, wait_seconds: float) -> None:
        self._address = address
        self._size = size
        self._connect_seconds = connect_seconds
        self._wait_seconds = wait_seconds
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._connecting = 0
        self._idle: list[Connection] = []
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False

    def idle(self) -> Connection | None:
        """The connection used most recently, if one is idle and still good."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < IDLE_SECONDS and self._good(connection, now):
                return connection
            connection.abort()
        return None

    async def acquire(self) -> Connection:
        """A connection: a new one while there is room, else the next that is released. Raises `Broken`."""
        deadline = self._loop.time() + self._wait_seconds
        while not self._closed:
            if len(self._connections) + self._connecting < self._size:
                return await self._connect()
            connection = await self._next_released(deadline)
            if connection is not None:
                return connection
        raise Broken("Closed", "the client is closed", silent=True)

    def release(self, connection: Connection) -> None:
        """Give a connection back after a complete answer."""
        if not self._good(connection, self._loop.time()):  # none is, once the pool is closed
            connection.abort()
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)
        connection.rest()

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._closed = True
        for connection in list(self._connections):
            connection.abort(Broken("Closed", "the client was closed"))
        self._wake(len(self._waiters))

    def _good(self, connection: Connection, now: float) -> bool:
        return connection.reusable and not connection.closing and now - connection.born < MAX_AGE_SECONDS

    async def _connect(self) -> Connection:
        self._connecting += 1
        try:
            connection = await self._open()
            self._connections.add(connection)
        except BaseException:
            self._wake(1)  # the place is free again
            raise
        finally:
            self._connecting -= 1
        if self._closed:
            connection.abort()
            raise Broken("Closed", "the client was closed", silent=True)
        return connection

    async def _open(self) -> Connection:
        address = self._address
        where = f"{address.host}:{address.port}"
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._lost), address.host, address.port, ssl=address.tls
                )
        except TimeoutError:
            message = f"no connection to {where} within {self._connect_seconds:g} s"
            raise Broken("ConnectTimeout", message, silent=True) from None
        except OSError as error:
            raise Broken(type(error).__name__, f"cannot connect to {where}: {error}", silent=True) from error
        if connection.closing:
            raise Broken("ConnectionClosed", f"{where} closed the connection at once", silent=True)
        return connection

    async def _next_released(self, deadline: float) -> Connection | None:
        """A released connection; None when there may be room for a new one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                return await waiter
        except TimeoutError:
            self._withdraw(waiter)
            message = f"all {self._size} connections were busy for {self._wait_seconds:g} s"
            raise Broken("PoolTimeout", message, silent=True) from None
        except BaseException:
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: asyncio.Future[Connection | None]) -> None:
        with suppress(ValueError):
            self._waiters.remove(waiter)
        if waiter.done() and not waiter.cancelled():  # it was given something and cannot use it
            connection = waiter.result()
            if connection is None:
                self._wake(1)
            else:
                self.release(connection)

    def _lost(self, connection: Connection) -> None:
        self._connections.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._wake(1)

    def _wake(self, count: int) -> None:
        while count and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1
