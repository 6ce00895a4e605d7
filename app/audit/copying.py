"""Copies of PostgreSQL databases for the rules: each a snapshot, streamed column by column into a temporary file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Boolean, Index, Table, UniqueConstraint, Uuid

from app.audit.books import RECENT, Books, first_id
from app.audit.rule import Rule
from app.settings import DOMAINS, Settings
from kernel.columns import Instant, Json
from kernel.postgresql import session_limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BATCH = 2000
CONNECT_SECONDS = 10
_SQLITE_READ = 20

Needed = Mapping[str, Mapping[str, set[str]]]
"""Columns by domain and table."""

_UNFINISHED = {"outbox": ("id", "sent_at IS NULL"), "inbox": ("event_id", "state <> 'done'")}
"""Of what happens by the million only the newest is copied, by its id, and what still has to be done."""


def lay_out(books: Books) -> None:
    """Empty tables as the domains have them, without their constraints."""
    for domain in DOMAINS:
        books.connection.execute(f"ATTACH '' AS {domain}")
        for table in _tables(domain):
            columns = ", ".join(column.name for column in table.columns)
            books.connection.execute(f'CREATE TABLE {domain}."{table.name}" ({columns})')


def columns_of(books: Books, rules: Iterable[Rule]) -> Needed:
    """What the rules read, as SQLite itself says."""
    needed: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    def note(action: int, table: str | None, column: str | None, database: str | None, _: str | None) -> int:
        if action == _SQLITE_READ and table and database in DOMAINS:
            needed[database][table].update({column} if column else ())
        return sqlite3.SQLITE_OK

    books.connection.set_authorizer(note)
    try:
        for rule in rules:
            books.connection.execute(f"EXPLAIN {rule.query}").fetchall()
    finally:
        books.connection.set_authorizer(None)
    return needed


async def copy(books: Books, settings: Settings, rules: Iterable[Rule]) -> datetime:
    """Fills the books with what the rules need; the orders database's clock. The driver's errors are its own."""
    lay_out(books)
    needed = columns_of(books, rules)
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(_snapshot(settings, domain)) for domain in DOMAINS]
        snapshots = dict(zip(DOMAINS, await asyncio.gather(*opening), strict=True))  # all at nearly the same moment
        now = snapshots["orders"].now
        await asyncio.gather(
            *(
                _copy_domain(books, snapshot.connection, domain, needed[domain], first_id(now - RECENT))
                for domain, snapshot in snapshots.items()
            )
        )
    return now


class _Snapshot(NamedTuple):
    connection: asyncpg.Connection
    now: datetime


@asynccontextmanager
async def _snapshot(settings: Settings, domain: str) -> AsyncIterator[_Snapshot]:
    """A connection that sees one moment of the database, changes nothing, and lets nobody wait."""
    connection = await asyncpg.connect(
        settings.database_of(domain),
        timeout=CONNECT_SECONDS,
        server_settings=session_limits(settings.statement_seconds, settings.lock_seconds),
    )
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield _Snapshot(connection, await connection.fetchval("SELECT now()"))
    finally:
        with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=CONNECT_SECONDS)


async def _copy_domain(
    books: Books, connection: asyncpg.Connection, domain: str, needed: Mapping[str, set[str]], since: UUID
) -> None:
    for table in _tables(domain):
        if table.name in needed:
            await _copy_table(books, connection, domain, table, needed[table.name], since)


async def _copy_table(
    books: Books, connection: asyncpg.Connection, domain: str, table: Table, needed: set[str], since: UUID
) -> None:
    columns = [column for column in table.columns if column.name in needed] or list(table.primary_key)
    query = f'SELECT {", ".join(_as_in_files(column) for column in columns)} FROM "{table.name}"'
    arguments: tuple[UUID, ...] = ()
    if table.name in _UNFINISHED:
        key, unfinished = _UNFINISHED[table.name]
        query, arguments = f"{query} WHERE {unfinished} OR {key} > $1", (since,)
    names = [column.name for column in columns]
    insert = f'INSERT INTO {domain}."{table.name}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'
    cursor = await connection.cursor(query, *arguments)
    while rows := await cursor.fetch(BATCH):
        books.connection.execute("BEGIN")
        books.connection.executemany(insert, rows)
        books.connection.execute("COMMIT")
    for number, indexed in enumerate(_indexes(table)):
        if set(indexed) <= set(names):
            index = f"{domain}.{table.name}_{number}"
            books.connection.execute(f'CREATE INDEX {index} ON "{table.name}" ({", ".join(indexed)})')


def _tables(domain: str) -> Iterable[Table]:
    return import_module(f"domains.{domain}.tables").metadata.tables.values()


def _indexes(table: Table) -> Iterable[list[str]]:
    keys = [table.primary_key, *(one for one in table.constraints if isinstance(one, UniqueConstraint))]
    indexes: list[Index] = sorted(table.indexes, key=lambda index: str(index.name))
    for key in (*keys, *indexes):
        names = [column.name for column in key.columns]
        # A foreign key is looked for by itself, wherever it stands in a primary key.
        yield names


def _as_in_files(column: object) -> str:
    """An expression that gives a column's values as they are in the files of the embedded form."""
    name, kind = f'"{column.name}"', column.type  # type: ignore[attr-defined]
    if isinstance(kind, Uuid):
        return f"replace({name}::text, '-', '')"
    if isinstance(kind, Instant):
        return f"(extract(epoch FROM {name}) * 1000000)::bigint"
    if isinstance(kind, Boolean):
        return f"{name}::int"
    return f"{name}::text" if kind is Json or isinstance(kind, type(Json)) else name
