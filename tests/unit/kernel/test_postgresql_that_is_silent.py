"""A PostgreSQL whose host is gone: nobody closes the connections, and nobody ever answers on them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy.engine import make_url

from kernel.database import Transaction, Unavailable, open_database
from tests.unit.kernel.accounts import ADD, FIND, account, ids

pytestmark = pytest.mark.postgresql

STATEMENT_SECONDS = 0.2
PATIENCE_SECONDS = 60


class Way:
    """The way to a server; what is on a connection from before it was cut is lost for ever."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._ways: set[asyncio.Task[None]] = set()
        self._cut: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """The host is gone, and another one takes its address."""
        self._cut |= self._ways

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for as long as both ends keep it."""
        there, back = await asyncio.open_connection(*self._server)
        pumps = [asyncio.create_task(self._pump(reader, back)), asyncio.create_task(self._pump(there, writer))]
        self._ways.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, back):
            end.close()
        await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent := await reader.read(65536):
            if asyncio.current_task() not in self._cut:
                writer.write(sent)


@asynccontextmanager
async def way_to(postgresql_url: str) -> AsyncIterator[tuple[Way, str]]:
    """A way to the server, and the URL of the database at its end."""
    url = make_url(postgresql_url)
    way = Way(url.host or "", url.port or 0)
    async with await asyncio.start_server(way.serve, "127.0.0.1", 0) as server:
        by_the_way = url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        yield way, by_the_way.render_as_string(hide_password=False)


async def finds(tx: Transaction) -> None:
    """What is asked on a connection."""
    await tx.one(FIND, id=1)


async def test_a_server_that_never_answers_is_unavailable_and_its_connections_are_replaced(postgresql_url: str) -> None:
    async with way_to(postgresql_url) as (way, url):
        database = await open_database(url, name="accounts", pool_size=3, statement_seconds=STATEMENT_SECONDS)
        held = asyncio.Barrier(3)

        async def connects(tx: Transaction) -> None:
            await held.wait()
            await finds(tx)

        await asyncio.gather(*(database.transact(connects) for _ in range(3)))
        way.cut()
        calls = (database.read().one(FIND, id=1), database.write(ADD, **account(2)), database.transact(finds))
        async with asyncio.timeout(PATIENCE_SECONDS):
            answers = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        await database.write(ADD, **account(3))
        assert await ids(database) == [3]
        assert database.pool_in_use == 0
        await database.close()


async def test_a_commit_that_is_never_answered_is_unavailable(postgresql_url: str) -> None:
    async with way_to(postgresql_url) as (way, url):
        database = await open_database(url, name="accounts", pool_size=1, statement_seconds=STATEMENT_SECONDS)

        async def body(tx: Transaction) -> None:
            await tx.run(ADD, **account(1))
            way.cut()

        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(Unavailable):
                await database.transact(body)
        await database.write(ADD, **account(2))
        assert await ids(database) == [2]
        await database.close()


async def test_a_database_is_closed_also_when_its_server_is_silent(postgresql_url: str) -> None:
    async with way_to(postgresql_url) as (way, url):
        database = await open_database(url, name="accounts", statement_seconds=STATEMENT_SECONDS)
        way.cut()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await database.close()
