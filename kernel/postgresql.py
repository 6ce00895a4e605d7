"""PostgreSQL through asyncpg's own pool."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from kernel.database import Observer, Reader, Transaction
from kernel.fail_points import reached
from kernel.postgresql_errors import DRIVER_ERRORS, translated
from kernel.session import Arguments, BaseDatabase, OpenTransaction, Record, Session, enter
from kernel.statement import DialectName, Statement

Connection = PoolConnectionProxy

_CACHED_STATEMENTS = 500
_ACQUIRE_SECONDS = 10
_ANSWER_SECONDS = 3
"""How much longer than its limit an answer may take: a server whose host is gone never says that it is."""
_CLOSE_SECONDS = 5
_RANDOM_PAGE_COST = "1.1"
"""That of an SSD. With the default, made for disks, a table that is not analysed is sorted for each page of a list."""
_IDLE_IN_TRANSACTION_SECONDS = 30
"""A transaction awaits its own statements alone: one that is idle for so long has lost its process."""


def session_limits(statement_seconds: float, lock_seconds: float) -> dict[str, str]:
    """The settings of a session whose statements and waits for locks end in time, and whose lists are read in order."""
    seconds = {
        "statement_timeout": statement_seconds,
        "lock_timeout": lock_seconds,
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_SECONDS,
    }
    # 0 would be no limit at all.
    limits = {name: str(max(1, round(limit * 1000))) for name, limit in seconds.items()}
    return limits | {"random_page_cost": _RANDOM_PAGE_COST}


async def open_postgresql(
    url: str, *, name: str, pool_size: int, limits: Mapping[str, str], observe: Observer | None
) -> "PostgresqlDatabase":
    """Connect; Unavailable if the server does not answer."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=1,
            max_size=pool_size,
            init=_prepare,
            reset=_keep_session,
            statement_cache_size=_CACHED_STATEMENTS,
            timeout=_ACQUIRE_SECONDS,
            command_timeout=int(limits["statement_timeout"]) / 1000 + _ANSWER_SECONDS,
            server_settings=dict(limits),
        )
    except DRIVER_ERRORS as error:
        raise translated(error) from None
    return PostgresqlDatabase(name, observe, pool)


async def _prepare(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=str, decoder=json.loads, schema="pg_catalog")
    # The driver's own class is a UUID that other libraries do not know.
    await connection.set_type_codec(
        "uuid", encoder=lambda value: value.bytes, decoder=_uuid, schema="pg_catalog", format="binary"
    )


def _uuid(data: bytes) -> UUID:
    return UUID(bytes=bytes(data))


async def _keep_session(connection: Connection) -> None:
    """No statement changes the session, so there is nothing to reset."""


class PostgresqlDatabase(BaseDatabase):
    """A pool of connections, which are made as they are needed."""

    dialect: DialectName = "postgresql"

    def __init__(self, name: str, observe: Observer | None, pool: asyncpg.Pool) -> None:
        super().__init__(name, observe)
        self._pool = pool
        self._endings: set[asyncio.Task[None]] = set()

    @property
    def pool_size(self) -> int:
        return self._pool.get_max_size()

    @property
    def pool_in_use(self) -> int:
        return self._pool.get_size() - self._pool.get_idle_size()

    def read(self) -> Reader:
        self._require_open()
        return PostgresqlReader(self)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of the pool; Unavailable if none comes in time."""
        connection = await self._acquired()
        try:
            yield connection
        finally:
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._require_open()
        transaction = PostgresqlTransaction(self)
        enter(transaction)
        try:
            transaction.connection = await self._acquired()
            try:
                await transaction.begin()
                yield transaction
                transaction.raise_failure()
            except BaseException:
                transaction.is_open = False
                await self._ended(self._roll_back(transaction.connection))
                raise
        finally:
            transaction.is_open = False
        await self._ended(self._commit(transaction))

    async def _write(self, statement: Statement[Any], wake: str | None, params: Mapping[str, Any]) -> Any:
        """Without BEGIN and COMMIT, which would triple the round trips."""
        self._require_open()
        transaction = PostgresqlTransaction(self)
        enter(transaction)
        row = None
        try:
            async with self.connection() as transaction.connection:
                reached("commit.before", self.name)
                if statement.row is not None:
                    row = await transaction.one(statement, **params)
                else:
                    await transaction.run(statement, **params)
                reached("commit.after", self.name)
        finally:
            transaction.is_open = False
        if wake is not None:
            self.signal(wake).set()
        return row

    async def close(self) -> None:
        self._closed = True
        while self._endings:
            await asyncio.wait(self._endings)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):  # what is left then is cut off by the pool itself
                await self._pool.close()

    async def _acquired(self) -> Connection:
        try:
            async with asyncio.timeout(_ACQUIRE_SECONDS):
                return await self._pool.acquire()
        except DRIVER_ERRORS as error:
            raise translated(error) from None

    async def _ended(self, ending: Coroutine[Any, Any, None]) -> None:
        """End a transaction, whether or not its caller is cancelled meanwhile."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        await asyncio.shield(task)

    async def _commit(self, transaction: "PostgresqlTransaction") -> None:
        try:
            reached("commit.before", self.name)
            await transaction.connection.execute("COMMIT")
            reached("commit.after", self.name)
        except DRIVER_ERRORS as error:
            _drop(transaction.connection)
            raise translated(error) from None
        finally:
            await self._pool.release(transaction.connection)
        transaction.committed()

    async def _roll_back(self, connection: Connection) -> None:
        try:
            await connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            # The server rolls back what a lost connection has left.
            _drop(connection)
        finally:
            await self._pool.release(connection)


class PostgresqlReader(Session):
    """Reads, each on a connection of the pool for as long as it takes."""

    def __init__(self, database: PostgresqlDatabase) -> None:
        super().__init__(database)
        self._connection = database.connection

    async def _fetch(self, sql: str, arguments: Arguments, slow: bool) -> Sequence[Record]:
        async with self._connection() as connection:
            return await _fetched(connection, sql, arguments)


class PostgresqlTransaction(OpenTransaction):
    """A transaction on one connection of the pool."""

    connection: Connection

    async def begin(self) -> None:
        """Begin; Unavailable if the connection is lost."""
        await self._command("BEGIN")

    async def _fetch(self, sql: str, arguments: Arguments, slow: bool) -> Sequence[Record]:
        return await _fetched(self.connection, sql, arguments)

    async def _execute(self, sql: str, arguments: Arguments, returns_rows: bool) -> int:
        try:
            status = await self.connection.execute(sql, *arguments)
        except DRIVER_ERRORS as error:
            raise translated(error) from None
        changed = status.rpartition(" ")[2]
        return int(changed) if changed.isdecimal() else 0

    async def _execute_many(self, sql: str, rows: Sequence[Arguments]) -> None:
        try:
            await self.connection.executemany(sql, rows)
        except DRIVER_ERRORS as error:
            raise translated(error) from None


def _drop(connection: Connection) -> None:
    """End a connection, which the pool has taken back already when it was lost."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _fetched(connection: Connection, sql: str, arguments: Arguments) -> Sequence[Record]:
    try:
        return await connection.fetch(sql, *arguments)
    except DRIVER_ERRORS as error:
        raise translated(error) from None
