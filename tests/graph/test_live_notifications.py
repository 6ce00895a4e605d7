"""Messages that are written while somebody subscribes: each comes once, in order, whatever came when."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.mail import EmlFiles
from domains.notifications import NotificationsService, repository
from domains.notifications.handlers import tell_of_refund
from graph.auth import Viewer
from graph.context import Context, Services
from graph.live import Hub
from graph.ports import recipient_topic
from graph.schema import schema
from kernel.database import Database, Transaction
from kernel.pages import encode_cursor
from messaging.events import OrderRefunded
from tests.databases import Databases, opened
from tests.unit.graph.watching import Feed, turn

SECONDS = 20.0
MESSAGES = """subscription($after: String) { notifications(after: $after) {
  version isSnapshot cursor notification { sequence } } }"""


@pytest.fixture(scope="module")
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.new("notifications"), "notifications") as database:
        yield database


class Mailbox:
    """Somebody to whom messages are written, and who is told of them late, out of order, or not at all."""

    def __init__(self, database: Database, chance: random.Random) -> None:
        self.subject = f"reader-{uuid4()}"
        self.feed = Feed()
        nobody = cast(Any, None)
        service = NotificationsService(database, EmlFiles(Path("never")), sender="nobody")
        services = Services(
            orders=nobody, inventory=nobody, catalog=nobody, sellers=nobody, desk=nobody, notifications=service,
            hub=Hub(self.feed),
        )  # fmt: skip
        viewer = Viewer(self.subject, None, frozenset(), "issuer", datetime(2026, 1, 1, tzinfo=UTC))
        self.context = Context.of(services, viewer)
        self._database = database
        self._chance = chance

    async def write(self) -> int:
        """The sequence of a new message, of which nobody is told."""
        event = OrderRefunded(order_id=uuid4(), customer_id=self.subject, refund_id=uuid4(), amount=100)

        async def write(tx: Transaction) -> int:
            await tell_of_refund(tx, event)
            return await repository.last_sequence(tx, self.subject)

        return await self._database.transact(write)

    async def write_and_tell(self) -> None:
        """A new message, at some time, and news of it at some later one; if they are lost, that is noticed."""
        await self.turns()
        sequence = await self.write()
        await self.turns()
        if self._chance.random() < 0.2:
            self.feed.lose()
        else:
            for _ in range(self._chance.choice((1, 1, 2))):
                self.feed.tell(recipient_topic(self.subject), sequence)

    async def turns(self) -> None:
        for _ in range(self._chance.randrange(30)):
            await turn()

    async def read(self, after: str | None, until: int) -> list[dict[str, Any]]:
        """What a subscription tells, up to the message with this sequence."""
        await self.turns()
        stream = await schema.stream(MESSAGES, variable_values={"after": after}, context_value=self.context)
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(SECONDS), aclosing(cast(Any, stream)) as results:
            async for result in results:
                assert not result.errors, result.errors
                found.append(result.data["notifications"])
                if found[-1]["version"] >= until:
                    break
                await self.turns()
        return found


@settings(max_examples=25)
@given(before=st.integers(0, 4), during=st.integers(1, 8), after=st.integers(0, 6), seed=st.integers(0, 2**32))
async def test_messages_that_race_the_subscribing_come_once_and_in_order(
    database: Database, before: int, during: int, after: int, seed: int
) -> None:
    mailbox = Mailbox(database, random.Random(seed))
    for _ in range(before):
        await mailbox.write()
    last = before + during
    cursors = [encode_cursor(min(after, before)), encode_cursor(0), None]
    reading = [asyncio.create_task(mailbox.read(cursor, last)) for cursor in cursors]
    await asyncio.gather(*(mailbox.write_and_tell() for _ in range(during)))
    since, all_of_them, new = await asyncio.gather(*reading)

    def sequences(updates: list[dict[str, Any]]) -> list[int]:
        return [update["notification"]["sequence"] for update in updates if update["notification"]]

    assert sequences(since) == list(range(min(after, before) + 1, last + 1))
    assert sequences(all_of_them) == list(range(1, last + 1))
    assert new[0]["notification"] is None
    assert sequences(new) == list(range(new[0]["version"] + 1, last + 1))
    for updates in (since, all_of_them, new):
        assert [update["cursor"] for update in updates] == [encode_cursor(update["version"]) for update in updates]
        assert [update["isSnapshot"] for update in updates] == sorted(
            (update["isSnapshot"] for update in updates), reverse=True
        )


async def test_more_were_missed_than_are_read_at_a_time(database: Database) -> None:
    mailbox = Mailbox(database, random.Random(1))
    for _ in range(230):
        await mailbox.write()
    updates = await mailbox.read(encode_cursor(5), 230)
    assert [update["version"] for update in updates] == list(range(6, 231))
    assert all(update["isSnapshot"] for update in updates)


async def test_a_cursor_from_the_future_begins_where_things_stand(database: Database) -> None:
    mailbox = Mailbox(database, random.Random(1))
    await mailbox.write()
    (update,) = await mailbox.read(encode_cursor(99), 1)
    assert (update["notification"], update["isSnapshot"], update["cursor"]) == (None, True, encode_cursor(1))
