"""SQLite's writer: a task that grants turns on the one writing connection and commits them in groups."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from kernel.database import DatabaseError, Unavailable
from kernel.fail_points import reached
from kernel.sqlite_errors import DRIVER_ERRORS, is_busy, translated

BUSY_SECONDS = 1.0
BUSY_PAUSE_SECONDS = 0.002
_BATCH_SECONDS = 0.004


class Turn:
    """One transaction's time on the connection, from its place in the queue to its commit."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.granted: asyncio.Future[None] = loop.create_future()
        self.left: asyncio.Future[bool] = loop.create_future()
        self.committed: asyncio.Future[None] = loop.create_future()
        self.after_commit: Callable[[], None] | None = None
        self.fatal: Exception | None = None

    def leave(self, *, keep: bool) -> None:
        """Hand the connection back, to keep or to undo what was done."""
        if not self.left.done():
            self.left.set_result(keep)

    async def undone(self) -> None:
        """Returns when the batch is over: what this turn saw of the others in it can be read by then."""
        if self.granted.done() and self.granted.exception() is None:
            await asyncio.shield(self.committed)

    def failed(self, error: Exception, connection: sqlite3.Connection) -> DatabaseError:
        """The driver's error as the seam's; one of storage spoils the whole batch."""
        failure = translated(error, connection)
        if isinstance(failure, Unavailable):
            self.fatal = error
        return failure


class Writer:
    """Grants turns one by one inside a BEGIN IMMEDIATE ... COMMIT, each in a savepoint, and answers after the COMMIT.

    The COMMIT, which waits for the disk, runs in a thread. What fails it fails its batch; the writer goes on.
    """

    def __init__(self, name: str, connection: sqlite3.Connection) -> None:
        self._name = name
        self._connection = connection
        self._turns: deque[Turn] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._thread = ThreadPoolExecutor(1, "sqlite-commit")
        self._task = asyncio.create_task(self._work())

    def queue(self, turn: Turn) -> None:
        """Ask for a turn."""
        self._turns.append(turn)
        self._wake.set()

    async def close(self) -> None:
        """Serve the turns that were asked for, then stop."""
        self._closing = True
        self._wake.set()
        await asyncio.wait([self._task])
        await asyncio.to_thread(self._thread.shutdown)

    async def _work(self) -> None:
        while True:
            while self._turns:
                if await self._begun():
                    await self._serve_batch()
            if self._closing:
                return
            self._wake.clear()
            await self._wake.wait()

    async def _begun(self) -> bool:
        """Begin a batch; while another process writes, try again for a while. Who waits is told of a failure."""
        until = perf_counter() + BUSY_SECONDS
        while True:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                return True
            except DRIVER_ERRORS as error:
                if not is_busy(error) or perf_counter() > until:
                    while self._turns:
                        turn = self._turns.popleft()
                        if not turn.granted.done():
                            turn.granted.set_exception(translated(error))
                    return False
            await asyncio.sleep(BUSY_PAUSE_SECONDS)

    async def _serve_batch(self) -> None:
        kept: list[Turn] = []
        undone: list[Turn] = []
        try:
            until = perf_counter() + _BATCH_SECONDS
            while self._turns and perf_counter() < until:
                await self._serve(self._turns.popleft(), kept, undone)
            if kept:
                reached("commit.before", self._name)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.execute, "COMMIT")
            if kept:
                reached("commit.after", self._name)
        except Exception as error:
            self._abandon(kept, error)
        else:
            for turn in kept:
                if turn.after_commit is not None:
                    turn.after_commit()
                turn.committed.set_result(None)
        for turn in undone:
            turn.committed.set_result(None)

    async def _serve(self, turn: Turn, kept: list[Turn], undone: list[Turn]) -> None:
        """Grant one turn and wait until it is left; raise what spoils the batch."""
        if turn.granted.done():
            return
        try:
            self._connection.execute("SAVEPOINT turn")
        except DRIVER_ERRORS as error:
            turn.granted.set_exception(translated(error))
            raise
        turn.granted.set_result(None)
        keep = await turn.left
        (kept if keep else undone).append(turn)
        if not keep and turn.fatal is None:
            self._connection.execute("ROLLBACK TO SAVEPOINT turn")
        if turn.fatal is not None:
            raise turn.fatal
        self._connection.execute("RELEASE SAVEPOINT turn")

    def _abandon(self, kept: list[Turn], error: Exception) -> None:
        for turn in kept:
            turn.committed.set_exception(translated(error))
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except DRIVER_ERRORS:
            # The next BEGIN meets the same trouble and reports it.
            return
