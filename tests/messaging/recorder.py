"""What stories about delivery are told with: events to send, and a handler that notes what reached it."""

from __future__ import annotations

from collections.abc import Callable

from kernel.database import Database, Transaction
from kernel.ids import new_id
from kernel.logging import correlation_id, traceparent
from messaging import outbox
from messaging.consumer import Consumer, Handler
from messaging.event import Event
from messaging.events import StockReleased
from messaging.message import Message
from messaging.transport import Transport


class Recorder:
    """A handler that notes what it handled, and fails as often as it is told to."""

    def __init__(self, failures: int = 0, error: Callable[[], Exception] = lambda: RuntimeError("broken")) -> None:
        self.handled: list[Event] = []
        self.correlations: list[str] = []
        self.traces: list[str | None] = []
        self.failures = failures
        self._error = error

    async def __call__(self, tx: Transaction, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise self._error()
        self.handled.append(event)
        self.correlations.append(correlation_id())
        self.traces.append(traceparent())

    async def has(self, count: int) -> bool:
        """Whether it has handled so many; fails if they were more."""
        assert len(self.handled) <= count
        return len(self.handled) == count


def released() -> StockReleased:
    """An event that no other is equal to."""
    return StockReleased(order_id=new_id(), reason="TEST")


async def written(database: Database, *events: Event) -> None:
    """Commits the events to the outbox."""
    async with database.transaction() as tx:
        await outbox.add(tx, *events)


async def only_message(database: Database) -> Message:
    """The one event in the outbox that was not sent."""
    (message,) = await outbox.pending(database.read())
    return message


async def connected(transport: Transport, database: Database, handler: Handler, *, attempts: int = 8) -> Consumer:
    """The consumer of a domain that reacts to one event, on a transport that was started."""
    consumer = Consumer(database, {StockReleased: handler}, attempts=attempts)
    transport.consume(database.name, consumer.events, consumer.receive, consumer.bury)
    await transport.start()
    return consumer
