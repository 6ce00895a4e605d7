"""A seller has so many listings of one book: what is told of each change of one of them stays small."""

from __future__ import annotations

from asyncio import gather
from dataclasses import replace

from domains.sellers import Listing, SellersService, TooManyListings, WithdrawListing
from domains.sellers.handlers import learn_book
from domains.sellers.model import MOST_LISTINGS_OF_A_BOOK
from kernel.errors import InvalidField
from kernel.pages import PageRequest
from messaging.events import BookAdded
from tests.domains.sellers.stall import OFFER, OTHER_ISBN, SARAH, Deliver, Told, kinds, opened_stall

TOO_MANY = TooManyListings(limit=MOST_LISTINGS_OF_A_BOOK)


async def test_a_seller_lists_a_book_so_often_and_again_when_one_is_withdrawn(
    service: SellersService, deliver: Deliver, told: Told
) -> None:
    await opened_stall(service, deliver)
    first, *_ = await service.publish_many([OFFER] * (MOST_LISTINGS_OF_A_BOOK - 1))
    last = replace(OFFER, idempotency_key="k1")
    published = await service.publish_listing(last)
    events = len(await told())

    assert await service.publish_listing(OFFER) == (TOO_MANY,)
    assert kinds(await service.publish_listing(replace(OFFER, quantity=0))) == [InvalidField, TooManyListings]
    assert await service.publish_listing(last) == published
    assert len(await told()) == events

    await service.withdraw_listing(WithdrawListing(owner_id="sarah", listing_id=first.id, version=1))
    assert isinstance(await service.publish_listing(OFFER), Listing)
    assert await service.publish_listing(OFFER) == (TOO_MANY,)


async def test_listings_of_other_books_and_of_other_sellers_do_not_count(
    service: SellersService, deliver: Deliver
) -> None:
    await opened_stall(service, deliver)
    await deliver(learn_book, BookAdded(book_isbn=OTHER_ISBN, title="t", authors=(), version=1))
    await service.register(replace(SARAH, owner_id="tom", display_name="Tom"))
    await service.publish_many([OFFER] * MOST_LISTINGS_OF_A_BOOK)

    assert isinstance(await service.publish_listing(replace(OFFER, isbn=OTHER_ISBN)), Listing)
    assert isinstance(await service.publish_listing(replace(OFFER, owner_id="tom")), Listing)
    assert await service.publish_listing(OFFER) == (TOO_MANY,)


async def test_of_many_who_publish_at_once_none_comes_past_the_limit(service: SellersService, deliver: Deliver) -> None:
    seller = await opened_stall(service, deliver)
    await service.publish_many([OFFER] * (MOST_LISTINGS_OF_A_BOOK - 2))

    answers = await gather(*(service.publish_listing(OFFER) for _ in range(12)))

    assert sum(isinstance(answer, Listing) for answer in answers) == 2
    assert answers.count((TOO_MANY,)) == 10
    page = await service.listings_of(seller.id, PageRequest(first=100))
    assert len(page.items) == MOST_LISTINGS_OF_A_BOOK


async def test_bulk_commands_at_once_do_not_come_past_the_limit_together(
    service: SellersService, deliver: Deliver
) -> None:
    seller = await opened_stall(service, deliver)
    half = [OFFER] * (MOST_LISTINGS_OF_A_BOOK // 2 + 1)

    answers = await gather(*(service.publish_many(half) for _ in range(4)), return_exceptions=True)

    assert sorted(type(answer).__name__ for answer in answers) == ["BulkRefused"] * 3 + ["list"]
    page = await service.listings_of(seller.id, PageRequest(first=100))
    assert len(page.items) == len(half)
