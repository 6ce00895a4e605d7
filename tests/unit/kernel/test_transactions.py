"""Transactions on both databases: what is kept, what is undone, what is refused."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text

from kernel.database import (
    ConstraintViolated,
    Database,
    DatabaseError,
    InvalidValue,
    Statement,
    Transaction,
    outside_transaction,
)
from tests.unit.kernel.accounts import (
    ACCOUNT,
    ADD,
    ADD_ONCE,
    ADD_POSTING,
    ADD_WHOLE,
    DEPOSIT,
    EMPTY_POOR,
    FIND,
    FIND_LOCKED,
    FIND_MANY,
    SET_BALANCE,
    TOTAL,
    AccountRow,
    BalanceRow,
    Trouble,
    account,
    accounts,
    ids,
)
from tests.unit.kernel.conftest import Opener

GATEWAYS = 100


async def test_a_transaction_is_kept_when_its_block_ends(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.run(ADD, **account(1))
        assert await tx.one(FIND, id=1) == AccountRow(1, "ada", 0)
        assert await database.read().one(FIND, id=1) is None
    assert await database.read().one(FIND, id=1) == AccountRow(1, "ada", 0)


async def test_a_transaction_is_undone_when_its_block_raises(database: Database) -> None:
    async def body(tx: Transaction) -> None:
        await tx.run(ADD, **account(1))
        raise Trouble

    with pytest.raises(Trouble):
        await database.transact(body)
    assert await ids(database) == []


async def test_a_hundred_concurrent_increments_lose_nothing(database: Database) -> None:
    await database.write(ADD, **account(1))

    async def increment(tx: Transaction) -> None:
        row = await tx.one(FIND_LOCKED, id=1)
        assert row is not None
        await tx.run(SET_BALANCE, id=1, balance=row.balance + 1)

    await asyncio.gather(*(database.transact(increment) for _ in range(GATEWAYS)))
    assert await database.read().one(FIND, id=1) == AccountRow(1, "ada", GATEWAYS)
    assert database.suspensions == 0


async def test_a_hundred_concurrent_writes_lose_nothing(database: Database) -> None:
    await database.write(ADD, **account(1))
    balances = await asyncio.gather(*(database.write(DEPOSIT, id=1, amount=1) for _ in range(GATEWAYS)))
    assert sorted(row.balance for row in balances if row) == list(range(1, GATEWAYS + 1))


async def test_a_write_gives_its_row_or_nothing(database: Database) -> None:
    assert await database.write(ADD, **account(1, balance=5)) is None
    assert await database.write(DEPOSIT, id=1, amount=2) == BalanceRow(7)
    assert await database.write(DEPOSIT, id=2, amount=2) is None
    assert await database.write(ADD_ONCE, **account(1)) is None


async def test_run_tells_how_many_rows_changed(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.many(ADD, [account(number, f"owner {number}", balance=number) for number in range(1, 5)])
        assert await tx.run(SET_BALANCE, id=9, balance=1) == 0
        assert await tx.run(SET_BALANCE, id=4, balance=1) == 1
        assert await tx.run(DEPOSIT, id=4, amount=1) == 1
        assert await tx.run(EMPTY_POOR, below=3) == 3
        assert await tx.one(TOTAL) == (3, 4)
        await tx.many(ADD, [])


async def test_sequences_of_any_length_find_their_rows(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.many(ADD, [account(number, f"owner {number}") for number in range(5)])
    read = database.read()
    for wanted in ([], [3], [1, 2, 4], [2, 9]):
        found = await read.all(FIND_MANY, ids=wanted, but=["owner 2"], limit=10)
        assert [row.id for row in found] == [number for number in wanted if number not in (2, 9)]
    assert len(await read.all(FIND_MANY, ids=[0, 1, 3], but=[], limit=2)) == 2


async def test_a_search_is_built_for_its_filters(database: Database) -> None:
    async with database.transaction() as tx:
        await tx.many(ADD, [account(1, "ada"), account(2, "bob")])
        core = ACCOUNT.where(accounts.c.owner == "bob")
        assert await tx.dynamic(core, AccountRow) == [AccountRow(2, "bob", 0)]
    assert await database.read().dynamic(core, AccountRow) == [AccountRow(2, "bob", 0)]


class TestNesting:
    """One transaction at a time, and no call to the outside in it."""

    async def test_a_transaction_inside_another_is_refused(self, database: Database) -> None:
        async with database.transaction():
            with pytest.raises(RuntimeError, match="inside an open one"):
                async with database.transaction():
                    raise AssertionError("was let in")
        assert await ids(database) == []

    async def test_a_transaction_of_another_database_is_refused_too(
        self, database: Database, sqlite_url: str, opened: Opener
    ) -> None:
        other = await opened(sqlite_url, "other")
        async with database.transaction():
            with pytest.raises(RuntimeError, match="a transaction of other inside an open one of accounts"):
                await other.write(ADD, **account(1))
        await other.write(ADD, **account(1))

    async def test_a_write_inside_a_transaction_is_refused(self, database: Database) -> None:
        async with database.transaction() as tx:
            await tx.run(ADD, **account(1))
            with pytest.raises(RuntimeError, match="inside an open one"):
                await database.write(ADD, **account(2))
        assert await ids(database) == [1]

    async def test_a_call_to_the_outside_is_refused_inside_alone(self, database: Database) -> None:
        outside_transaction("charging")
        async with database.transaction():
            with pytest.raises(RuntimeError, match="charging inside an open transaction"):
                outside_transaction("charging")
        outside_transaction("charging")

    async def test_what_a_transaction_starts_is_outside_once_that_is_over(self, database: Database) -> None:
        over = asyncio.Event()

        async def charge() -> None:
            await over.wait()
            outside_transaction("charging")

        async with database.transaction():
            charging = asyncio.create_task(charge())
        over.set()
        await charging

    async def test_a_transaction_is_of_no_use_after_its_end(self, database: Database) -> None:
        async with database.transaction() as tx:
            pass
        with pytest.raises(RuntimeError, match="the transaction is over"):
            await tx.run(ADD, **account(1))
        with pytest.raises(RuntimeError, match="the transaction is over"):
            async with tx.savepoint():
                raise AssertionError("was let in")


class TestFailures:
    """Errors are the same on both databases and quote no value."""

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ({"number": 8}, "pk_accounts"),
            ({"id": 2}, "uq_accounts_branch_number"),
            ({"id": 2, "number": 8, "balance": 1_000_000}, "one_rich_owner"),
            ({"id": 2, "number": 8, "balance": -77_001}, "ck_accounts_balance"),
            ({"id": 2, "number": 8, "owner": None}, "accounts.owner"),
        ],
    )
    async def test_a_constraint_has_one_name_on_both_databases(
        self, database: Database, change: dict[str, Any], constraint: str
    ) -> None:
        first = {"id": 1, "owner": "ada", "branch": 7, "number": 7, "balance": 77_001}
        await database.write(ADD_WHOLE, **first)
        await database.write(ADD_WHOLE, id=9, owner="ada", branch=9, number=9, balance=2_000_000)
        with pytest.raises(ConstraintViolated) as failure:
            await database.write(ADD_WHOLE, **first | change)
        assert failure.value.constraint == constraint
        assert "77" not in str(failure.value)

    async def test_a_row_that_refers_to_nothing_is_refused(self, database: Database) -> None:
        with pytest.raises(ConstraintViolated) as failure:
            await database.write(ADD_POSTING, account_id=404, note=b"")
        assert failure.value.constraint == "foreign key"

    async def test_a_failed_statement_is_told_apart_from_a_broken_one(self, database: Database) -> None:
        with pytest.raises(DatabaseError, match="nowhere") as failure:
            await database.write(Statement(text("DELETE FROM nowhere")))
        assert type(failure.value) is DatabaseError

    async def test_a_number_that_is_too_large_is_an_invalid_value(self, database: Database) -> None:
        with pytest.raises(InvalidValue):
            await database.write(ADD, **account(2**64))

    async def test_nothing_runs_after_a_failed_statement(self, database: Database) -> None:
        await database.write(ADD, **account(1))

        async def body(tx: Transaction) -> None:
            await tx.run(ADD, **account(2))
            with pytest.raises(ConstraintViolated):
                await tx.run(ADD, **account(1))
            await tx.run(ADD, **account(3))

        with pytest.raises(RuntimeError, match="has failed"):
            await database.transact(body)
        assert await ids(database) == [1]

    async def test_a_swallowed_error_is_not_taken_for_a_commit(self, database: Database) -> None:
        await database.write(ADD, **account(1))

        async def body(tx: Transaction) -> None:
            await tx.run(ADD, **account(2))
            with pytest.raises(ConstraintViolated):
                await tx.run(ADD, **account(1))

        with pytest.raises(ConstraintViolated):
            await database.transact(body)
        assert await ids(database) == [1]


class TestSavepoints:
    """A part of a transaction can be undone alone."""

    async def test_a_savepoint_is_undone_alone(self, database: Database) -> None:
        async with database.transaction() as tx:
            await tx.run(ADD, **account(1))
            with suppress(Trouble):
                async with tx.savepoint():
                    await tx.run(ADD, **account(2))
                    raise Trouble
            async with tx.savepoint():
                await tx.run(ADD, **account(3))
        assert await ids(database) == [1, 3]

    async def test_a_failed_statement_is_forgotten_with_its_savepoint(self, database: Database) -> None:
        async with database.transaction() as tx:
            await tx.run(ADD, **account(1))
            with pytest.raises(ConstraintViolated):
                async with tx.savepoint():
                    await tx.run(ADD, **account(1))
            await tx.run(ADD, **account(2))
        assert await ids(database) == [1, 2]

    async def test_what_a_savepoint_raises_goes_on(self, database: Database) -> None:
        async def body(tx: Transaction) -> None:
            async with tx.savepoint():
                raise Trouble

        with pytest.raises(Trouble):
            await database.transact(body)

    async def test_a_savepoint_in_a_savepoint_is_undone_with_it(self, database: Database) -> None:
        async with database.transaction() as tx:
            with suppress(Trouble):
                async with tx.savepoint():
                    async with tx.savepoint():
                        await tx.run(ADD, **account(1))
                    raise Trouble
            await tx.run(ADD, **account(2))
        assert await ids(database) == [2]

    async def test_an_undone_savepoint_takes_its_wakes_with_it(self, database: Database) -> None:
        called: list[str] = []
        async with database.transaction() as tx:
            tx.after_commit(lambda: called.append("kept"))
            with suppress(Trouble):
                async with tx.savepoint():
                    tx.after_commit(lambda: called.append("undone"))
                    tx.wake("undone")
                    raise Trouble
            async with tx.savepoint():
                tx.wake("kept")
        assert called == ["kept"]
        assert database.signal("kept").is_set()
        assert not database.signal("undone").is_set()
