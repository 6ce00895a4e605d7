"""A connection to RabbitMQ that is made anew, with everything on it, whenever it is lost.

The client library can restore a connection itself, but it restores what it remembers: here every connection, the first
and each later one, is opened in the same way, so that what was deleted meanwhile is declared again too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from aio_pika.abc import AbstractChannel, AbstractRobustConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from faststream.rabbit import Channel, RabbitBroker
from yarl import URL

from kernel.logging import log

CONNECT_SECONDS = 5.0
OPEN_SECONDS = 30.0
CHECK_SECONDS = 30.0
"""How often a connection that lives is asked whether everything on it is still there."""
CLOSE_SECONDS = 5.0
HEARTBEAT_SECONDS = 20
"""A broker that is silent for about twice as long is taken for lost."""
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 10.0

_log = log(__name__)

T = TypeVar("T")
Open = Callable[[RabbitBroker, AbstractRobustConnection], Awaitable[None]]
"""Declares what is needed on a new connection, starts its consumers; raises if that cannot be done."""
Check = Callable[[AbstractChannel], Awaitable[None]]
"""Raises ChannelNotFoundEntity when something that `Open` declared or started is gone."""


class Link:
    """Keeps one connection to the broker open. `name` is what the broker shows of it."""

    def __init__(self, url: str, name: str, *, open: Open, check: Check, check_seconds: float) -> None:
        self._url = str(URL(url).with_query({"heartbeat": HEARTBEAT_SECONDS, **URL(url).query, "name": name}))
        self._name = name
        self._open = open
        self._check = check
        self._check_seconds = check_seconds
        self._broker: RabbitBroker | None = None
        self._connection: AbstractRobustConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self._tried = asyncio.Event()
        self._failures = 0
        self.away_since: datetime | None = datetime.now(UTC)
        """Since when there is no connection; None while there is one."""

    @property
    def broker(self) -> RabbitBroker | None:
        """The broker, None while it is away."""
        return self._broker if self._connection is not None and self._connection.connected.is_set() else None

    async def start(self) -> None:
        """Connects, and goes on trying in the background if that fails."""
        self._task = asyncio.create_task(self._keep(), name=f"{self._name} link")
        await self._tried.wait()

    async def stop(self) -> None:
        """Closes the connection; messages that were not acknowledged go back to their queues."""
        self._stopped.set()
        if self._task is not None:
            await self._task

    async def ask(self, question: Callable[[AbstractChannel], Awaitable[T]]) -> T | None:
        """What a channel of its own answers; None while the broker is away, slow, or does not know."""
        if self.broker is None or self._connection is None:
            return None
        try:
            async with asyncio.timeout(CONNECT_SECONDS), self._connection.channel() as channel:
                return await question(channel)
        except (TimeoutError, asyncio.CancelledError, *CONNECTION_EXCEPTIONS):
            if is_cancelled():
                raise
            return None

    async def _keep(self) -> None:
        while not self._stopped.is_set():
            try:
                await self._live()
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                self._failures += 1
                _log.warning(
                    "RabbitMQ is away and will be tried again",
                    link=self._name, failures=self._failures, reason=str(error) or type(error).__name__,
                )  # fmt: skip
            self._tried.set()
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(self._failures, 10), LONGEST_PAUSE_SECONDS)
            await _within(pause, self._stopped)

    async def _live(self) -> None:
        """One connection, from connecting to its end."""
        ended = asyncio.Event()
        broker = RabbitBroker(
            self._url,
            timeout=CONNECT_SECONDS,
            fail_fast=True,
            on_close=[lambda *_: ended.set()],
            default_channel=Channel(publisher_confirms=True, on_return_raises=True),
            apply_types=False,
            logger=None,
        )
        connection = await broker.connect()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._open(broker, connection)
            self._broker, self._connection = broker, connection
            self._failures, self.away_since = 0, None
            _log.info("connected to RabbitMQ", link=self._name)
            self._tried.set()
            await self._until(ended, connection)
        finally:
            self._broker = self._connection = None
            self.away_since = self.away_since or datetime.now(UTC)  # a connection that could not be opened was none
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await connection.close()

    async def _until(self, ended: asyncio.Event, connection: AbstractRobustConnection) -> None:
        """Returns when the connection has ended or shall be made anew."""
        stopped = asyncio.create_task(self._stopped.wait())
        lost = asyncio.create_task(ended.wait())
        try:
            while not stopped.done() and not lost.done():
                await asyncio.wait((stopped, lost), timeout=self._check_seconds, return_when=asyncio.FIRST_COMPLETED)
                if not stopped.done() and not lost.done():
                    await self._look(connection)
        finally:
            stopped.cancel()
            lost.cancel()
        if not self._stopped.is_set():
            _log.warning("the connection to RabbitMQ was lost", link=self._name)

    async def _look(self, connection: AbstractRobustConnection) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS), connection.channel() as channel:
                await self._check(channel)
        except TimeoutError:
            _log.warning("RabbitMQ is slow to answer", link=self._name)  # blocked, or about to be lost


def is_cancelled() -> bool:
    """Whether the task that runs is to end: a closing connection cancels whoever waits on it as well."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True
