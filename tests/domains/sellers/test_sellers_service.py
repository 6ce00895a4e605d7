"""Sellers register, publish, change and withdraw; what is refused, and what the world is told."""

from asyncio import gather
from dataclasses import replace
from uuid import uuid4

import pytest

from domains.sellers import (
    AlreadyRegistered,
    BulkRefused,
    ChangeListing,
    DisplayNameTaken,
    IdempotencyKeyReused,
    Listing,
    ListingIsWithdrawn,
    ListingNotFound,
    NotASeller,
    Seller,
    SellersService,
    UnknownBook,
    WithdrawListing,
    seller_id_of,
)
from domains.sellers.handlers import learn_book
from domains.sellers.model import MOST_LISTINGS_OF_A_BOOK
from kernel.books import Grade
from kernel.database import ConstraintViolated
from kernel.errors import InvalidField, StaleVersion, UnsupportedCurrency
from kernel.money import Money
from kernel.pages import InvalidCursor, PageRequest, encode_cursor
from messaging.events import BookAdded, ListingChanged, ListingPublished, ListingWithdrawn, SellerRegistered
from tests.domains.sellers.stall import ISBN, OFFER, OTHER_ISBN, SARAH, Deliver, Told, kinds, opened_stall


async def published(service: SellersService, deliver: Deliver) -> Listing:
    await opened_stall(service, deliver)
    listing = await service.publish_listing(OFFER)
    assert isinstance(listing, Listing)
    return listing


async def test_who_registers_is_a_seller_and_the_world_is_told(service: SellersService, told: Told) -> None:
    seller = await service.register(SARAH)

    assert isinstance(seller, Seller)
    assert (seller.id, seller.display_name, seller.books_sold, seller.revenue) == (
        seller_id_of("here", "sarah"),
        "Sarah's Shelf",
        0,
        Money(0, "EUR"),
    )
    assert await service.seller_of("sarah") == seller
    assert await service.find_sellers([seller.id, uuid4()]) == {seller.id: seller}
    assert await told() == [SellerRegistered(**seller.announced())]


async def test_who_registers_twice_gets_the_stall_they_have(service: SellersService, told: Told) -> None:
    first = await service.register(SARAH)

    assert isinstance(first, Seller)
    assert await service.register(replace(SARAH, display_name="Another")) == AlreadyRegistered(seller=first)
    assert len(await told()) == 1


async def test_a_name_is_given_once(service: SellersService) -> None:
    await service.register(SARAH)

    twin = await service.register(replace(SARAH, owner_id="tom", display_name="SARAH'S  shelf"))

    assert twin == DisplayNameTaken(display_name="SARAH'S  shelf")
    assert await service.seller_of("tom") is None


async def test_a_name_that_cannot_be_shown_is_refused(service: SellersService, told: Told) -> None:
    refused = await service.register(replace(SARAH, display_name="a\nb"))

    assert isinstance(refused, InvalidField)
    assert refused.path == ("input", "displayName")
    assert await told() == []


async def test_a_published_listing_can_be_found_and_is_announced(
    service: SellersService, deliver: Deliver, told: Told
) -> None:
    listing = await published(service, deliver)

    assert (listing.isbn, listing.location, listing.published_quantity, listing.version) == (ISBN, "Utrecht", 3, 1)
    assert await service.find_listings(listing.owner_id, [listing.id]) == {listing.id: listing}
    assert await service.find_listings("somebody else", [listing.id]) == {}
    assert (await told())[1:] == [ListingPublished(**listing.announced(), quantity=3)]


async def test_all_that_is_wrong_with_a_listing_is_said_at_once(service: SellersService, told: Told) -> None:
    wrong = replace(OFFER, price=Money(0, "USD"), quantity=0)

    problems = await service.publish_listing(wrong)

    assert kinds(problems) == [UnsupportedCurrency, InvalidField, InvalidField, NotASeller, UnknownBook]
    assert await told() == []


async def test_a_wrong_check_digit_is_not_an_unknown_book(service: SellersService, deliver: Deliver) -> None:
    await opened_stall(service, deliver)

    problems = await service.publish_listing(replace(OFFER, isbn="9780439023480"))

    assert kinds(problems) == [InvalidField]
    assert isinstance(problems, tuple)
    assert problems[0].path == ("input", "isbn")


async def test_a_book_that_the_catalogue_does_not_know_cannot_be_listed(service: SellersService) -> None:
    await service.register(SARAH)

    assert await service.publish_listing(OFFER) == (UnknownBook(isbn=ISBN),)
    assert await service.known_books([ISBN]) == set()


async def test_the_same_key_publishes_once(service: SellersService, deliver: Deliver, told: Told) -> None:
    await opened_stall(service, deliver)
    command = replace(OFFER, idempotency_key="k1")

    answers = await gather(*(service.publish_listing(command) for _ in range(5)))

    assert all(answer == answers[0] for answer in answers)
    assert isinstance(answers[0], Listing)
    assert sum(isinstance(event, ListingPublished) for event in await told()) == 1


async def test_a_key_answers_with_the_listing_as_it_is_now(service: SellersService, deliver: Deliver) -> None:
    await opened_stall(service, deliver)
    command = replace(OFFER, idempotency_key="k1")
    listing = await service.publish_listing(command)
    assert isinstance(listing, Listing)
    changed = await service.change_listing(
        ChangeListing(owner_id="sarah", listing_id=listing.id, version=1, price=Money(999, "EUR"))
    )

    assert await service.publish_listing(command) == changed


async def test_a_key_is_good_for_one_listing(service: SellersService, deliver: Deliver) -> None:
    await opened_stall(service, deliver)
    await service.publish_listing(replace(OFFER, idempotency_key="k1"))

    other = await service.publish_listing(replace(OFFER, idempotency_key="k1", quantity=4))

    assert other == (IdempotencyKeyReused(),)


async def test_two_sellers_may_use_the_same_key(service: SellersService, deliver: Deliver) -> None:
    await opened_stall(service, deliver)
    await service.register(replace(SARAH, owner_id="tom", display_name="Tom"))

    mine = await service.publish_listing(replace(OFFER, idempotency_key="k1"))
    his = await service.publish_listing(replace(OFFER, idempotency_key="k1", owner_id="tom"))

    assert isinstance(mine, Listing)
    assert isinstance(his, Listing)
    assert mine.id != his.id


async def test_a_change_raises_the_version_and_is_announced(
    service: SellersService, deliver: Deliver, told: Told
) -> None:
    listing = await published(service, deliver)

    changed = await service.change_listing(
        ChangeListing(
            owner_id="sarah",
            listing_id=listing.id,
            version=1,
            price=Money(900, "EUR"),
            grade=Grade.NEW,
            location=" Gent ",
        )
    )

    assert changed == replace(listing, price=Money(900, "EUR"), grade=Grade.NEW, location="Gent", version=2)
    assert isinstance(changed, Listing)
    assert (await service.find_listings(listing.owner_id, [listing.id]))[listing.id] == changed
    assert (await told())[-1] == ListingChanged(**changed.announced())


async def test_a_change_of_nothing_is_not_announced(service: SellersService, deliver: Deliver, told: Told) -> None:
    listing = await published(service, deliver)
    before = len(await told())

    same = await service.change_listing(
        ChangeListing(owner_id="sarah", listing_id=listing.id, version=1, price=listing.price, location="Utrecht")
    )

    assert same == listing
    assert len(await told()) == before


async def test_of_two_changes_of_the_same_version_one_is_stale(service: SellersService, deliver: Deliver) -> None:
    listing = await published(service, deliver)
    command = ChangeListing(owner_id="sarah", listing_id=listing.id, version=1)

    first, second = await gather(
        service.change_listing(replace(command, price=Money(100, "EUR"))),
        service.change_listing(replace(command, price=Money(200, "EUR"))),
    )

    assert isinstance(first, Listing)
    assert second == StaleVersion(path=("input", "version"), expected=1, current=2)


async def test_a_wrong_price_is_refused(service: SellersService, deliver: Deliver) -> None:
    listing = await published(service, deliver)
    command = ChangeListing(owner_id="sarah", listing_id=listing.id, version=1)

    assert isinstance(await service.change_listing(replace(command, price=Money(0, "EUR"))), InvalidField)
    assert isinstance(await service.change_listing(replace(command, price=Money(1, "USD"))), UnsupportedCurrency)


async def test_somebody_elses_listing_is_not_found(service: SellersService, deliver: Deliver) -> None:
    listing = await published(service, deliver)
    not_found = ListingNotFound(listing_id=listing.id)

    assert await service.change_listing(ChangeListing(owner_id="tom", listing_id=listing.id, version=1)) == not_found
    assert (
        await service.withdraw_listing(WithdrawListing(owner_id="tom", listing_id=listing.id, version=1)) == not_found
    )


async def test_a_listing_that_never_was_is_not_found(service: SellersService) -> None:
    unknown = uuid4()

    assert await service.withdraw_listing(
        WithdrawListing(owner_id="sarah", listing_id=unknown, version=1)
    ) == ListingNotFound(listing_id=unknown)


async def test_a_withdrawn_listing_stays_withdrawn(service: SellersService, deliver: Deliver, told: Told) -> None:
    listing = await published(service, deliver)
    command = WithdrawListing(owner_id="sarah", listing_id=listing.id, version=1)

    withdrawn = await service.withdraw_listing(command)

    assert withdrawn == replace(listing, withdrawn=True, version=2)
    assert isinstance(withdrawn, Listing)
    assert (await told())[-1] == ListingWithdrawn(**withdrawn.announced())
    assert await service.withdraw_listing(replace(command, version=2)) == ListingIsWithdrawn(listing_id=listing.id)
    change = ChangeListing(owner_id="sarah", listing_id=listing.id, version=2, location="Gent")
    assert await service.change_listing(change) == ListingIsWithdrawn(listing_id=listing.id)


async def test_bulk_commands_do_what_single_ones_do_and_may_be_repeated(
    service: SellersService, deliver: Deliver, told: Told
) -> None:
    await deliver(learn_book, BookAdded(book_isbn=ISBN, title="t", authors=(), version=1))
    stalls = [replace(SARAH, owner_id=f"owner{n}", display_name=f"Stall {n}", rating=4.25) for n in range(20)]
    offers = [replace(OFFER, owner_id=f"owner{n % 20}", id=uuid4()) for n in range(700)]

    registered = await service.register_many(stalls)
    listings = await service.publish_many(offers)

    assert [seller.rating for seller in registered] == [4.25] * 20
    assert [listing.id for listing in listings] == [offer.id for offer in offers]
    events = await told()
    assert sum(isinstance(event, SellerRegistered) for event in events) == 20
    assert sum(isinstance(event, ListingPublished) for event in events) == 700
    assert await service.register_many(stalls) == registered
    assert await service.publish_many(offers) == listings
    assert len(await told()) == len(events)


async def test_a_bulk_command_with_a_mistake_does_nothing(service: SellersService, deliver: Deliver) -> None:
    seller = await opened_stall(service, deliver)
    mistakes = [
        replace(OFFER, quantity=0),
        replace(OFFER, owner_id="nobody"),
        replace(OFFER, isbn=OTHER_ISBN),
    ]

    for mistake in mistakes:
        with pytest.raises(BulkRefused):
            await service.publish_many([OFFER, mistake])
    with pytest.raises(BulkRefused, match="as many listings of this book"):
        await service.publish_many([OFFER] * (MOST_LISTINGS_OF_A_BOOK + 1))
    with pytest.raises(BulkRefused):
        await service.register_many([replace(SARAH, display_name="")])
    with pytest.raises(ConstraintViolated):
        await service.register_many([replace(SARAH, owner_id="tom")])

    assert (await service.listings_of(seller.id, PageRequest())).items == []


async def test_pages_of_listings_follow_one_another_newest_first(service: SellersService, deliver: Deliver) -> None:
    seller = await opened_stall(service, deliver)
    listings = [await service.publish_listing(OFFER) for _ in range(3)]
    bulk = await service.publish_many([OFFER] * 4)

    seen: list[Listing] = []
    page = await service.listings_of(seller.id, PageRequest(first=3))
    seen += page.items
    while page.has_next:
        page = await service.listings_of(seller.id, PageRequest(first=3, after=page.cursors[-1]))
        seen += page.items

    assert seen[4:] == listings[::-1]
    assert {listing.id for listing in seen[:4]} == {listing.id for listing in bulk}
    assert len(seen) == 7


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "hello",
        encode_cursor("hello", "there"),
        encode_cursor(None, None),
        encode_cursor(1, 2),
        encode_cursor("0001-01-01T00:00:00+23:59", "0" * 32),
    ],
)
async def test_a_cursor_of_another_list_is_refused(service: SellersService, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await service.listings_of(uuid4(), PageRequest(after=cursor))
    with pytest.raises(InvalidCursor):
        await service.sales_of(uuid4(), PageRequest(after=cursor))
