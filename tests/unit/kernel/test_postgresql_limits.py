"""PostgreSQL's limits: statements, waits for locks and transactions that take too long; databases that are missing."""

import asyncio
import secrets

import asyncpg
import pytest
from sqlalchemy import Column, Integer, text

from app.devstack import PostgreSQL
from kernel.database import Conflict, DatabaseError, Statement, Unavailable
from kernel.postgresql_creation import create_missing
from tests.unit.kernel.accounts import ADD, FIND_LOCKED, IdRow, account
from tests.unit.kernel.conftest import Opener

pytestmark = pytest.mark.postgresql

RUN_FOR_A_MINUTE = Statement(text("SELECT pg_sleep(60)"))
ONE = Statement(text("SELECT 1 AS id").columns(Column("id", Integer)), IdRow)
LEAVE_IDLE_SOON = Statement(text("SET LOCAL idle_in_transaction_session_timeout = 1"))


def new_name() -> str:
    return f"made_{secrets.token_hex(6)}"


async def test_a_statement_over_its_limit_is_unavailable_and_says_no_sql(postgresql_url: str, opened: Opener) -> None:
    database = await opened(postgresql_url, statement_seconds=0.05)
    with pytest.raises(Unavailable) as raised:
        await database.write(RUN_FOR_A_MINUTE)
    assert str(raised.value) == "QueryCanceledError (57014)"
    with pytest.raises(Unavailable):
        await database.transact(lambda tx: tx.run(RUN_FOR_A_MINUTE))
    assert await database.read().one(ONE) == IdRow(1)


async def test_a_wait_for_a_lock_over_its_limit_is_a_conflict_and_says_no_sql(
    postgresql_url: str, opened: Opener
) -> None:
    patient, hasty = await opened(postgresql_url), await opened(postgresql_url, lock_seconds=0.01)
    await patient.write(ADD, **account(1))

    locked = asyncio.Event()

    async def lock_too() -> None:
        await locked.wait()
        async with hasty.transaction() as tx:
            await tx.one(FIND_LOCKED, id=1)

    locking_too = asyncio.create_task(lock_too())
    async with patient.transaction() as tx:
        await tx.one(FIND_LOCKED, id=1)
        locked.set()
        with pytest.raises(Conflict) as raised:
            await locking_too
    assert str(raised.value) == "LockNotAvailableError"


async def test_a_transaction_that_is_left_idle_is_ended_by_the_server(postgresql_url: str, opened: Opener) -> None:
    database = await opened(postgresql_url)
    outside = await asyncpg.connect(postgresql_url)

    async def is_idle_in_a_transaction() -> bool:
        return await outside.fetchval("SELECT true FROM pg_stat_activity WHERE state = 'idle in transaction'") or False

    async def leave_idle() -> None:
        async with database.transaction() as tx:
            await tx.run(LEAVE_IDLE_SOON)
            while await is_idle_in_a_transaction():
                continue
            await tx.one(ONE)

    with pytest.raises(Unavailable):
        await leave_idle()
    await outside.close()
    assert await database.read().one(ONE) == IdRow(1)


async def test_the_pool_says_how_much_of_it_is_in_use(postgresql_url: str, opened: Opener) -> None:
    database = await opened(postgresql_url, pool_size=3)
    assert (database.pool_in_use, database.pool_size) == (0, 3)
    async with database.transaction():
        assert database.pool_in_use == 1
    assert database.pool_in_use == 0


async def test_a_missing_database_is_made_once(postgresql: PostgreSQL, opened: Opener) -> None:
    url = postgresql.url(new_name())
    made = await asyncio.gather(*(create_missing(url) for _ in range(5)))
    assert sorted(made) == [False, False, False, False, True]
    assert not await create_missing(url)
    database = await opened(url)
    assert await database.read().one(ONE) == IdRow(1)


async def test_who_may_make_no_database_is_told_so_in_a_sentence(postgresql: PostgreSQL) -> None:
    account, name = new_name(), new_name()
    owner = await asyncpg.connect(postgresql.url("postgres"))
    await owner.execute(f"CREATE ROLE {account} LOGIN")
    await owner.close()
    url = postgresql.url(name).replace("bookstall@", f"{account}@")
    with pytest.raises(DatabaseError, match=f"no database '{name}' and this account may not make it"):
        await create_missing(url)


async def test_a_server_that_is_away_makes_no_database() -> None:
    with pytest.raises(Unavailable):
        await create_missing("postgresql://nobody@127.0.0.1:1/nothing")
