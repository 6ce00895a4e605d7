"""A paid order takes its copies off the shelf, and a cancelled or refunded one puts them back, once."""

from asyncio import gather
from uuid import uuid4

import pytest

from domains.inventory.errors import ReturnExceedsOrder
from domains.inventory.model import StockState
from messaging.consumer import NotYet
from messaging.events import (
    BookStockUpdated,
    ReleasedLine,
    StockDeducted,
    StockDeductionFailed,
    StockItemChanged,
    StockReleased,
)
from tests.domains.inventory.shelf import (
    ANOTHER_ISBN,
    ISBN,
    Shelf,
    cancelled,
    changed,
    hold_line,
    paid,
    published,
    refunded,
    withdrawn,
)


async def test_a_redelivered_payment_deducts_stock_once(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=5)
    order_id = await shelf.holding((listing_id, 2))

    await gather(*(shelf.deliver(paid(order_id, (listing_id, 2))) for _ in range(5)))

    assert await shelf.counts(listing_id) == (3, 0)
    [deducted] = await shelf.told(StockDeducted)
    assert [(line.listing_id, line.quantity, line.remaining_on_hand) for line in deducted.lines] == [(listing_id, 2, 3)]


async def test_selling_the_last_copy_tells_that_nothing_is_left(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)
    order_id = await shelf.holding((listing_id, 1))

    await shelf.deliver(paid(order_id, (listing_id, 1)))

    last = (await shelf.told(BookStockUpdated))[-1]
    assert (last.book_isbn, last.total_stock, last.available_sellers, last.sellers) == (ISBN, 0, 0, ())
    assert (last.min_price, last.max_price, last.average_price, last.currency) == (None, None, None, "EUR")
    assert [book.version for book in await shelf.told(BookStockUpdated)] == [1, 2, 3]


async def test_an_order_of_several_books_tells_of_each(shelf: Shelf) -> None:
    one, other = await shelf.publish(copies=2), await shelf.publish(copies=2, isbn=ANOTHER_ISBN)
    order_id = await shelf.holding((one, 1), (other, 2))

    await shelf.deliver(paid(order_id, (one, 1), (other, 2)))

    assert {book.book_isbn: book.total_stock for book in await shelf.told(BookStockUpdated)} == {
        ISBN: 1,
        ANOTHER_ISBN: 0,
    }
    [deducted] = await shelf.told(StockDeducted)
    assert {line.listing_id: line.remaining_on_hand for line in deducted.lines} == {one: 1, other: 0}


async def test_two_lines_of_one_listing_are_deducted_together(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=3), uuid4()

    await shelf.deliver(paid(order_id, (listing_id, 1), (listing_id, 2)))

    [deducted] = await shelf.told(StockDeducted)
    assert [(line.quantity, line.remaining_on_hand) for line in deducted.lines] == [(3, 0)]


async def test_a_charge_that_came_late_takes_from_what_is_available(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)
    order_id = await shelf.holding((listing_id, 1))
    await shelf.inventory.release(order_id, "no answer from the provider")

    await shelf.deliver(paid(order_id, (listing_id, 1)))

    assert await shelf.state(order_id) is StockState.DEDUCTED
    assert await shelf.counts(listing_id) == (0, 0)


async def test_a_charge_that_came_too_late_fails_and_takes_nothing_from_others(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=1)
    late = await shelf.holding((listing_id, 1))
    await shelf.inventory.release(late, "no answer from the provider")
    await shelf.holding((listing_id, 1))

    await shelf.deliver(paid(late, (listing_id, 1)))

    assert await shelf.state(late) is StockState.FAILED
    assert await shelf.counts(listing_id) == (1, 1)
    [failure] = await shelf.told(StockDeductionFailed)
    assert [(short.wanted, short.available) for short in failure.shortages] == [(1, 0)]
    assert await shelf.told(StockDeducted) == []


async def test_one_line_that_cannot_be_deducted_leaves_the_others_alone(shelf: Shelf) -> None:
    enough, few = await shelf.publish(copies=5), await shelf.publish(copies=1)
    order_id = uuid4()

    await shelf.deliver(paid(order_id, (enough, 1), (few, 2)))

    assert (await shelf.counts(enough), await shelf.counts(few)) == ((5, 0), (1, 0))


async def test_a_hold_of_a_withdrawn_listing_is_honoured(shelf: Shelf) -> None:
    listing = published(copies=2)
    await shelf.deliver(listing)
    order_id = await shelf.holding((listing.listing_id, 1))

    await shelf.deliver(withdrawn(listing, version=2), paid(order_id, (listing.listing_id, 1)))

    assert await shelf.counts(listing.listing_id) == (1, 0)


async def test_a_payment_that_overtakes_its_listing_waits_for_it(shelf: Shelf) -> None:
    listing, order_id = published(copies=2), uuid4()
    with pytest.raises(NotYet):
        await shelf.deliver(paid(order_id, (listing.listing_id, 1)))
    await shelf.deliver(changed(listing, version=2))
    with pytest.raises(NotYet):
        await shelf.deliver(paid(order_id, (listing.listing_id, 1)))
    assert await shelf.order(order_id) is None

    await shelf.deliver(listing, paid(order_id, (listing.listing_id, 1)))

    assert await shelf.counts(listing.listing_id) == (1, 0)


async def test_an_order_that_paid_for_other_copies_than_it_held_takes_what_it_paid_for(shelf: Shelf) -> None:
    one, other = await shelf.publish(copies=3), await shelf.publish(copies=3)
    order_id = await shelf.holding((one, 2))

    await shelf.deliver(paid(order_id, (one, 1), (other, 1)))
    assert (await shelf.counts(one), await shelf.counts(other)) == ((2, 0), (2, 0))

    await shelf.deliver(cancelled(order_id))
    assert (await shelf.counts(one), await shelf.counts(other)) == ((3, 0), (3, 0))


async def test_a_cancelled_order_puts_its_copies_back_once(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=5)
    order_id = await shelf.holding((listing_id, 2))
    await shelf.deliver(paid(order_id, (listing_id, 2)))

    await gather(*(shelf.deliver(cancelled(order_id, (listing_id, 2), reason="too slow")) for _ in range(5)))

    assert await shelf.counts(listing_id) == (5, 0)
    [released] = await shelf.told(StockReleased)
    assert released.lines == (ReleasedLine(listing_id=listing_id, quantity=2),)
    assert released.reason == "too slow"


async def test_a_cancellation_that_comes_first_leaves_the_stock_alone(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()

    await shelf.deliver(cancelled(order_id, (listing_id, 2)), paid(order_id, (listing_id, 2)))

    assert await shelf.counts(listing_id) == (5, 0)
    assert [released.lines for released in await shelf.told(StockReleased)] == [()]
    assert await shelf.told(StockDeducted) == []


async def test_cancelling_an_order_that_only_held_gives_its_copies_back(shelf: Shelf) -> None:
    listing_id = await shelf.publish(copies=5)
    order_id = await shelf.holding((listing_id, 2))

    await shelf.deliver(cancelled(order_id, (listing_id, 2)))

    assert await shelf.counts(listing_id) == (5, 0)
    [released] = await shelf.told(StockReleased)
    assert released.lines == (ReleasedLine(listing_id=listing_id, quantity=2),)


async def test_a_refund_restocks_its_copies_once(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()
    await shelf.deliver(paid(order_id, (listing_id, 3)))
    refund = refunded(order_id, (listing_id, 1))

    await gather(*(shelf.deliver(refund) for _ in range(5)))
    assert await shelf.counts(listing_id) == (3, 0)

    await shelf.deliver(refunded(order_id, (listing_id, 1)))
    assert await shelf.counts(listing_id) == (4, 0)
    assert (await shelf.told(StockItemChanged))[-1].cause == "REFUNDED"


async def test_two_refunded_lines_of_one_listing_are_restocked_together(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()
    await shelf.deliver(paid(order_id, (listing_id, 3)))

    await shelf.deliver(refunded(order_id, (listing_id, 1), (listing_id, 2)))

    assert await shelf.counts(listing_id) == (5, 0)


async def test_a_refund_without_restocking_leaves_the_stock_alone(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()

    await shelf.deliver(refunded(order_id, (listing_id, 1), restock=False), paid(order_id, (listing_id, 3)))

    assert await shelf.counts(listing_id) == (2, 0)


async def test_cancelling_after_a_refund_returns_only_the_rest(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()
    refund = refunded(order_id, (listing_id, 1))
    await shelf.deliver(paid(order_id, (listing_id, 3)), refund, cancelled(order_id, (listing_id, 3)), refund)

    assert await shelf.counts(listing_id) == (5, 0)
    [released] = await shelf.told(StockReleased)
    assert released.lines == (ReleasedLine(listing_id=listing_id, quantity=2),)


async def test_a_copy_that_was_refunded_without_restocking_is_not_for_sale_after_a_cancellation(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()
    line, lost, back = (listing_id, 4), (listing_id, 1), refunded(order_id, (listing_id, 1))
    undone = cancelled(order_id, line, lost=(lost,))
    with pytest.raises(NotYet):
        await shelf.deliver(undone)
    await shelf.deliver(paid(order_id, line), back, undone, refunded(order_id, lost, restock=False), back, undone)

    assert await shelf.counts(listing_id) == (4, 0)
    [released] = await shelf.told(StockReleased)
    assert released.lines == (ReleasedLine(listing_id=listing_id, quantity=2),)


async def test_an_order_whose_copies_were_never_there_loses_none(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=1), uuid4()
    await shelf.deliver(paid(order_id, (listing_id, 2)), cancelled(order_id, (listing_id, 2), lost=((listing_id, 1),)))

    assert await shelf.counts(listing_id) == (1, 0)
    assert await shelf.state(order_id) is StockState.CANCELLED


async def test_cancelling_after_everything_was_refunded_returns_nothing_and_says_so(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=5), uuid4()
    line = (listing_id, 2)
    await shelf.deliver(paid(order_id, line), refunded(order_id, line), cancelled(order_id, line))

    assert await shelf.counts(listing_id) == (5, 0)
    assert await shelf.state(order_id) is StockState.RESTOCKED
    assert [released.lines for released in await shelf.told(StockReleased)] == [()]


async def test_more_copies_than_were_sold_never_come_back(shelf: Shelf) -> None:
    listing_id, other, order_id = await shelf.publish(copies=5), await shelf.publish(copies=5), uuid4()
    await shelf.deliver(paid(order_id, (listing_id, 2)), refunded(order_id, (listing_id, 1)))

    for excess in (refunded(order_id, (listing_id, 2)), refunded(order_id, (other, 1))):
        with pytest.raises(ReturnExceedsOrder):
            await shelf.deliver(excess)

    assert (await shelf.counts(listing_id), await shelf.counts(other)) == ((4, 0), (5, 0))


async def test_copies_that_came_back_can_be_sold_again(shelf: Shelf) -> None:
    listing_id, order_id = await shelf.publish(copies=1), uuid4()
    await shelf.deliver(paid(order_id, (listing_id, 1)), cancelled(order_id, (listing_id, 1)))

    assert await shelf.hold(hold_line(listing_id)) == ()
