"""Listings come from their sellers by events in any order; a seller sets the count, and all may ask what there is."""

from itertools import permutations
from uuid import uuid4

import pytest

from domains.inventory import BookStock, CopiesAreHeld, ListingNotFound, StockItem
from kernel.errors import InvalidField, StaleVersion
from kernel.money import CurrencyMismatch, Money
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


async def test_a_listing_ends_the_same_in_whichever_order_its_events_come(shelf: Shelf) -> None:
    ends = set()
    for order in permutations([0, 1, 2]):
        listing = published(copies=4)
        news = [listing, changed(listing, version=2, price=990), withdrawn(listing, version=3)]
        await shelf.deliver(*(news[index] for index in order), *news)
        item = await shelf.item(listing.listing_id)
        ends.add((item.on_hand, item.price, item.withdrawn, item.available, item.listing_version))
    assert ends == {(4, Money(PRICE, "EUR"), True, 0, 3)}


async def test_an_older_version_never_overwrites_a_newer_one(shelf: Shelf) -> None:
    listing = published(copies=4)
    await shelf.deliver(listing, changed(listing, version=3, price=900), changed(listing, version=2, price=1100))
    assert (await shelf.item(listing.listing_id)).price == Money(900, "EUR")


async def test_a_withdrawal_that_overtakes_its_listing_is_for_good(shelf: Shelf) -> None:
    listing = published(copies=4)
    await shelf.deliver(withdrawn(listing, version=2), listing)

    assert (await shelf.item(listing.listing_id)).available == 0
    assert await shelf.hold(hold_line(listing.listing_id)) != ()


async def test_a_redelivered_listing_counts_its_copies_once_and_tells_nothing_new(shelf: Shelf) -> None:
    listing = published(copies=4)
    await shelf.deliver(listing)
    await shelf.deliver(paid(uuid4(), (listing.listing_id, 1)))
    told = await shelf.everything_told()

    await shelf.deliver(listing)

    assert await shelf.counts(listing.listing_id) == (3, 0)
    assert await shelf.everything_told() == told


async def test_a_changed_price_is_told_with_the_book_s_stock(shelf: Shelf) -> None:
    listing = published(copies=2)
    await shelf.deliver(listing, published(copies=1, price=2000), changed(listing, version=2, price=999))

    last = (await shelf.told(BookStockUpdated))[-1]
    assert (last.min_price, last.max_price, last.average_price) == (999, 2000, 1500)
    assert (last.total_stock, last.available_sellers, last.version) == (3, 2, 3)
    assert [offer.price for offer in last.sellers] == [999, 2000]
    assert (await shelf.told(StockItemChanged))[-1].cause == "CHANGED"


async def test_withdrawing_the_only_listing_tells_that_nothing_is_left(shelf: Shelf) -> None:
    listing = published(copies=2)
    await shelf.deliver(listing, withdrawn(listing, version=2))

    last = (await shelf.told(BookStockUpdated))[-1]
    assert (last.total_stock, last.min_price, last.average_price, last.sellers) == (0, None, None, ())


async def test_two_listings_of_one_seller_count_as_one_seller(shelf: Shelf) -> None:
    seller_id = uuid4()
    await shelf.publish(1, seller_id=seller_id)
    await shelf.publish(2, seller_id=seller_id)
    stock = await stock_of(shelf, ISBN)
    assert (stock.sellers, len(stock.offers), stock.total) == (1, 2, 3)


async def test_an_offer_in_another_currency_than_the_book_s_is_refused(shelf: Shelf) -> None:
    await shelf.publish(1)
    with pytest.raises(CurrencyMismatch):
        await shelf.publish(1, currency="USD")
    assert (await stock_of(shelf, ISBN)).total == 1


async def test_the_stock_of_many_books_is_read_at_once_and_unknown_ones_are_absent(shelf: Shelf) -> None:
    await shelf.publish(2)
    sold_out = await shelf.publish(1, isbn=ANOTHER_ISBN)
    await shelf.deliver(paid(uuid4(), (sold_out, 1)))

    stock = await shelf.inventory.find_stock([ISBN, ANOTHER_ISBN, "9780000000002"])

    assert {isbn: (book.total, book.version) for isbn, book in stock.items()} == {ISBN: (2, 1), ANOTHER_ISBN: (0, 2)}
    assert stock[ANOTHER_ISBN].min_price is None
    assert await shelf.inventory.find_stock([]) == {}


async def test_the_snapshot_says_what_the_last_event_said(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    await shelf.holding((listing_id, 1))

    stock, last = await stock_of(shelf, ISBN), (await shelf.told(BookStockUpdated))[-1]

    assert (stock.version, stock.total, stock.updated_at) == (last.version, last.total_stock, last.updated_at)
    assert [(offer.listing_id, offer.price.minor, offer.quantity) for offer in stock.offers] == [
        (offer.listing_id, offer.price, offer.quantity) for offer in last.sellers
    ]


async def test_a_seller_sets_the_count_of_a_listing(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    await shelf.holding((listing_id, 2))

    adjusted = await shelf.adjust(listing_id, 2)

    assert isinstance(adjusted, StockItem)
    assert adjusted == await shelf.item(listing_id)
    assert (adjusted.on_hand, adjusted.held, adjusted.available) == (2, 2, 0)
    assert (await shelf.told(StockItemChanged))[-1].cause == "ADJUSTED"
    assert (await shelf.told(BookStockUpdated))[-1].total_stock == 0


async def test_setting_the_count_that_there_is_changes_nothing(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    before, told = await shelf.item(listing_id), await shelf.everything_told()
    assert await shelf.adjust(listing_id, 3) == before
    assert await shelf.everything_told() == told


async def test_no_fewer_copies_can_stay_than_are_held(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    await shelf.holding((listing_id, 2))

    refused = await shelf.adjust(listing_id, 1)

    assert refused == CopiesAreHeld(held=2)
    assert (refused.code, refused.path) == ("COPIES_ARE_HELD", ("input", "onHand"))
    assert await shelf.counts(listing_id) == (3, 2)


@pytest.mark.parametrize("on_hand", [-1, 10_001])
async def test_a_count_that_cannot_be_is_refused(shelf: Shelf, on_hand: int) -> None:
    refused = await shelf.adjust(await shelf.publish(3), on_hand)
    assert isinstance(refused, InvalidField)
    assert refused.path == ("input", "onHand")


async def test_a_count_set_on_what_has_changed_meanwhile_is_stale(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    await shelf.holding((listing_id, 1))
    refused = await shelf.adjust(listing_id, 5, version=1)
    assert refused == StaleVersion(path=("input", "version"), expected=1, current=2)


async def test_another_seller_s_listing_is_not_found(shelf: Shelf) -> None:
    listing_id = await shelf.publish(3)
    assert await shelf.adjust(listing_id, 5, owner_id="mallory") == ListingNotFound()
    assert await shelf.adjust(uuid4(), 5, version=1) == ListingNotFound()
    assert await shelf.counts(listing_id) == (3, 0)


async def test_a_listing_that_was_not_published_yet_has_no_count_to_set(shelf: Shelf) -> None:
    listing = published(copies=4)
    await shelf.deliver(changed(listing, version=2))
    assert await shelf.adjust(listing.listing_id, 5) == ListingNotFound()


async def stock_of(shelf: Shelf, isbn: str) -> BookStock:
    """What can be bought of a book."""
    return (await shelf.inventory.find_stock([isbn]))[isbn]
