"""SQLite through the standard library: reads on the event loop, writes by one writer that commits in groups."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any

from kernel.database import Observer, Reader, Transaction
from kernel.session import Arguments, BaseDatabase, OpenTransaction, Record, Session, enter
from kernel.sqlite_errors import DRIVER_ERRORS, is_busy, translated
from kernel.sqlite_writer import BUSY_PAUSE_SECONDS, BUSY_SECONDS, Turn, Writer
from kernel.statement import DialectName, Statement

_CACHED_STATEMENTS = 500


async def open_sqlite(path: str, *, name: str, observe: Observer | None) -> "SqliteDatabase":
    """Open or create a database file; Unavailable if its folder is missing or not writable."""
    connections: list[sqlite3.Connection] = []
    try:
        connections.append(await asyncio.to_thread(_connect, path, writable=True))
        connections.extend([_connect(path, writable=False), _connect(path, writable=False)])
    except DRIVER_ERRORS as error:
        for connection in connections:
            connection.close()
        raise translated(error) from None
    return SqliteDatabase(name, observe, *connections)


def _connect(path: str, *, writable: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=_CACHED_STATEMENTS
    )
    try:
        settings = (
            ["journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"] if writable else ["query_only = ON"]
        )
        for setting in ["busy_timeout = 5000", *settings, "busy_timeout = 0"]:
            connection.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


class SqliteDatabase(BaseDatabase):
    """One file: a writing connection, a reading one for the event loop, another for slow reads in a thread."""

    dialect: DialectName = "sqlite"

    def __init__(
        self,
        name: str,
        observe: Observer | None,
        writing: sqlite3.Connection,
        reading: sqlite3.Connection,
        reading_slowly: sqlite3.Connection,
    ) -> None:
        super().__init__(name, observe)
        self._connections = (reading, reading_slowly, writing)
        self._slow_reads = ThreadPoolExecutor(1, f"{name}-slow-reads")
        self._reader = SqliteReader(self, reading, reading_slowly, self._slow_reads)
        self._writer = Writer(name, writing)
        self._writing = writing

    def read(self) -> Reader:
        self._require_open()
        return self._reader

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self._require_open()
        turn = Turn()
        transaction = SqliteTransaction(self, self._writing, turn)
        enter(transaction)
        try:
            self._writer.queue(turn)
            await turn.granted
            watch = asyncio.get_running_loop().call_soon(self._note_suspension)
            try:
                yield transaction
            finally:
                watch.cancel()
            transaction.raise_failure()
            turn.after_commit = transaction.committed
        except BaseException as error:
            transaction.is_open = False
            turn.leave(keep=False)
            if isinstance(error, Exception):
                # Whoever tries again after this reads what it saw, instead of meeting the same batch.
                await turn.undone()
            raise
        transaction.is_open = False
        turn.leave(keep=True)
        # A caller that is cancelled here has left its turn already: the commit goes on without it.
        await asyncio.shield(turn.committed)

    async def _write(self, statement: Statement[Any], wake: str | None, params: Mapping[str, Any]) -> Any:
        async with self.transaction() as transaction:
            if wake is not None:
                transaction.wake(wake)
            if statement.row is not None:
                return await transaction.one(statement, **params)
            await transaction.run(statement, **params)
            return None

    async def close(self) -> None:
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._disconnect)

    def _disconnect(self) -> None:
        self._slow_reads.shutdown()
        for connection in self._connections:
            connection.close()

    def _note_suspension(self) -> None:
        self.suspensions += 1


class SqliteReader(Session):
    """Reads, each on its own snapshot; they wait for nobody, but for a moment while the file is recovered."""

    def __init__(
        self,
        database: SqliteDatabase,
        reading: sqlite3.Connection,
        reading_slowly: sqlite3.Connection,
        thread: ThreadPoolExecutor,
    ) -> None:
        super().__init__(database)
        self._reading = reading
        self._reading_slowly = reading_slowly
        self._thread = thread

    async def _fetch(self, sql: str, arguments: Arguments, slow: bool) -> Sequence[Record]:
        until = perf_counter() + BUSY_SECONDS
        while True:
            try:
                if slow:
                    run = partial(_fetched, self._reading_slowly, sql, arguments)
                    return await asyncio.get_running_loop().run_in_executor(self._thread, run)
                return _fetched(self._reading, sql, arguments)
            except DRIVER_ERRORS as error:
                if not is_busy(error) or perf_counter() > until:
                    raise translated(error) from None
            await asyncio.sleep(BUSY_PAUSE_SECONDS)


class SqliteTransaction(OpenTransaction):
    """A turn on the writing connection; its statements run where they are awaited, without a suspension."""

    def __init__(self, database: SqliteDatabase, connection: sqlite3.Connection, turn: Turn) -> None:
        super().__init__(database)
        self._connection = connection
        self._turn = turn

    async def _fetch(self, sql: str, arguments: Arguments, slow: bool) -> Sequence[Record]:
        try:
            return _fetched(self._connection, sql, arguments)
        except DRIVER_ERRORS as error:
            raise self._turn.failed(error, self._connection) from None

    async def _execute(self, sql: str, arguments: Arguments, returns_rows: bool) -> int:
        connection = self._connection
        try:
            cursor = connection.execute(sql, arguments)
            if returns_rows:
                cursor.fetchall()
            if cursor.rowcount < 0 and sql[:4].upper() == "WITH":
                # The driver does not count what follows a WITH.
                return connection.execute("SELECT changes()").fetchone()[0]
            return max(cursor.rowcount, 0)
        except DRIVER_ERRORS as error:
            raise self._turn.failed(error, self._connection) from None

    async def _execute_many(self, sql: str, rows: Sequence[Arguments]) -> None:
        try:
            self._connection.executemany(sql, rows)
        except DRIVER_ERRORS as error:
            raise self._turn.failed(error, self._connection) from None


def _fetched(connection: sqlite3.Connection, sql: str, arguments: Arguments) -> list[Record]:
    return connection.execute(sql, arguments).fetchall()
