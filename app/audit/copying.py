"""Copies of PostgreSQL databases for the rules: each a snapshot, streamed column by column into a temporary file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import Boolean, Index, Table, UniqueConstraint, Uuid

from app.audit.books import RECENT, Books, first_id
from app.audit.rule import Rule
from app.settings import DOMAINS, Settings
from kernel.columns import Instant, Json
from kernel.postgresql import session_limits
from kernel.postgresql_errors import DRIVER_ERRORS

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
    opened = await asyncio.gather(*(_snapshot(settings, domain) for domain in DOMAINS), return_exceptions=True)
    snapshots = [snapshot for snapshot in opened if isinstance(snapshot, _Snapshot)]
    try:
        _raise_first(opened)
        done = await asyncio.gather(
            *(_copy_domain(books, snapshot, needed[snapshot.domain]) for snapshot in snapshots), return_exceptions=True
        )
        _raise_first(done)
    finally:
        await asyncio.gather(*(_close(snapshot) for snapshot in snapshots))
    return next(snapshot.now for snapshot in snapshots if snapshot.domain == "orders")


class _Snapshot(NamedTuple):
    """A connection that sees one moment of a database; `now` is the database's clock."""

    domain: str
    connection: asyncpg.Connection
    now: datetime


async def _snapshot(settings: Settings, domain: str) -> _Snapshot:
    """Changes nothing, and lets nobody wait."""
    connection = await asyncpg.connect(
        settings.database_of(domain),
        timeout=CONNECT_SECONDS,
        server_settings=session_limits(settings.statement_seconds, settings.lock_seconds),
    )
    try:
        await connection.transaction(isolation="repeatable_read", readonly=True).start()
        return _Snapshot(domain, connection, await connection.fetchval("SELECT now()"))
    except BaseException:
        connection.terminate()
        raise


async def _close(snapshot: _Snapshot) -> None:
    with suppress(*DRIVER_ERRORS):
        await snapshot.connection.close(timeout=CONNECT_SECONDS)


def _raise_first(outcomes: Iterable[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _copy_domain(books: Books, snapshot: _Snapshot, needed: Mapping[str, set[str]]) -> None:
    """Ends the snapshot as soon as it is copied: the database keeps old rows for it."""
    since = first_id(snapshot.now - RECENT)
    for table in _tables(snapshot.domain):
        if table.name in needed:
            await _copy_table(books, snapshot.connection, snapshot.domain, table, needed[table.name], since)
    await _close(snapshot)


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
