"""What follows a transaction on both databases: signals, repeats, cancelled callers, closing, observation."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kernel.database import Conflict, ConstraintViolated, Database, Observation, Transaction, open_database
from tests.unit.kernel.accounts import ADD, FIND, FIND_ALL, Trouble, account, ids
from tests.unit.kernel.conftest import Opener


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
    async def reported(self) -> AsyncIterator[list[dict[str, Any]]]:
        """What the event loop is told of."""
        loop = asyncio.get_running_loop()
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
