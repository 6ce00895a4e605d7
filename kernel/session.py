"""What both databases share: running statements, the one open transaction of a context, what follows a commit."""

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Any, TypeVar

from kernel.database import Conflict, DatabaseError, Observation, Observer, Transaction, Unavailable
from kernel.statement import DialectName, Plan, Statement

R = TypeVar("R")
T = TypeVar("T")
Arguments = Sequence[Any]
Record = Sequence[Any]

_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS = 0.005


class Session(ABC):
    """Runs statements on a connection; the Reader of both databases. A subclass raises nothing but DatabaseError."""

    def __init__(self, database: "BaseDatabase") -> None:
        self._database = database
        self._dialect: DialectName = database.dialect

    @abstractmethod
    async def _fetch(self, sql: str, arguments: Arguments, slow: bool) -> Sequence[Record]:
        """All records of a statement."""

    async def one(self, statement: Statement[R], /, **params: Any) -> R | None:
        rows = await self._rows(statement.plan(self._dialect), params, slow=statement.slow)
        return rows[0] if rows else None

    async def all(self, statement: Statement[R], /, **params: Any) -> list[R]:
        return await self._rows(statement.plan(self._dialect), params, slow=statement.slow)

    async def dynamic(self, core: Any, row: type[R], /, **params: Any) -> list[R]:
        return await self._rows(Plan(f"dynamic {row.__name__}", core, row, self._dialect), params, slow=True)

    async def _rows(self, plan: Plan, params: Mapping[str, Any], *, slow: bool) -> list[Any]:
        sql, arguments = plan.render(params)
        return plan.rows(await self._observed(plan.name, self._fetch, sql, arguments, slow))

    async def _observed(self, name: str, run: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run a statement and tell the database's observer."""
        observe = self._database.observe
        if observe is None:
            return await run(*arguments)
        started = perf_counter()
        failure: DatabaseError | None = None
        try:
            return await run(*arguments)
        except DatabaseError as error:
            failure = error
            raise
        finally:
            observe(Observation(self._database.name, name, perf_counter() - started, failure))


class OpenTransaction(Session):
    """The Transaction of both databases."""

    def __init__(self, database: "BaseDatabase") -> None:
        super().__init__(database)
        self.is_open = True
        self._failure: DatabaseError | None = None
        self._calls: list[Callable[[], None]] = []
        self._depth = 0

    @property
    def database_name(self) -> str:
        """The domain's name."""
        return self._database.name

    @abstractmethod
    async def _execute(self, sql: str, arguments: Arguments, returns_rows: bool) -> int:
        """Run a statement; the number of rows it changed."""

    @abstractmethod
    async def _execute_many(self, sql: str, rows: Sequence[Arguments]) -> None:
        """Run a statement once per row of arguments."""

    async def run(self, statement: Statement[Any], /, **params: Any) -> int:
        plan = statement.plan(self._dialect)
        sql, arguments = plan.render(params)
        return await self._observed(plan.name, self._execute, sql, arguments, plan.returns_rows)

    async def many(self, statement: Statement[Any], rows: Sequence[Mapping[str, Any]], /) -> None:
        plan = statement.plan(self._dialect)
        sql, arguments = plan.render_many(rows)
        if arguments:
            await self._observed(plan.name, self._execute_many, sql, arguments)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._depth += 1
        name, calls = f"savepoint_{self._depth}", len(self._calls)
        try:
            await self._command(f"SAVEPOINT {name}")
            try:
                yield
                self.raise_failure()
            except BaseException:
                del self._calls[calls:]
                await self._undo(name)
                raise
            await self._command(f"RELEASE SAVEPOINT {name}")
        finally:
            self._depth -= 1

    def wake(self, signal: str) -> None:
        self.after_commit(self._database.signal(signal).set)

    def after_commit(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    def raise_failure(self) -> None:
        """Raise the error of the statement that failed: a swallowed one must not look like a commit."""
        if self._failure is not None:
            raise self._failure

    def committed(self) -> None:
        """Do what was asked for after the commit; a call that raises stops neither the others nor the caller."""
        for call in self._calls:
            try:
                call()
            except Exception as error:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a call after a commit of {self._database.name} failed", "exception": error}
                )

    async def _observed(self, name: str, run: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return await self._failing(super()._observed, name, run, *arguments)

    async def _command(self, sql: str) -> None:
        await self._failing(self._execute, sql, (), False)

    async def _undo(self, savepoint: str) -> None:
        if not self.is_open or isinstance(self._failure, Unavailable):
            return
        self._failure = None
        await self._command(f"ROLLBACK TO SAVEPOINT {savepoint}")
        await self._command(f"RELEASE SAVEPOINT {savepoint}")

    async def _failing(self, run: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run something once, and remember its failure: PostgreSQL refuses what follows one, so SQLite does too."""
        self._require_usable()
        try:
            return await run(*arguments)
        except DatabaseError as error:
            self._failure = error
            raise

    def _require_usable(self) -> None:
        if not self.is_open:
            raise RuntimeError("the transaction is over")
        if self._failure is not None:
            raise RuntimeError("a statement of this transaction has failed: roll back to a savepoint first")


_open: ContextVar[OpenTransaction | None] = ContextVar("open_transaction", default=None)


def open_transaction() -> OpenTransaction | None:
    """The transaction that the current context is in."""
    transaction = _open.get()
    return transaction if transaction is not None and transaction.is_open else None


def enter(transaction: OpenTransaction) -> None:
    """Make a transaction its context's; RuntimeError if that is in one already, of whichever database."""
    outer = open_transaction()
    if outer is not None:
        raise RuntimeError(f"a transaction of {transaction.database_name} inside an open one of {outer.database_name}")
    _open.set(transaction)


class BaseDatabase(ABC):
    """The Database of both kinds, but for its connections."""

    dialect: DialectName

    @property
    def pool_size(self) -> int:
        return 0

    @property
    def pool_in_use(self) -> int:
        return 0

    def __init__(self, name: str, observe: Observer | None) -> None:
        self.name = name
        self.observe = observe
        self.suspensions = 0
        self._signals: dict[str, asyncio.Event] = {}
        self._closed = False

    @abstractmethod
    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A new transaction."""

    @abstractmethod
    async def _write(self, statement: Statement[Any], wake: str | None, params: Mapping[str, Any]) -> Any:
        """Commit one statement."""

    async def transact(self, body: Callable[[Transaction], Awaitable[T]], /) -> T:
        async def once() -> T:
            async with self.transaction() as transaction:
                return await body(transaction)

        return await _repeated(once)

    async def write(self, statement: Statement[R], /, *, wake: str | None = None, **params: Any) -> R | None:
        return await _repeated(lambda: self._write(statement, wake, params))

    def signal(self, name: str) -> asyncio.Event:
        return self._signals.setdefault(name, asyncio.Event())

    def _require_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"the database of {self.name} is closed")


async def _repeated(run: Callable[[], Awaitable[T]]) -> T:
    """Run again on a Conflict, after a pause that doubles and varies; the last Conflict is raised."""
    pause = _FIRST_PAUSE_SECONDS
    for _ in range(_ATTEMPTS - 1):
        try:
            return await run()
        except Conflict:
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter needs no secret
            pause *= 2
    return await run()
