"""A database of the notifications of each kind, real mail files, the service over both, and what the outbox says."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from app.mail import EmlFiles
from domains.notifications import NotificationsService
from kernel.database import Database
from messaging import outbox
from messaging.consumer import Handler
from messaging.event import Event, event_named
from tests.databases import Databases, opened


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.empty("notifications"), "notifications") as database:
        yield database


@pytest.fixture
def mail_folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def service(database: Database, mail_folder: Path) -> NotificationsService:
    return NotificationsService(database, EmlFiles(mail_folder), sender="Bookstall <shop@bookstall.example>")


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
