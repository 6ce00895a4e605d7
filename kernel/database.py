"""The door to a domain's database: one API for PostgreSQL and SQLite, its transactions, its errors."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from kernel.statement import DialectName, Statement

__all__ = [
    "Conflict",
    "ConstraintViolated",
    "Database",
    "DatabaseError",
    "DialectName",
    "Full",
    "InvalidValue",
    "Observation",
    "Reader",
    "Statement",
    "Transaction",
    "Unavailable",
    "open_database",
    "outside_transaction",
]

R = TypeVar("R")
T = TypeVar("T")


class DatabaseError(Exception):
    """A statement failed; the message never holds a parameter's value."""


class ConstraintViolated(DatabaseError):
    """The database kept an invariant.

    `constraint` is the constraint's or unique index's name, `table.column` for NOT NULL, and "foreign key" for those.
    """

    def __init__(self, constraint: str) -> None:
        super().__init__(f"constraint violated: {constraint}")
        self.constraint = constraint


class InvalidValue(DatabaseError):
    """A value does not fit its column: too long, too large, not storable."""


class Conflict(DatabaseError):
    """A deadlock, a serialization failure or a busy database; `transact` and `write` have already tried again."""


class Unavailable(DatabaseError):
    """The database cannot be reached or cannot read or write; the same call may succeed later."""


class Full(Unavailable):
    """The disk or the database file is full."""


class Observation(NamedTuple):
    """One statement that ran: for spans, counters and the slow-statement log. `statement` is its name."""

    database: str
    statement: str
    seconds: float
    error: DatabaseError | None


Observer = Callable[[Observation], None]


class Reader(Protocol):
    """Runs statements outside a transaction, each on its own snapshot."""

    async def one(self, statement: Statement[R], /, **params: Any) -> R | None:
        """The first row, if there is one."""
        ...

    async def all(self, statement: Statement[R], /, **params: Any) -> list[R]:
        """All rows."""
        ...

    async def dynamic(self, core: Any, row: type[R], /, **params: Any) -> list[R]:
        """The rows of a construct built for this call, and compiled on every call: search filters only."""
        ...


class Transaction(Reader, Protocol):
    """One open transaction. Await nothing but its own statements inside one.

    After a statement has failed nothing more runs until its savepoint or the whole transaction is rolled back.
    """

    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        """Run a statement for its effect; the number of rows it changed."""
        ...

    async def many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        """Run a statement once per mapping of parameters."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone, with its wakes and calls, when its block raises; the exception goes on."""
        ...

    def wake(self, signal: str) -> None:
        """Set the database's signal after the commit, never after a rollback."""
        ...

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call after the commit, never after a rollback."""
        ...


class Database(Protocol):
    """One domain's database."""

    @property
    def name(self) -> str:
        """The domain's name."""
        ...

    @property
    def dialect(self) -> DialectName:
        """Which database it is."""
        ...

    @property
    def suspensions(self) -> int:
        """Transactions whose body awaited something other than its statements (counted on SQLite alone)."""
        ...

    @property
    def pool_size(self) -> int:
        """How many connections the pool may have; 0 on SQLite, which has no pool."""
        ...

    @property
    def pool_in_use(self) -> int:
        """How many connections of the pool somebody has now."""
        ...

    def read(self) -> Reader:
        """Reads outside a transaction."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """The only commit of more than one statement; RuntimeError inside another transaction, of any database."""
        ...

    async def transact(self, body: Callable[[Transaction], Awaitable[T]], /) -> T:
        """Run a body in a transaction, and again, up to five times, when it meets a Conflict.

        The body must have no effect outside the database.
        """
        ...

    async def write(self, statement: Statement[R], /, *, wake: str | None = None, **params: Any) -> R | None:
        """Commit one statement and give its first row, if it has a row class; then set the signal `wake`."""
        ...

    def signal(self, name: str) -> asyncio.Event:
        """The event of a name, always the same one: `Transaction.wake` sets it, whoever waits clears it."""
        ...

    async def close(self) -> None:
        """Finish what runs, then disconnect; RuntimeError for who comes later."""
        ...


async def open_database(
    url: str,
    *,
    name: str,
    pool_size: int = 8,
    statement_seconds: float = 10.0,
    lock_seconds: float = 5.0,
    observe: Observer | None = None,
) -> Database:
    """Open `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://...`; ValueError on any other URL.

    `name` is the domain's; `observe` is called after every statement. On PostgreSQL `pool_size` bounds the connections,
    a statement that runs for longer than `statement_seconds` is Unavailable, and one that waits for a lock for longer
    than `lock_seconds` is a Conflict.
    """
    try:
        parts = make_url(url)
    except ArgumentError:
        raise ValueError(f"{name}: not a database URL") from None
    if parts.drivername == "sqlite" and parts.database:
        from kernel.sqlite import open_sqlite

        return await open_sqlite(parts.database, name=name, observe=observe)
    if parts.drivername == "postgresql":
        from kernel.postgresql import open_postgresql, session_limits

        limits = session_limits(statement_seconds, lock_seconds)
        return await open_postgresql(url, name=name, pool_size=pool_size, limits=limits, observe=observe)
    raise ValueError(f"{name}: a database URL begins with sqlite:/// or postgresql://")


def outside_transaction(what: str) -> None:
    """RuntimeError if a transaction is open: ports, providers, mail and transports call it before they call out."""
    from kernel.session import open_transaction

    if open_transaction() is not None:
        raise RuntimeError(f"{what} inside an open transaction")
