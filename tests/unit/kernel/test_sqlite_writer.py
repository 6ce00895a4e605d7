"""SQLite's writer: groups of transactions, full disks, failed commits, other processes."""

import asyncio
import resource
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import BigInteger, Column, Integer, text

from kernel.columns import param
from kernel.database import (
    Conflict,
    ConstraintViolated,
    Database,
    DatabaseError,
    Full,
    Statement,
    Transaction,
    Unavailable,
    open_database,
)
from tests.unit.kernel.accounts import ADD, ADD_POSTING, FIND, BalanceRow, IdRow, account, ids

WAL_HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24

LIMIT_PAGES = Statement(text("PRAGMA max_page_count = 60"))
UNLIMIT_PAGES = Statement(text("PRAGMA max_page_count = 1000000"))
CHECK_KEYS_AT_COMMIT = Statement(text("PRAGMA defer_foreign_keys = ON"))
POSTINGS = Statement(text("SELECT count(*) AS id FROM postings").columns(Column("id", BigInteger)), IdRow)
BIG_NOTE = bytes(500_000)
LONG_COUNT = Statement(
    text(
        "WITH RECURSIVE steps(step) AS (SELECT 1 UNION ALL SELECT step + 1 FROM steps WHERE step < :steps)"
        " SELECT max(step) AS balance FROM steps"
    )
    .bindparams(param(Integer, "steps"))
    .columns(Column("balance", BigInteger)),
    BalanceRow,
    slow=True,
)
WRITING_READ = Statement(
    text("INSERT INTO accounts (id, owner, balance) VALUES (1, 'a', 0) RETURNING id").columns(Column("id", BigInteger)),
    IdRow,
)


async def postings(database: Database) -> int:
    row = await database.read().one(POSTINGS)
    assert row is not None
    return row.id


def log_of(url: str) -> Path:
    """The database's write-ahead log."""
    return Path(f"{url.removeprefix('sqlite:///')}-wal")


def commits(url: str) -> int:
    """How many commits the write-ahead log holds: a commit's last frame tells the size of the database."""
    log = log_of(url).read_bytes()
    frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(log[8:12])
    starts = range(WAL_HEADER_BYTES, len(log), frame_bytes)
    return sum(int.from_bytes(log[start + 4 : start + 8]) > 0 for start in starts)


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """The operating system refuses to let a file of this process grow further, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def written_by_another(url: str) -> Iterator[sqlite3.Connection]:
    """Another connection that is in the middle of a write."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other
        if other.in_transaction:
            other.execute("ROLLBACK")


async def failed_in_one_group(
    database: Database, failure: type[DatabaseError], call: Callable[[], Awaitable[Any]]
) -> int:
    """Add an account beside a call that fails, until both were in one group; the number of that account.

    A busy machine may end the first one's group before the second is in it.
    """
    for number in range(1000, 1100):
        adding = database.write(ADD, wake=f"added {number}", **account(number))
        results = await asyncio.gather(adding, call(), return_exceptions=True)
        assert isinstance(results[1], failure)
        if results[0] is not None:
            assert isinstance(results[0], failure)
            assert results[0] is not results[1]
            return number
    raise AssertionError("the two were never in one group")


async def test_transactions_that_wait_share_one_commit(sqlite: Database, sqlite_url: str) -> None:
    await sqlite.write(ADD, **account(0))
    before = commits(sqlite_url)
    await asyncio.gather(*(sqlite.write(ADD, **account(number)) for number in range(1, 101)))
    assert len(await ids(sqlite)) == 101
    assert 1 <= commits(sqlite_url) - before <= 50


async def test_a_body_that_fails_is_undone_alone_in_its_group(sqlite: Database) -> None:
    results = await asyncio.gather(
        *(sqlite.write(ADD, **account(number)) for number in (1, 2, 2, 3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [type(None), type(None), ConstraintViolated, type(None)]
    assert await ids(sqlite) == [1, 2, 3]


async def test_who_fails_for_what_another_wrote_can_read_it_afterwards(sqlite: Database) -> None:
    class Taken(Exception):
        pass

    async def refuse(number: int) -> None:
        async def body(tx: Transaction) -> None:
            if await tx.one(FIND, id=number):
                raise Taken

        with pytest.raises(Taken):
            await sqlite.transact(body)
        assert number in await ids(sqlite)

    for number in range(20):
        await asyncio.gather(sqlite.write(ADD, **account(number)), refuse(number))


async def test_what_is_answered_is_on_the_disk(sqlite: Database, sqlite_url: str) -> None:
    await sqlite.write(ADD, **account(1))
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        assert other.execute("SELECT id FROM accounts").fetchall() == [(1,)]


async def test_the_file_is_opened_to_survive_a_power_failure(sqlite: Database) -> None:
    settings = {}
    async with sqlite.transaction() as tx:
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout"):
            rows = await tx.dynamic(text(f"PRAGMA {name}").columns(Column("id", Integer)), IdRow)
            settings[name] = rows[0].id
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 0}


async def test_a_full_database_fails_its_writes_and_the_writer_goes_on(sqlite: Database) -> None:
    await sqlite.write(ADD, **account(1))
    await sqlite.write(LIMIT_PAGES)
    adding = (sqlite.write(ADD_POSTING, account_id=1, note=BIG_NOTE) for _ in range(5))
    results = await asyncio.gather(*adding, return_exceptions=True)
    assert {type(result) for result in results} == {Full}
    assert await postings(sqlite) == 0
    await sqlite.write(UNLIMIT_PAGES)
    await sqlite.write(ADD_POSTING, account_id=1, note=BIG_NOTE)
    assert await postings(sqlite) == 1


async def test_a_full_database_fails_the_whole_group_of_the_write(sqlite: Database) -> None:
    await sqlite.write(ADD, **account(1))
    await sqlite.write(LIMIT_PAGES)
    number = await failed_in_one_group(
        sqlite, Full, lambda: sqlite.write(ADD_POSTING, wake="posted", account_id=1, note=BIG_NOTE)
    )
    assert number not in await ids(sqlite)
    assert not sqlite.signal("posted").is_set()
    assert not sqlite.signal(f"added {number}").is_set()


async def test_a_swallowed_full_database_fails_the_transaction_all_the_same(sqlite: Database) -> None:
    await sqlite.write(ADD, **account(1))
    await sqlite.write(LIMIT_PAGES)

    async def body(tx: Transaction) -> None:
        with suppress(Full):
            async with tx.savepoint():
                await tx.run(ADD_POSTING, account_id=1, note=BIG_NOTE)

    with pytest.raises(Full):
        await sqlite.transact(body)
    await sqlite.write(ADD, **account(2))
    assert await ids(sqlite) == [1, 2]


async def test_a_commit_that_the_disk_refuses_fails_its_group_and_the_writer_goes_on(sqlite: Database) -> None:
    await sqlite.write(ADD, **account(1))
    with files_no_larger_than(400_000):
        number = await failed_in_one_group(
            sqlite, Unavailable, lambda: sqlite.write(ADD_POSTING, wake="posted", account_id=1, note=BIG_NOTE)
        )
    assert number not in await ids(sqlite)
    assert not sqlite.signal("posted").is_set()
    assert not sqlite.signal(f"added {number}").is_set()
    await sqlite.write(ADD_POSTING, account_id=1, note=BIG_NOTE)
    assert await postings(sqlite) == 1


async def test_a_commit_that_the_database_refuses_fails_its_group_and_the_writer_goes_on(sqlite: Database) -> None:
    async def refer_to_nothing(tx: Transaction) -> None:
        await tx.run(CHECK_KEYS_AT_COMMIT)
        await tx.run(ADD_POSTING, account_id=404, note=b"")

    number = await failed_in_one_group(sqlite, ConstraintViolated, lambda: sqlite.transact(refer_to_nothing))
    assert number not in await ids(sqlite)
    await sqlite.write(ADD, **account(number))
    assert number in await ids(sqlite)


async def test_a_write_waits_while_another_process_writes(sqlite: Database, sqlite_url: str) -> None:
    with written_by_another(sqlite_url) as other:
        writing = asyncio.create_task(sqlite.write(ADD, **account(1)))
        await asyncio.wait({writing}, timeout=0.02)
        assert not writing.done()
        other.execute("INSERT INTO accounts (id, owner, balance) VALUES (7, 'other', 0)")
        other.execute("COMMIT")
        await writing
    assert await ids(sqlite) == [1, 7]


async def test_a_write_that_waits_too_long_is_a_conflict_and_the_writer_goes_on(
    sqlite: Database, sqlite_url: str
) -> None:
    async def once() -> None:
        async with sqlite.transaction() as tx:
            await tx.run(ADD, **account(1))

    with written_by_another(sqlite_url):
        results = await asyncio.gather(once(), once(), return_exceptions=True)
        assert [type(result) for result in results] == [Conflict, Conflict]
    await sqlite.write(ADD, **account(2))
    assert await ids(sqlite) == [2]


async def test_reads_go_on_while_another_process_writes(sqlite: Database, sqlite_url: str) -> None:
    await sqlite.write(ADD, **account(1))
    with written_by_another(sqlite_url):
        assert await ids(sqlite) == [1]


async def test_a_read_cannot_write_anything(sqlite: Database) -> None:
    with pytest.raises(DatabaseError, match="readonly"):
        await sqlite.read().one(WRITING_READ)


async def test_a_slow_read_leaves_the_event_loop_free(sqlite: Database) -> None:
    counting = asyncio.create_task(sqlite.read().one(LONG_COUNT, steps=1_000_000))
    await asyncio.wait({counting}, timeout=0)
    assert await ids(sqlite) == []
    assert not counting.done()
    assert await counting == BalanceRow(1_000_000)


async def test_a_body_that_awaits_something_else_is_counted(sqlite: Database) -> None:
    async with sqlite.transaction() as tx:
        await tx.run(ADD, **account(1))
    assert sqlite.suspensions == 0
    moment = asyncio.Event()
    async with sqlite.transaction():
        asyncio.get_running_loop().call_soon(moment.set)
        await moment.wait()
    assert sqlite.suspensions == 1


async def test_turns_are_granted_in_the_order_of_asking(sqlite: Database) -> None:
    granted: list[int] = []

    async def take(number: int) -> None:
        async with sqlite.transaction():
            granted.append(number)

    await asyncio.gather(*(take(number) for number in range(20)))
    assert granted == list(range(20))


async def test_a_database_in_a_missing_folder_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open database file"):
        await open_database(f"sqlite:///{tmp_path}/missing/accounts.db", name="accounts")


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "accounts.db").write_text("This is a letter to a friend, and no database at all.\n" * 100)
    with pytest.raises(Unavailable, match="not a database"):
        await open_database(f"sqlite:///{tmp_path}/accounts.db", name="accounts")


async def test_a_closed_file_has_no_log_left(sqlite_url: str) -> None:
    database = await open_database(sqlite_url, name="accounts")
    await database.write(ADD, **account(1))
    await database.close()
    assert not log_of(sqlite_url).exists()
