"""Stock that does not add up is found, a part of the listings at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import update

from domains.inventory.tables import stock_items
from kernel.columns import param
from kernel.database import Statement
from tests.domains.inventory.shelf import Shelf, paid

MISCOUNT = Statement(
    update(stock_items)
    .where(stock_items.c.listing_id == param(stock_items.c.listing_id))
    .values(
        on_hand=stock_items.c.on_hand + param(stock_items.c.on_hand, "more"),
        held=stock_items.c.held + param(stock_items.c.held, "more_held"),
    )
)


@asynccontextmanager
async def miscounted(shelf: Shelf, *listings: UUID, on_hand: int = 0, held: int = 0) -> AsyncIterator[None]:
    """For the time of the block the counts of these listings are so many too high."""
    for listing_id in listings:
        await shelf.database.write(MISCOUNT, listing_id=listing_id, more=on_hand, more_held=held)
    yield
    for listing_id in listings:
        await shelf.database.write(MISCOUNT, listing_id=listing_id, more=-on_hand, more_held=-held)


async def test_stock_that_adds_up_has_no_drift(shelf: Shelf) -> None:
    listing = await shelf.publish(4)
    order_id = await shelf.holding((listing, 2))
    await shelf.deliver(paid(order_id, (listing, 2)))
    await shelf.holding((listing, 1))
    check = await shelf.inventory.check_stock(None, 10)
    assert (check.checked, check.drifts, check.last) == (1, (), None)


async def test_what_does_not_add_up_is_told_with_what_it_should_be(shelf: Shelf) -> None:
    copies, held, fine = [await shelf.publish(3) for _ in range(3)]
    await shelf.holding((held, 1), (fine, 1))
    async with miscounted(shelf, copies, on_hand=1), miscounted(shelf, held, held=1):
        check = await shelf.inventory.check_stock(None, 10)
    found = {drift.listing_id: (drift.on_hand, drift.moved, drift.held, drift.live) for drift in check.drifts}
    assert found == {copies: (4, 3, 0, 0), held: (3, 3, 2, 1)}


async def test_listings_are_checked_a_part_at_a_time(shelf: Shelf) -> None:
    listings = [await shelf.publish() for _ in range(5)]
    found, after, parts = list[UUID](), None, 0
    async with miscounted(shelf, *listings, on_hand=1):
        while parts == 0 or after is not None:
            check = await shelf.inventory.check_stock(after, 2)
            found, after, parts = [*found, *(drift.listing_id for drift in check.drifts)], check.last, parts + 1
    assert (found, parts) == (sorted(listings), 3)
