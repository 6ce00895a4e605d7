"""The door to the handlers of the domain whose `database` a test has, and what its outbox says."""

from collections.abc import Awaitable, Callable

import pytest

from kernel.database import Database
from messaging import outbox
from messaging.consumer import Handler
from messaging.event import Event, event_named


@pytest.fixture
def deliver(database: Database) -> Callable[..., Awaitable[None]]:
    """Hands events to a handler, each in a transaction of its own."""

    async def deliver(handler: Handler, *events: Event) -> None:
        for event in events:
            await database.transact(lambda tx, event=event: handler(tx, event))

    return deliver


@pytest.fixture
def told(database: Database) -> Callable[[], Awaitable[list[Event]]]:
    """Every event written so far, oldest first."""

    async def told() -> list[Event]:
        messages = await outbox.pending(database.read())
        classes = [(event_named(message.name), message.body) for message in messages]
        return [event_class.from_wire(body) for event_class, body in classes if event_class]

    return told
