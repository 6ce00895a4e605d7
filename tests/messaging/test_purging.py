"""What was sent or handled long ago is forgotten, a bounded number of rows in each step."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select, update

from kernel.columns import in_seconds
from kernel.database import Database, Statement
from kernel.ids import new_id
from messaging import consumer, outbox, relay
from messaging.consumer import Consumer
from messaging.events import StockReleased
from messaging.inprocess import InProcessTransport
from messaging.relay import Relay
from messaging.tables import inbox as inbox_table
from messaging.tables import outbox as outbox_table


class CountRow(NamedTuple):
    """How many rows there are."""

    rows: int


COUNT_OUTBOX = Statement(select(func.count().label("rows")).select_from(outbox_table), CountRow)
COUNT_INBOX = Statement(select(func.count().label("rows")).select_from(inbox_table), CountRow)
AGE_SENT = Statement(update(outbox_table).values(sent_at=in_seconds(-relay.KEEP_SENT_SECONDS - 60)))
AGE_DONE = Statement(update(inbox_table).values(received_at=in_seconds(-consumer.KEEP_DONE_SECONDS - 60)))


async def ignore(*_: object) -> None:
    """Handles an event without doing anything."""


async def write(database: Database, count: int) -> None:
    async with database.transaction() as tx:
        await outbox.add(tx, *(StockReleased(order_id=new_id(), reason="TEST") for _ in range(count)))


async def count(database: Database, statement: Statement[CountRow]) -> int:
    row = await database.read().one(statement)
    assert row is not None
    return row.rows


async def test_what_was_sent_long_ago_is_deleted_step_by_step_and_the_rest_kept(sender: Database) -> None:
    purging = Relay(sender, InProcessTransport())
    await write(sender, relay.PURGE_BATCH + 1)
    await sender.write(AGE_SENT)
    await write(sender, 1)
    assert [await purging.purge() for _ in range(3)] == [relay.PURGE_BATCH, 1, 0]
    assert await count(sender, COUNT_OUTBOX) == 1


async def test_what_was_handled_long_ago_is_forgotten_step_by_step_and_the_rest_kept(
    sender: Database, receiver: Database
) -> None:
    purging = Consumer(receiver, {StockReleased: ignore})
    await write(sender, consumer.PURGE_BATCH + 2)
    *old, fresh = await outbox.pending(sender.read())
    for message in old:
        await purging.receive(message)
    await receiver.write(AGE_DONE)
    await purging.receive(fresh)
    assert [await purging.purge() for _ in range(3)] == [consumer.PURGE_BATCH, 1, 0]
    assert await count(receiver, COUNT_INBOX) == 1
