"""Holds that nobody ended in time: the sweep gives their copies back, once, whoever else is at work on them."""

from asyncio import gather
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import update

from domains.inventory import InventoryService, holds
from domains.inventory.model import StockState
from domains.inventory.sweep import BATCH
from domains.inventory.tables import stock_items
from kernel.clock import utc_now
from kernel.columns import param
from kernel.database import Statement
from messaging.events import BookStockUpdated, StockDeducted, StockDeductionFailed, StockItemChanged, StockReleased
from tests.databases import Databases, opened
from tests.domains.inventory.shelf import (
    ANOTHER_ISBN,
    ISBN,
    Shelf,
    cancelled,
    hold_line,
    paid,
    published,
    withdrawn,
)

COUNT_HELD = Statement(
    update(stock_items)
    .where(stock_items.c.listing_id == param(stock_items.c.listing_id))
    .values(held=param(stock_items.c.held))
)


async def test_a_hold_past_its_time_ends_and_its_copies_can_be_bought(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=2)
    order_id = await shelf.holding((listing_id, 2))
    await shelf.let_time_pass(order_id)

    assert await shelf.inventory.expire_holds() == 1

    assert await shelf.order(order_id) == (StockState.EXPIRED, None, None)
    assert await shelf.counts(listing_id) == (2, 0)
    last = (await shelf.told(StockItemChanged))[-1]
    assert (last.held, last.available, last.cause) == (0, 2, "EXPIRED")
    assert (await shelf.told(BookStockUpdated))[-1].total_stock == 2
    assert await shelf.told(StockReleased) == []
    await shelf.holding((listing_id, 2))


async def test_a_hold_that_has_time_left_stays(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=2)
    late, early = await shelf.holding((listing_id, 1)), await shelf.holding((listing_id, 1))

    await shelf.expire(late)

    assert await shelf.state(early) is StockState.HELD
    assert await shelf.counts(listing_id) == (2, 1)
    assert await shelf.inventory.expire_holds() == 0


async def test_a_hold_lasts_as_long_as_it_was_set_to(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(), uuid4()
    patient = InventoryService(shelf.database, currency="EUR", hold_seconds=3600)
    assert await patient.hold(order_id, [hold_line(listing_id)]) == ()

    order = await shelf.order(order_id)

    assert order is not None
    assert order.expires_at is not None
    assert timedelta(minutes=59) < order.expires_at - utc_now() < timedelta(minutes=61)


async def test_holds_that_end_together_are_told_of_once_for_each_listing_and_book(shelf: Shelf) -> None:
    one, other = await shelf.publish(copies=9), await shelf.publish(copies=9, isbn=ANOTHER_ISBN)
    orders = [await shelf.holding((one, 1), (other, 2)) for _ in range(3)]
    before = await shelf.everything_told()

    await shelf.expire(*orders)

    news = (await shelf.everything_told())[len(before) :]
    assert [type(event) for event in news] == [StockItemChanged, StockItemChanged, BookStockUpdated, BookStockUpdated]
    assert (await shelf.counts(one), await shelf.counts(other)) == ((9, 0), (9, 0))


async def test_many_holds_end_in_batches_and_many_sweeps_share_them(shelf: Shelf) -> None:
    one, other = await shelf.publish(copies=200), await shelf.publish(copies=200, isbn=ANOTHER_ISBN)
    lines = [((one, 1), (other, 1)), ((other, 1), (one, 1))]
    orders = [await shelf.holding(*lines[number % 2]) for number in range(2 * BATCH + 7)]
    await shelf.let_time_pass(*orders)

    ended = await gather(*(shelf.inventory.expire_holds() for _ in range(6)))

    assert max(ended) <= BATCH
    while rest := await shelf.inventory.expire_holds():
        ended.append(rest)
    assert sum(ended) == len(orders)
    assert {await shelf.state(order_id) for order_id in orders} == {StockState.EXPIRED}
    assert (await shelf.counts(one), await shelf.counts(other)) == ((200, 0), (200, 0))


async def test_a_hold_past_its_time_can_still_be_paid_until_the_sweep_comes(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)
    order_id = await shelf.holding((listing_id, 1))
    await shelf.let_time_pass(order_id)

    await shelf.deliver(paid(order_id, (listing_id, 1)))

    assert await shelf.inventory.expire_holds() == 0
    assert await shelf.state(order_id) is StockState.DEDUCTED
    assert await shelf.counts(listing_id) == (0, 0)


async def test_an_order_that_pays_after_its_hold_ended_takes_what_is_left(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=2)
    served, unlucky = await shelf.holding((listing_id, 1)), await shelf.holding((listing_id, 1))
    await shelf.expire(served, unlucky)
    await shelf.holding((listing_id, 1))

    await shelf.deliver(paid(served, (listing_id, 1)), paid(unlucky, (listing_id, 1)))

    assert (await shelf.state(served), await shelf.state(unlucky)) == (StockState.DEDUCTED, StockState.FAILED)
    assert [event.order_id for event in await shelf.told(StockDeducted)] == [served]
    assert [event.order_id for event in await shelf.told(StockDeductionFailed)] == [unlucky]
    assert await shelf.counts(listing_id) == (1, 1)


async def test_sweeps_renewals_releases_payments_and_cancellations_at_once_leave_each_order_in_one_state(
    shelf: Shelf,
) -> None:
    one, other = await shelf.publish(copies=60), await shelf.publish(copies=60, isbn=ANOTHER_ISBN)
    orders = [await shelf.holding((one, 1), (other, 1)) for _ in range(24)]
    renewed, released, bought, undone = orders[:6], orders[6:12], orders[12:18], orders[18:]
    await shelf.let_time_pass(*orders)

    await gather(
        *(shelf.inventory.renew(order_id, 7200) for order_id in renewed),
        *(shelf.inventory.release(order_id, "payment refused") for order_id in released),
        *(shelf.deliver(paid(order_id, (other, 1), (one, 1))) for order_id in bought),
        *(shelf.deliver(cancelled(order_id)) for order_id in undone),
        *(shelf.inventory.expire_holds() for _ in range(4)),
    )

    over = {StockState.EXPIRED}
    assert {await shelf.state(order_id) for order_id in renewed} <= over | {StockState.HELD}
    assert {await shelf.state(order_id) for order_id in released} <= over | {StockState.RELEASED}
    assert {await shelf.state(order_id) for order_id in bought} == {StockState.DEDUCTED}
    assert {await shelf.state(order_id) for order_id in undone} == {StockState.CANCELLED}
    live = [order_id for order_id in renewed if await shelf.state(order_id) is StockState.HELD]
    assert await shelf.counts(one) == await shelf.counts(other) == (60 - len(bought), len(live))
    assert await shelf.inventory.expire_holds() == 0


async def test_a_hold_that_cannot_end_stops_no_other(shelf: Shelf) -> None:
    broken, sound = await shelf.publish(copies=2), await shelf.publish(copies=2, isbn=ANOTHER_ISBN)
    stuck, over = await shelf.holding((broken, 1)), await shelf.holding((sound, 1))
    await shelf.database.write(COUNT_HELD, listing_id=broken, held=0)

    await shelf.expire(stuck, over)

    assert (await shelf.state(stuck), await shelf.state(over)) == (StockState.HELD, StockState.EXPIRED)
    assert (await shelf.counts(broken), await shelf.counts(sound)) == ((2, 0), (2, 0))
    await shelf.database.write(COUNT_HELD, listing_id=broken, held=1)
    assert await shelf.inventory.expire_holds() == 0, "it was put off"
    await shelf.expire(stuck)
    assert await shelf.state(stuck) is StockState.EXPIRED


async def test_many_holds_that_cannot_end_let_those_behind_them_end(shelf: Shelf) -> None:
    broken, sound = await shelf.publish(copies=2 * BATCH), await shelf.publish(isbn=ANOTHER_ISBN)
    stuck = [await shelf.holding((broken, 1)) for _ in range(BATCH)]
    over = await shelf.holding((sound, 1))
    await shelf.database.write(COUNT_HELD, listing_id=broken, held=0)
    await shelf.let_time_pass(*stuck)
    await shelf.let_time_pass(over)

    assert await shelf.inventory.expire_holds() == 0
    assert await shelf.inventory.expire_holds() == 1

    assert await shelf.state(over) is StockState.EXPIRED
    await shelf.database.write(COUNT_HELD, listing_id=broken, held=BATCH)
    await shelf.expire(*stuck)
    assert await shelf.counts(broken) == (2 * BATCH, 0)


async def test_a_renewed_hold_does_not_end(shelf: Shelf) -> None:
    order_id = await shelf.holding((await shelf.publish(), 1))
    await shelf.let_time_pass(order_id)
    await shelf.inventory.renew(order_id, 7200)

    assert await shelf.inventory.expire_holds() == 0

    assert await shelf.state(order_id) is StockState.HELD


async def test_renewing_a_hold_that_ended_does_not_bring_it_back(shelf: Shelf) -> None:
    listing_id = await shelf.publish()
    order_id = await shelf.holding((listing_id, 1))
    await shelf.expire(order_id)

    await shelf.inventory.renew(order_id, 7200)

    assert await shelf.order(order_id) == (StockState.EXPIRED, None, None)
    assert await shelf.counts(listing_id) == (1, 0)


async def test_copies_whose_hold_ends_after_their_listing_was_withdrawn_do_not_become_available(shelf: Shelf) -> None:
    listing = published(copies=3)
    await shelf.deliver(listing)
    late, early = await shelf.holding((listing.listing_id, 1)), await shelf.holding((listing.listing_id, 1))
    await shelf.deliver(withdrawn(listing, version=2))

    await shelf.expire(late)
    await shelf.deliver(paid(early, (listing.listing_id, 1)), paid(late, (listing.listing_id, 1)))

    item = await shelf.item(listing.listing_id)
    assert (item.on_hand, item.held, item.available) == (2, 0, 0)
    assert (await shelf.state(early), await shelf.state(late)) == (StockState.DEDUCTED, StockState.FAILED)
    assert (await shelf.inventory.find_stock([ISBN]))[ISBN].total == 0


async def test_copies_that_come_back_to_a_withdrawn_listing_do_not_become_available(shelf: Shelf) -> None:
    listing = published(copies=2)
    await shelf.deliver(listing)
    order_id = await shelf.holding((listing.listing_id, 2))
    await shelf.deliver(paid(order_id, (listing.listing_id, 2)), withdrawn(listing, version=2), cancelled(order_id))

    item = await shelf.item(listing.listing_id)
    assert (item.on_hand, item.held, item.available) == (2, 0, 0)
    assert (await shelf.told(BookStockUpdated))[-1].total_stock == 0


@pytest.mark.postgresql
async def test_a_sweep_passes_over_an_order_that_somebody_works_on(postgresql_databases: Databases) -> None:
    url = await postgresql_databases.empty("inventory")
    async with opened(url, "inventory") as database, connected(url) as somebody:
        shelf = Shelf(database)
        listing_id = await shelf.publish(copies=2)
        busy, idle = await shelf.holding((listing_id, 1)), await shelf.holding((listing_id, 1))
        await shelf.let_time_pass(busy, idle)
        async with somebody.transaction():
            await somebody.execute("SELECT 1 FROM stock_orders WHERE order_id = $1 FOR UPDATE", busy)

            assert await shelf.inventory.expire_holds() == 1

            assert (await shelf.state(busy), await shelf.state(idle)) == (StockState.HELD, StockState.EXPIRED)
        assert await shelf.inventory.expire_holds() == 1
        assert await shelf.counts(listing_id) == (2, 0)


@pytest.mark.postgresql
async def test_what_is_due_is_found_by_its_index(postgresql_databases: Databases) -> None:
    sql, arguments = holds.CLAIM_DUE.plan("postgresql").render({"count": 50})
    async with connected(await postgresql_databases.empty("inventory")) as connection:
        await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        plan = "\n".join([row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *arguments)])
    assert "Index Scan using ix_stock_orders_expires_at" in plan
    assert "Sort" not in plan


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else on the database, for the time of the block."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
