"""Which connection a request gets, and which connections are closed: none is used that may be dead, none is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.servers.processes import free_port
from tests.servers.raw import Peer, raw_server

from turnout.sqs.wire import connection as connections
from turnout.sqs.wire import pool as pools
from turnout.sqs.wire.connection import Answer, Broken, Connection
from turnout.sqs.wire.pool import Address, Pool

REQUEST = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 15))


class Served:
    """A pool at a server that answers everything; `closed` counts the connections that the client has closed."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.closed = asyncio.Semaphore(0)

    async def used(self) -> Connection:
        """A new connection after its first request, not given back yet."""
        connection = await self.pool.acquire()
        assert (await ask(connection)).status == 200
        return connection


@asynccontextmanager
async def served(size: int = 1, wait_seconds: float = 5.0) -> AsyncIterator[Served]:
    async def converse(peer: Peer) -> None:
        try:
            while True:
                await peer.request()
                await peer.answer()
        except (EOFError, ConnectionError):
            server.closed.release()

    async with raw_server(converse) as raw:
        pool = Pool(Address("127.0.0.1", raw.port), size, connect_seconds=5.0, wait_seconds=wait_seconds)
        server = Served(pool)
        try:
            yield server
        finally:
            pool.close()


async def ask(connection: Connection) -> Answer:
    return await connection.exchange(REQUEST, asyncio.get_running_loop().time() + 60)


async def waiting(pool: Pool) -> asyncio.Task[Connection]:
    """Somebody who waits for a connection, because there are no more."""
    task = asyncio.create_task(pool.acquire())
    await asyncio.sleep(0)
    return task


def test_the_connection_used_most_recently_is_used_next() -> None:
    async def test() -> None:
        async with served(size=2) as server:
            first, second = await server.used(), await server.used()
            server.pool.release(second)
            server.pool.release(first)
            assert [server.pool.idle(), server.pool.idle(), server.pool.idle()] == [first, second, None]

    run(test())


def test_a_connection_that_was_idle_for_too_long_is_closed_instead_of_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with served() as server:
            server.pool.release(await server.used())
            monkeypatch.setattr(pools, "IDLE_SECONDS", 0.0)
            assert server.pool.idle() is None
            await server.closed.acquire()

    run(test())


def test_a_connection_that_grew_too_old_in_use_is_closed_when_it_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            monkeypatch.setattr(pools, "MAX_AGE_SECONDS", 0.0)
            server.pool.release(connection)
            assert connection.closing
            await server.closed.acquire()

    run(test())


def test_a_connection_that_grew_too_old_while_it_was_idle_is_closed_instead_of_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with served() as server:
            server.pool.release(await server.used())
            monkeypatch.setattr(pools, "MAX_AGE_SECONDS", 0.0)
            assert server.pool.idle() is None
            await server.closed.acquire()

    run(test())


def test_whoever_waits_gets_a_new_connection_when_the_one_given_back_is_too_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def test() -> None:
        async with served() as server:
            old = await server.used()
            task = await waiting(server.pool)
            monkeypatch.setattr(pools, "MAX_AGE_SECONDS", 0.0)
            server.pool.release(old)
            new = await task
            assert new is not old
            assert (await ask(new)).status == 200

    run(test())


def test_a_connection_that_nobody_uses_is_closed_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            monkeypatch.setattr(connections, "IDLE_SECONDS", 0.01)
            # The timer runs for the request's deadline still: a new one is set when that is over.
            connection._set_timer(asyncio.get_running_loop().time())
            server.pool.release(connection)
            await server.closed.acquire()
            assert server.pool.idle() is None

    run(test())


def test_the_time_of_a_request_that_was_answered_closes_nothing() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            answered_at = asyncio.get_running_loop().time()
            server.pool.release(connection)
            assert connection.idle_since >= answered_at
            connection._on_timer()
            assert server.pool.idle() is connection
            assert not connection.closing

    run(test())


def test_a_connection_whose_end_has_begun_is_not_used() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            server.pool.release(connection)
            assert connection._transport is not None
            connection._transport.close()  # as the event loop does when the other side sends no more
            assert server.pool.idle() is None

    run(test())


def test_what_is_given_back_to_somebody_who_has_just_gone_goes_to_the_next() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            gone, next_one = await waiting(server.pool), await waiting(server.pool)
            gone.cancel()
            server.pool.release(connection)
            assert await next_one is connection

    run(test())


def test_what_was_given_to_somebody_who_goes_before_taking_it_goes_to_the_next() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            gone, next_one = await waiting(server.pool), await waiting(server.pool)
            server.pool.release(connection)
            gone.cancel()
            assert await next_one is connection

    run(test())


def test_what_was_given_to_somebody_whose_time_is_up_is_kept() -> None:
    async def test() -> None:
        async with served(wait_seconds=0.0) as server:
            connection = await server.used()
            late = await waiting(server.pool)
            server.pool.release(connection)
            with pytest.raises(Broken) as caught:
                await late
            assert (caught.value.code, str(caught.value)) == ("PoolTimeout", "all 1 connections were busy for 0 s")
            assert server.pool.idle() is connection

    run(test())


def test_room_that_becomes_free_for_somebody_who_has_just_gone_goes_to_the_next() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            gone, next_one = await waiting(server.pool), await waiting(server.pool)
            connection.abort()
            gone.cancel()
            assert (await ask(await next_one)).status == 200

    run(test())


def test_an_idle_connection_that_is_lost_is_forgotten() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            server.pool.release(connection)
            connection.abort()
            await server.closed.acquire()
            assert (server.pool._idle, server.pool._connections) == ([], set())

    run(test())


def test_room_that_was_given_to_somebody_who_goes_before_taking_it_goes_to_the_next() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            gone, next_one = await waiting(server.pool), await waiting(server.pool)
            lost = connection._on_lost

            def lost_and_gone(connection: Connection) -> None:
                lost(connection)
                gone.cancel()

            connection._on_lost = lost_and_gone
            connection.abort()
            assert (await ask(await next_one)).status == 200

    run(test())


def test_a_connection_that_is_lost_makes_room_for_whoever_waits() -> None:
    async def test() -> None:
        async with served() as server:
            connection = await server.used()
            task = await waiting(server.pool)
            connection.abort()
            assert (await ask(await task)).status == 200

    run(test())


def test_a_connect_that_fails_makes_room_for_whoever_waits() -> None:
    async def test() -> None:
        pool = Pool(Address("127.0.0.1", free_port()), 1, connect_seconds=5.0, wait_seconds=5.0)
        tasks = [await waiting(pool) for _ in range(3)]
        for task in tasks:
            with pytest.raises(Broken) as caught:
                await task
            assert caught.value.code == "ConnectionRefusedError"

    run(test())


def test_a_connection_that_is_closed_as_soon_as_it_is_open_takes_nobodys_place(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        connect = loop.create_connection

        async def connect_and_lose(*args: Any, **options: Any) -> Any:
            transport, connection = await connect(*args, **options)
            transport.abort()
            await asyncio.sleep(0)
            return transport, connection

        async with served() as server:
            with monkeypatch.context() as patch:
                patch.setattr(loop, "create_connection", connect_and_lose)
                with pytest.raises(Broken, match=r"127\.0\.0\.1:[0-9]+ closed the connection at once") as caught:
                    await server.pool.acquire()
                assert caught.value.code == "ConnectionClosed"
            await server.used()

    run(test())


def test_closing_ends_the_wait_of_everybody() -> None:
    async def test() -> None:
        async with served() as server:
            await server.used()
            tasks = [await waiting(server.pool) for _ in range(3)]
            server.pool.close()
            for task in tasks:
                with pytest.raises(Broken) as caught:
                    await task
                assert (caught.value.code, str(caught.value)) == ("Closed", "the client is closed")

    run(test())


def test_closing_closes_what_is_idle_and_what_is_in_use() -> None:
    async def test() -> None:
        async with served(size=2) as server:
            idle, used = await server.used(), await server.used()
            server.pool.release(idle)
            server.pool.close()
            server.pool.release(used)
            for _ in range(2):
                await server.closed.acquire()
            assert server.pool.idle() is None

    run(test())


def test_a_connection_that_opens_after_the_pool_was_closed_is_closed_again() -> None:
    async def test() -> None:
        async with served() as server:
            task = await waiting(server.pool)
            server.pool.close()
            with pytest.raises(Broken) as caught:
                await task
            assert (caught.value.code, str(caught.value)) == ("Closed", "the client was closed")
            await server.closed.acquire()

    run(test())
