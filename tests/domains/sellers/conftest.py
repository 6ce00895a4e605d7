"""A database of the sellers of each kind, the service over it, its handlers' door, and what its outbox says."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from domains.sellers import SellersService
from kernel.database import Database
from messaging import outbox
from messaging.consumer import Handler
from messaging.event import Event, event_named
from tests.databases import Databases, opened


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.empty("sellers"), "sellers") as database:
        yield database


@pytest.fixture
def service(database: Database) -> SellersService:
    return SellersService(database, currency="EUR")


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
