"""The consumer: takes a domain's deliveries, runs each handler once, and keeps what failed to try it again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from time import perf_counter
from typing import Any

from kernel.database import Database, Transaction, Unavailable
from kernel.fail_points import reached
from kernel.ids import new_id
from kernel.logging import correlated, log
from kernel.sweep import Sweep
from messaging import inbox
from messaging.event import Event, Undecodable
from messaging.message import Message
from messaging.tables import InboxState

Handler = Callable[[Transaction, Any], Awaitable[None]]
"""Reacts to one event in a transaction of its domain's database; never calls out."""

ATTEMPTS = 8
FIRST_RETRY_SECONDS = 1.0
RETRY_FACTOR = 6.6
"""Seven pauses from one second on: about 27 hours in all."""
LEASE_SECONDS = 60
BATCH = 50
SPARED_CONNECTIONS = 1
"""Connections of the domain's pool that deliveries leave to whoever sends and sweeps."""
IDLE_SECONDS = 1.0
KEEP_DONE_SECONDS = 30 * 24 * 3600
"""Longer than any event can be replayed: what is not remembered would run again."""
PURGE_EVERY_SECONDS = 3600.0
PURGE_BATCH = 500
ERROR_LENGTH = 2000

_log = log(__name__)


class NotYet(Exception):
    """Something that the event builds on has not arrived yet; the event is tried again."""


class GivenUp(Exception):
    """The transport delivered the event again and again, or the process that handled it died each time."""


class LostLease(Exception):
    """Another worker took this event over; what was done here is rolled back."""


class Consumer:
    """Takes the deliveries of one domain. `handlers` has one handler for each event that the domain consumes.

    A failed event is tried `attempts` times in all; `pause` gives the seconds to wait after so many. `count` is told
    each event's name and what became of it: `handled`, `again` (it was known), `waits`, `failed` or `dead`.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[type[Event], Handler],
        *,
        attempts: int = ATTEMPTS,
        pause: Callable[[int], int] | None = None,
        count: Callable[[str, str], None] = lambda name, outcome: None,
    ) -> None:
        self._database = database
        self._handlers = {event.__name__: (event, handler) for event, handler in handlers.items()}
        self._attempts = attempts
        self._pause = pause or pause_seconds
        self._count = count
        # Deliveries wait for their turn here: in the pool's queue they would give up, and sweeps stand behind them.
        places = max(1, database.pool_size - SPARED_CONNECTIONS)
        self._turns = asyncio.Semaphore(places) if database.pool_size else nullcontext()

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the events that the domain consumes."""
        return tuple(self._handlers)

    async def receive(self, message: Message) -> None:
        """Handles a delivery or keeps it for later: after this the message is safe here.

        A delivery that was seen before does nothing. Raises Unavailable when the database is away: deliver again.
        """
        with correlated(message.correlation_id, message.traceparent):
            async with self._turns:
                await self._receive(message)
        reached("ack.before", self._database.name, message.name)

    async def _receive(self, message: Message) -> None:
        event_type, handler = self._handlers[message.name]
        began = perf_counter()
        try:
            event = event_type.from_wire(message.body)
            is_new = await self._database.transact(lambda tx: _handle(tx, message, event, handler))
            self._tell("handled" if is_new else "again", message.name, message.id, began)
        except Unavailable:
            raise
        except Undecodable as error:
            await self._keep(message, InboxState.DEAD, error)
        except Exception as error:
            await self._keep(message, InboxState.PENDING, error)

    async def bury(self, message: Message, reason: str) -> None:
        """Keeps as a dead letter what the transport gave up; no handler runs, which may be what it died of."""
        with correlated(message.correlation_id, message.traceparent):
            await self._keep(message, InboxState.DEAD, GivenUp(reason))

    def sweeps(self) -> list[Sweep]:
        """What has to run for failed events to be tried again, and for the inbox to stay small."""
        name = self._database.name
        return [
            Sweep(
                f"{name} retries", self.retry_due, signal=self._database.signal(inbox.SIGNAL), idle_seconds=IDLE_SECONDS
            ),
            Sweep(f"{name} inbox purge", self.purge, idle_seconds=PURGE_EVERY_SECONDS),
        ]

    async def retry_due(self) -> int:
        """Tries again what failed before and is due; how many events were tried."""
        if await self._database.read().one(inbox.ANY_DUE) is None:
            return 0
        mine = new_id()
        async with self._database.transaction() as tx:
            due = await tx.all(inbox.CLAIM_DUE, mine=mine, count=BATCH, seconds=LEASE_SECONDS)
        for row in due:
            with correlated(row.correlation_id, row.traceparent):
                await self._retry(row, mine)
        return len(due)

    async def purge(self) -> int:
        """Forgets some of the events that were handled long ago; how many."""
        return await self._database.transact(
            lambda tx: tx.run(inbox.PURGE, seconds=-KEEP_DONE_SECONDS, count=PURGE_BATCH)
        )

    async def _retry(self, row: inbox.PendingRow, mine: Any) -> None:
        attempts = row.attempts + 1

        async def handle(tx: Transaction) -> None:
            if not await tx.run(inbox.FINISH, id=row.event_id, mine=mine):
                raise LostLease(f"{row.name} {row.event_id} is handled by another worker")
            event_type, handler = self._handlers[row.name]
            await handler(tx, event_type.from_wire(row.body))

        began = perf_counter()
        try:
            # Counted before: a handler that kills its process must not be tried for ever.
            await self._database.write(inbox.TRY, id=row.event_id, mine=mine)
            if row.name not in self._handlers:
                raise Undecodable(f"{self._database.name} does not consume {row.name}")
            if attempts > self._attempts:
                raise GivenUp("its process died each time that it was tried")
            await self._database.transact(handle)
            self._tell("handled", row.name, row.event_id, began)
        except (Unavailable, LostLease) as error:
            _log.info("a retry was put off", event_name=row.name, event_id=str(row.event_id), reason=str(error))
        except Exception as error:
            dead = attempts >= self._attempts or isinstance(error, Undecodable)
            state = InboxState.DEAD if dead else InboxState.PENDING
            self._report(row.name, row.event_id, state, attempts, error)
            async with self._database.transaction() as tx:
                await tx.run(
                    inbox.FAIL_AGAIN,
                    id=row.event_id, mine=mine, into=state, reason=_describe(error), seconds=self._pause(attempts),
                )  # fmt: skip

    async def _keep(self, message: Message, state: InboxState, error: Exception) -> None:
        if self._attempts <= 1:
            state = InboxState.DEAD
        self._report(message.name, message.id, state, 1, error)
        async with self._database.transaction() as tx:
            await tx.run(
                inbox.KEEP, **_identity(message),
                state=state, body=message.body, traceparent=message.traceparent,
                error=_describe(error), seconds=self._pause(1),
            )  # fmt: skip
            tx.wake(inbox.SIGNAL)

    def _tell(self, outcome: str, name: str, event_id: Any, began: float) -> None:
        self._count(name, outcome)
        what = "event_handled" if outcome == "handled" else "event_came_again"
        milliseconds = round((perf_counter() - began) * 1000, 2)
        _log.debug(what, domain=self._database.name, event_name=name, event_id=str(event_id), ms=milliseconds)

    def _report(self, name: str, event_id: Any, state: InboxState, attempts: int, error: Exception) -> None:
        fields = {"event_name": name, "event_id": str(event_id), "domain": self._database.name, "attempts": attempts}
        if state is InboxState.DEAD:
            self._count(name, "dead")
            _log.error("an event became a dead letter", **fields, exc_info=error)
        elif isinstance(error, NotYet):
            self._count(name, "waits")
            _log.info("an event waits for another one", **fields, reason=str(error))
        else:
            self._count(name, "failed")
            _log.warning("a handler failed and will be tried again", **fields, exc_info=error)


def pause_seconds(attempts: int) -> int:
    """How long to wait after this many attempts: exponential, give or take a fifth."""
    return max(1, round(FIRST_RETRY_SECONDS * RETRY_FACTOR ** (attempts - 1) * random.uniform(0.8, 1.2)))  # noqa: S311


async def _handle(tx: Transaction, message: Message, event: Event, handler: Handler) -> bool:
    """Whether the event had not been seen before."""
    is_new = bool(await tx.run(inbox.MARK_DONE, **_identity(message)))
    if is_new:
        await handler(tx, event)
    return is_new


def _identity(message: Message) -> dict[str, Any]:
    return {
        "event_id": message.id,
        "name": message.name,
        "owner": message.owner,
        "correlation_id": message.correlation_id,
        "written_at": message.written_at,
    }


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:ERROR_LENGTH].replace("\0", "")  # which PostgreSQL cannot store
