"""PostgreSQL as a server: deadlocks, crashes, connections that are lost or missing."""

import asyncio

import pytest
from sqlalchemy import Integer, text

from app.devstack import PostgreSQL
from kernel.columns import param
from kernel.database import (
    Conflict,
    Database,
    DatabaseError,
    Reader,
    Statement,
    Transaction,
    Unavailable,
    open_database,
)
from tests.unit.kernel.accounts import ADD, FIND, FIND_ALL, FIND_LOCKED, SET_BALANCE, AccountRow, IdRow, account, ids
from tests.unit.kernel.conftest import Opener

pytestmark = pytest.mark.postgresql

END_CONNECTION = Statement(text("SELECT pg_terminate_backend(pg_backend_pid())"))
CHANGE_TABLE = Statement(text("ALTER TABLE accounts ALTER COLUMN balance TYPE bigint"))
CHANGE_TABLE_BACK = Statement(text("ALTER TABLE accounts ALTER COLUMN balance TYPE integer"))
CONNECTIONS = Statement(
    text("SELECT count(*)::int AS id FROM pg_stat_activity WHERE datname = current_database()").columns(id=Integer),
    IdRow,
)
GIVE_UP_ON_LOCKS = Statement(text("SET LOCAL lock_timeout = 1"))
DIVIDE = Statement(text("SELECT 1 / :number").bindparams(param(Integer, "number")))


@pytest.fixture
async def database(postgresql_url: str, opened: Opener) -> Database:
    """An open PostgreSQL database with the tables."""
    return await opened(postgresql_url)


async def balance(reader: Reader, number: int) -> int:
    row = await reader.one(FIND, id=number)
    assert row is not None
    return row.balance


async def test_two_bodies_that_deadlock_are_both_done_in_the_end(database: Database) -> None:
    await database.write(ADD, **account(1))
    await database.write(ADD, **account(2))
    both_hold_one = asyncio.Barrier(2)
    tries: list[int] = []

    async def move(tx: Transaction, first: int, second: int) -> None:
        tries.append(first)
        await tx.one(FIND_LOCKED, id=first)
        if tries.count(first) == 1:
            await both_hold_one.wait()
        await tx.one(FIND_LOCKED, id=second)
        await tx.run(SET_BALANCE, id=first, balance=await balance(tx, first) + 1)
        await tx.run(SET_BALANCE, id=second, balance=await balance(tx, second) + 1)

    await asyncio.gather(
        database.transact(lambda tx: move(tx, 1, 2)),
        database.transact(lambda tx: move(tx, 2, 1)),
    )
    assert len(tries) > 2
    assert await database.read().all(FIND_ALL) == [AccountRow(1, "ada", 2), AccountRow(2, "ada", 2)]


async def test_a_lock_that_is_not_given_in_time_is_a_conflict(database: Database) -> None:
    await database.write(ADD, **account(1))

    async def second() -> None:
        async with database.transaction() as tx:
            await tx.run(GIVE_UP_ON_LOCKS)
            await tx.one(FIND_LOCKED, id=1)

    waiting = asyncio.create_task(second())
    async with database.transaction() as tx:
        await tx.one(FIND_LOCKED, id=1)
        with pytest.raises(Conflict):
            await waiting


async def test_a_server_that_crashed_is_unavailable_and_serves_again_afterwards(
    database: Database, postgresql: PostgreSQL
) -> None:
    await database.write(ADD, **account(1))
    postgresql.kill()
    for call in (database.read().one(FIND, id=1), database.write(ADD, **account(2))):
        with pytest.raises(Unavailable):
            await call
    postgresql.start()
    await database.write(ADD, **account(3))
    assert await ids(database) == [1, 3]


async def test_a_connection_that_is_lost_in_a_transaction_undoes_it(database: Database) -> None:
    async def body(tx: Transaction) -> None:
        await tx.run(ADD, **account(1))
        await tx.run(END_CONNECTION)

    with pytest.raises(Unavailable):
        await database.transact(body)
    assert await database.read().all(FIND_ALL) == []


async def test_a_table_that_a_migration_changes_does_not_fail_those_who_read_it(database: Database) -> None:
    await database.write(ADD, **account(1))
    assert await balance(database.read(), 1) == 0
    await database.write(CHANGE_TABLE)

    async def read(tx: Transaction) -> int:
        return await balance(tx, 1)

    assert await database.transact(read) == 0
    await database.write(CHANGE_TABLE_BACK)


async def test_no_more_connections_are_made_than_the_pool_may_hold(postgresql_url: str, opened: Opener) -> None:
    database = await opened(postgresql_url, pool_size=3)
    await asyncio.gather(*(database.write(ADD, **account(number)) for number in range(20)))
    row = await database.read().one(CONNECTIONS)
    assert row is not None
    assert row.id <= 3


async def test_an_error_that_quotes_a_value_is_told_without_it(database: Database) -> None:
    with pytest.raises(DatabaseError, match="DivisionByZero"):
        await database.write(DIVIDE, number=0)


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await open_database("postgresql://nobody@127.0.0.1:1/nothing", name="accounts")


async def test_a_database_that_is_not_there_is_named(postgresql: PostgreSQL) -> None:
    with pytest.raises(DatabaseError, match='"nothing" does not exist'):
        await open_database(postgresql.url("nothing"), name="accounts")
