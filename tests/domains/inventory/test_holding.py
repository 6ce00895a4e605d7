"""Holding stock for orders: all lines or none, once, whoever else wants the same copies."""

from asyncio import gather
from datetime import timedelta
from uuid import uuid4

import pytest

from domains.inventory import Shortage, ShortageReason
from domains.inventory.model import HOLD_SECONDS, StockState
from kernel.clock import utc_now
from kernel.errors import IllegalTransition
from kernel.money import Money
from messaging.events import BookStockUpdated, StockItemChanged
from tests.domains.inventory.shelf import (
    ANOTHER_ISBN,
    ISBN,
    PRICE,
    Shelf,
    changed,
    hold_line,
    paid,
    published,
    withdrawn,
)


async def test_of_fifty_orders_for_the_last_copy_exactly_one_holds_it(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)

    answers = await gather(*(shelf.hold(hold_line(listing_id)) for _ in range(50)))

    assert answers.count(()) == 1
    short = (Shortage(listing_id, 1, 0, Money(PRICE, "EUR"), ShortageReason.SHORT),)
    assert answers.count(short) == 49
    assert await shelf.counts(listing_id) == (1, 1)


async def test_carts_that_want_the_same_listings_in_different_order_all_get_an_answer(shelf: Shelf) -> None:
    one, other = await shelf.publish(copies=10), await shelf.publish(copies=10, isbn=ANOTHER_ISBN)
    there, back = [hold_line(one), hold_line(other)], [hold_line(other), hold_line(one)]

    answers = await gather(*(shelf.hold(*(there if number % 2 else back)) for number in range(30)))

    assert answers.count(()) == 10
    assert await shelf.counts(one) == (10, 10)
    assert await shelf.counts(other) == (10, 10)


async def test_the_same_hold_is_answered_the_same_and_counts_once(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=1), uuid4()

    answers = await gather(*(shelf.hold(hold_line(listing_id), order_id=order_id) for _ in range(5)))

    assert answers == [()] * 5
    assert await shelf.counts(listing_id) == (1, 1)


async def test_quantities_of_a_listing_are_summed(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=3)

    [shortage] = await shelf.hold(hold_line(listing_id, 2), hold_line(listing_id, 2))
    assert (shortage.wanted, shortage.available, shortage.reason) == (4, 3, ShortageReason.SHORT)

    assert await shelf.hold(hold_line(listing_id, 2), hold_line(listing_id, 1)) == ()
    assert await shelf.counts(listing_id) == (3, 3)


async def test_one_short_line_leaves_every_line_alone_and_no_trace(shelf: Shelf) -> None:
    enough, few, order_id = await shelf.publish(copies=5), await shelf.publish(copies=1), uuid4()
    told = await shelf.everything_told()

    assert await shelf.hold(hold_line(enough, 2), hold_line(few, 2), order_id=order_id) != ()

    assert await shelf.counts(enough) == (5, 0)
    assert await shelf.order(order_id) is None
    assert await shelf.everything_told() == told
    assert await shelf.hold(hold_line(enough, 2), order_id=order_id) == ()


async def test_a_price_that_is_not_the_one_seen_is_not_held(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=5)
    for line in (hold_line(listing_id, price=PRICE - 1), hold_line(listing_id, currency="USD")):
        assert await shelf.hold(line) == (
            Shortage(listing_id, 1, 5, Money(PRICE, "EUR"), ShortageReason.PRICE_CHANGED),
        )


async def test_a_listing_that_is_withdrawn_unknown_or_in_a_foreign_currency_is_gone(shelf: Shelf) -> None:
    listing, foreign = published(copies=5), published(copies=5, currency="USD", isbn=ANOTHER_ISBN)
    await shelf.deliver(listing, withdrawn(listing, version=2), foreign)
    lines = [hold_line(listing.listing_id), hold_line(uuid4()), hold_line(foreign.listing_id, currency="USD")]

    assert [shortage.reason for shortage in await shelf.hold(*lines)] == [ShortageReason.GONE] * 3


async def test_a_price_can_change_while_copies_are_held(shelf: Shelf) -> None:
    listing = published(copies=1)
    await shelf.deliver(listing)
    order_id = await shelf.holding((listing.listing_id, 1))

    await shelf.deliver(changed(listing, version=2, price=PRICE + 100), paid(order_id, (listing.listing_id, 1)))

    assert await shelf.state(order_id) is StockState.DEDUCTED


async def test_a_hold_tells_that_fewer_copies_can_be_bought(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=3)
    await shelf.holding((listing_id, 2))

    assert [(item.on_hand, item.held, item.available, item.cause) for item in await shelf.told(StockItemChanged)] == [
        (3, 0, 3, "PUBLISHED"),
        (3, 2, 1, "HELD"),
    ]
    assert [(book.total_stock, book.version) for book in await shelf.told(BookStockUpdated)] == [(3, 1), (1, 2)]


async def test_a_hold_lasts_ten_minutes_and_can_be_renewed_but_not_shortened(shelf: Shelf) -> None:
    order_id = await shelf.holding((await shelf.publish(), 1))
    assert await lasts(shelf, order_id) == HOLD_SECONDS

    await shelf.inventory.renew(order_id, 7200)
    assert await lasts(shelf, order_id) == 7200

    await shelf.inventory.renew(order_id, 60)
    assert await lasts(shelf, order_id) == 7200


async def test_renewing_what_is_not_held_does_nothing(shelf: Shelf) -> None:
    order_id = uuid4()
    await shelf.inventory.renew(order_id, 7200)
    assert await shelf.order(order_id) is None

    await shelf.inventory.release(order_id, "payment refused")
    await shelf.inventory.renew(order_id, 7200)
    assert await shelf.order(order_id) == (StockState.RELEASED, None, "payment refused")


async def test_released_copies_can_be_held_by_somebody_else(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)
    order_id = await shelf.holding((listing_id, 1))

    await shelf.inventory.release(order_id, "payment refused")

    assert await shelf.counts(listing_id) == (1, 0)
    await shelf.holding((listing_id, 1))
    with pytest.raises(IllegalTransition):
        await shelf.hold(hold_line(listing_id), order_id=order_id)


async def test_copies_released_to_a_withdrawn_listing_do_not_become_available(shelf: Shelf) -> None:
    listing = published(copies=2)
    await shelf.deliver(listing)
    order_id = await shelf.holding((listing.listing_id, 1))
    await shelf.deliver(withdrawn(listing, version=2))

    await shelf.inventory.release(order_id, "payment refused")

    item = await shelf.item(listing.listing_id)
    assert (item.on_hand, item.held, item.available) == (2, 0, 0)
    assert (await shelf.inventory.find_stock([ISBN]))[ISBN].total == 0


async def test_an_order_without_lines_is_a_mistake_of_the_caller(shelf: Shelf) -> None:
    with pytest.raises(ValueError, match="at least one copy"):
        await shelf.hold()


async def lasts(shelf: Shelf, order_id) -> int:
    """For how many seconds from now the order holds its copies, to the nearest ten."""
    order = await shelf.order(order_id)
    assert order is not None
    assert order.expires_at is not None
    return round((order.expires_at - utc_now()) / timedelta(seconds=10)) * 10
