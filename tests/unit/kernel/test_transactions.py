"""Transactions on both databases: what is kept, what is undone, what follows, what is refused."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import text

from kernel.database import (
    Conflict,
    ConstraintViolated,
    Database,
    DatabaseError,
    InvalidValue,
    Observation,
    Statement,
    Transaction,
    open_database,
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
    FIND_ALL,
    FIND_LOCKED,
    FIND_MANY,
    SET_BALANCE,
    TOTAL,
    AccountRow,
    BalanceRow,
    accounts,
)
from tests.unit.kernel.conftest import Opener

GATEWAYS = 100


class Trouble(Exception):
    """What a test raises to undo."""


def account(id: int, owner: str = "ada", balance: int = 0) -> dict[str, Any]:
    return {"id": id, "owner": owner, "balance": balance}


async def ids(database: Database) -> list[int]:
    return [row.id for row in await database.read().all(FIND_ALL)]


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


class TestAfterTheCommit:
    """Signals and calls follow a commit and never a rollback."""

    async def test_a_signal_is_set_after_the_commit(self, database: Database) -> None:
        signal = database.signal("outbox")
        async with database.transaction() as tx:
            tx.wake("outbox")
            assert not signal.is_set()
        assert signal.is_set()
        assert database.signal("outbox") is signal
        assert database.signal("sweep") is not signal

    async def test_a_rollback_sets_no_signal(self, database: Database) -> None:
        async def body(tx: Transaction) -> None:
            tx.wake("outbox")
            raise Trouble

        with pytest.raises(Trouble):
            await database.transact(body)
        assert not database.signal("outbox").is_set()

    async def test_a_write_sets_its_signal_when_it_is_kept(self, database: Database) -> None:
        await database.write(ADD, wake="kept", **account(1))
        with pytest.raises(ConstraintViolated):
            await database.write(ADD, wake="failed", **account(1))
        assert database.signal("kept").is_set()
        assert not database.signal("failed").is_set()

    async def test_a_call_that_raises_stops_neither_the_others_nor_the_caller(
        self, database: Database, reported: list[dict[str, Any]]
    ) -> None:
        def fail() -> None:
            raise Trouble

        called: list[str] = []
        async with database.transaction() as tx:
            await tx.run(ADD, **account(1))
            tx.after_commit(fail)
            tx.after_commit(lambda: called.append("next"))
        assert called == ["next"]
        assert isinstance(reported[0]["exception"], Trouble)
        assert await ids(database) == [1]

    @pytest.fixture
    def reported(self) -> Iterator[list[dict[str, Any]]]:
        """What the event loop is told of."""
        loop = asyncio.get_event_loop()
        found: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: found.append(context))
        yield found
        loop.set_exception_handler(None)


class TestRepeats:
    """`transact` repeats a body that meets a conflict."""

    async def test_a_conflict_is_tried_again_from_the_start(self, database: Database) -> None:
        tries: list[int] = []

        async def body(tx: Transaction) -> str:
            tries.append(len(tries))
            await tx.run(ADD, **account(len(tries)))
            if len(tries) < 3:
                raise Conflict("again")
            return "done"

        assert await database.transact(body) == "done"
        assert tries == [0, 1, 2]
        assert await ids(database) == [3]

    async def test_a_conflict_that_stays_is_raised_after_five_tries(self, database: Database) -> None:
        tries: list[int] = []

        async def body(tx: Transaction) -> None:
            tries.append(1)
            raise Conflict("for ever")

        with pytest.raises(Conflict):
            await database.transact(body)
        assert len(tries) == 5

    async def test_another_failure_is_not_tried_again(self, database: Database) -> None:
        tries: list[int] = []

        async def body(tx: Transaction) -> None:
            tries.append(1)
            raise Trouble

        with pytest.raises(Trouble):
            await database.transact(body)
        assert len(tries) == 1


class TestCancellation:
    """A cancelled caller leaves the database as it was, or with the whole of its transaction."""

    async def test_a_caller_cancelled_in_its_block_leaves_nothing(self, database: Database) -> None:
        inside, never = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with database.transaction() as tx:
                await tx.run(ADD, **account(1))
                inside.set()
                await never.wait()

        task = asyncio.create_task(work())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.write(ADD, **account(2))
        assert await ids(database) == [2]

    async def test_a_caller_cancelled_while_it_commits_has_committed(self, database: Database) -> None:
        left, committed = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with database.transaction() as tx:
                await tx.run(ADD, **account(1))
                tx.after_commit(committed.set)
                left.set()

        task = asyncio.create_task(work())
        await left.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await committed.wait()
        assert await ids(database) == [1]

    async def test_a_caller_cancelled_while_it_waits_touches_nothing(self, url: str, opened: Opener) -> None:
        database = await opened(url, pool_size=1)
        inside, leave = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with database.transaction() as tx:
                inside.set()
                await leave.wait()
                await tx.run(ADD, **account(1))

        async def add(id: int) -> None:
            async with database.transaction() as tx:
                await tx.run(ADD, **account(id))

        holding = asyncio.create_task(hold())
        await inside.wait()
        waiting = [asyncio.create_task(add(number)) for number in (2, 3, 4)]
        await asyncio.wait(waiting, timeout=0.01)
        waiting[1].cancel()
        leave.set()
        results = await asyncio.gather(holding, *waiting, return_exceptions=True)
        assert [type(result) for result in results] == [type(None), type(None), asyncio.CancelledError, type(None)]
        assert await ids(database) == [1, 2, 4]


class TestOpeningAndClosing:
    """The door: which URLs it knows, and what it finishes."""

    @pytest.mark.parametrize(
        "url", ["mysql://host/base", "sqlite://", "no url at all", "postgresql+psycopg://host/base"]
    )
    async def test_another_kind_of_url_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="orders: "):
            await open_database(url, name="orders")

    async def test_a_refused_url_is_not_quoted_with_its_password(self) -> None:
        with pytest.raises(ValueError, match="orders: ") as failure:
            await open_database("mysql://me:secret@host/base", name="orders")
        assert "secret" not in str(failure.value)

    async def test_a_database_knows_its_name_and_its_kind(self, url: str, opened: Opener) -> None:
        database = await opened(url, "orders")
        assert database.name == "orders"
        assert url.startswith(database.dialect)

    async def test_closing_waits_for_what_runs(self, url: str) -> None:
        database = await open_database(url, name="accounts")
        inside, leave = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with database.transaction() as tx:
                inside.set()
                await leave.wait()
                await tx.run(ADD, **account(1))

        working = asyncio.create_task(work())
        await inside.wait()
        closing = asyncio.create_task(database.close())
        await asyncio.wait({closing}, timeout=0.01)
        assert not closing.done()
        leave.set()
        await asyncio.gather(working, closing)
        again = await open_database(url, name="accounts")
        assert await ids(again) == [1]
        await again.close()

    async def test_a_closed_database_says_so_to_who_comes_later(self, url: str) -> None:
        database = await open_database(url, name="accounts")
        await database.close()
        await database.close()
        with pytest.raises(RuntimeError, match="the database of accounts is closed"):
            database.read()
        with pytest.raises(RuntimeError, match="is closed"):
            await database.write(ADD, **account(1))
        with pytest.raises(RuntimeError, match="is closed"):
            async with database.transaction():
                raise AssertionError("was let in")


class TestObservation:
    """One hook sees every statement."""

    async def test_every_statement_is_observed_with_its_name_and_outcome(self, url: str, opened: Opener) -> None:
        seen: list[Observation] = []
        database = await opened(url, observe=seen.append)
        async with database.transaction() as tx:
            await tx.run(ADD, **account(1))
            await tx.many(ADD, [account(2, "bob"), account(3, "eve")])
            await tx.one(FIND, id=1)
        await database.read().all(FIND_ALL)
        with pytest.raises(ConstraintViolated):
            await database.write(ADD, **account(1))
        assert [one.statement.rpartition(".")[2] for one in seen] == ["ADD", "ADD", "FIND", "FIND_ALL", "ADD"]
        assert [type(one.error) for one in seen] == [type(None)] * 4 + [ConstraintViolated]
        assert {one.database for one in seen} == {"accounts"}
        assert all(one.seconds > 0 for one in seen)
