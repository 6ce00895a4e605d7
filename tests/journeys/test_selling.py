"""Sellers: a stall, its listings, and what is refused."""

from __future__ import annotations

import secrets
from asyncio import gather

import pytest

from tests import documents
from tests.builders import Shop, codes, euros, fresh_isbn, kinds


async def test_a_newcomer_opens_a_stall_once(shop: Shop) -> None:
    newcomer = shop.newcomer()
    assert (await newcomer.desk())["seller"] is None
    name = f"Attic {newcomer.name}"

    seller = await newcomer.registers(f"  {name} ")
    assert (seller["displayName"], seller["booksSold"]) == (name, 0)
    again = await newcomer.registers("Another Name")
    assert (again["code"], again["seller"]["id"]) == ("ALREADY_REGISTERED", seller["id"])
    desk = await newcomer.desk()
    assert (desk["seller"]["displayName"], desk["email"]) == (name, newcomer.email)
    taken = await shop.newcomer().registers(name.upper())
    assert (taken["code"], taken["path"]) == ("DISPLAY_NAME_TAKEN", ["input", "displayName"])


async def test_ten_newcomers_at_once_get_a_name_once(shop: Shop) -> None:
    name = f"Attic {secrets.token_hex(4)}"
    answers = await gather(*(shop.newcomer().registers(name) for _ in range(10)))
    assert sorted(kinds(answers)) == ["DisplayNameTaken"] * 9 + ["Seller"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "two\nlines", "\x07"])
async def test_a_stall_needs_a_name_that_can_be_shown(shop: Shop, name: str) -> None:
    refused = await shop.newcomer().registers(name)
    assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "displayName"])


async def test_a_listing_becomes_an_offer_and_its_book_is_found(shop: Shop) -> None:
    offer = await shop.offer(copies=4, price="6.60")
    listing = await offer.listing()
    assert (listing["publishedQuantity"], listing["stock"]["available"], listing["withdrawn"]) == (4, 4, False)
    [shown] = (await offer.book())["offers"]["nodes"]
    assert (shown["price"]["amount"], shown["available"], shown["condition"]) == ("6.60", 4, "GOOD")
    assert (shown["location"], shown["seller"]["displayName"]) == ("Lyon", f"Stall of {offer.seller.name}")


async def test_everything_wrong_with_a_listing_is_told_at_once(shop: Shop) -> None:
    rejected = await shop.newcomer().publishes(
        "9780306406158", copies=0, price="0.00", location="x" * 81, idempotencyKey=" "
    )
    assert rejected["code"] == "LISTING_REJECTED"
    assert sorted(codes(rejected), key=str) == sorted(
        [
            ("INVALID_FIELD", ["input", "isbn"]),
            ("INVALID_FIELD", ["input", "price", "amount"]),
            ("INVALID_FIELD", ["input", "quantity"]),
            ("INVALID_FIELD", ["input", "location"]),
            ("INVALID_FIELD", ["input", "idempotencyKey"]),
            ("NOT_A_SELLER", None),
        ],
        key=str,
    )


async def test_an_unreadable_price_hides_no_other_problem(shop: Shop) -> None:
    rejected = await (await shop.seller()).publishes(fresh_isbn(), copies=10_001, price="1.005")
    assert codes(rejected) == [
        ("INVALID_FIELD", ["input", "price", "amount"]),
        ("INVALID_FIELD", ["input", "quantity"]),
        ("UNKNOWN_BOOK", ["input", "isbn"]),
    ]


async def test_a_price_in_another_currency_is_refused(shop: Shop) -> None:
    offer = await shop.offer()
    dollars = {"amount": "1.00", "currency": "USD"}
    rejected = await offer.seller.ask(
        documents.PUBLISH, input={"isbn": offer.isbn, "condition": "NEW", "price": dollars}
    )
    assert codes(rejected) == [("UNSUPPORTED_CURRENCY", ["input", "price", "currency"])]
    refused = await offer.changes(price=dollars)
    assert (refused["code"], refused["path"]) == ("UNSUPPORTED_CURRENCY", ["input", "price", "currency"])


async def test_the_same_key_publishes_once(shop: Shop) -> None:
    offer, key = await shop.offer(), secrets.token_hex(8)
    seller = offer.seller
    first = await seller.publishes(offer.isbn, price="3.00", idempotencyKey=key)
    again = await seller.publishes(f"{offer.isbn[:3]}-{offer.isbn[3:]}", price="3.00", idempotencyKey=key)
    other = await seller.publishes(offer.isbn, price="4.00", idempotencyKey=key)

    assert again["id"] == first["id"]
    assert codes(other) == [("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])]
    assert {listing["id"] for listing in (await seller.desk())["listings"]["nodes"]} == {offer.listing_id, first["id"]}


async def test_the_same_key_sent_ten_times_at_once_publishes_once(shop: Shop) -> None:
    offer, key = await shop.offer(), secrets.token_hex(8)
    answers = await gather(*(offer.seller.publishes(offer.isbn, idempotencyKey=key) for _ in range(10)))
    assert len({listing["id"] for listing in answers}) == 1
    assert len((await offer.seller.desk())["listings"]["nodes"]) == 2


async def test_of_ten_changes_at_once_one_is_made(shop: Shop) -> None:
    offer = await shop.offer()
    version = (await offer.listing())["version"]
    changes = [{"listingId": offer.listing_id, "version": version, "price": euros(f"{n}.00")} for n in range(1, 11)]
    answers = await gather(*(offer.seller.ask(documents.CHANGE_LISTING, input=change) for change in changes))
    assert sorted(kinds(answers)) == ["Listing"] + ["StaleVersion"] * 9


async def test_a_change_of_what_somebody_else_changed_is_stale(shop: Shop) -> None:
    offer = await shop.offer(price="12.50")
    version = (await offer.listing())["version"]
    changed = await offer.changes(price=euros("10.00"), condition="LIKE_NEW", location="Porto")
    assert (changed["price"]["amount"], changed["condition"], changed["location"]) == ("10.00", "LIKE_NEW", "Porto")

    stale = {"listingId": offer.listing_id, "version": version, "price": euros("9.00")}
    refused = await offer.seller.ask(documents.CHANGE_LISTING, input=stale)
    assert (refused["code"], refused["path"]) == ("STALE_VERSION", ["input", "version"])
    assert (refused["expected"], refused["current"]) == (version, changed["version"])

    async def shown() -> bool:
        [offered] = (await offer.book())["offers"]["nodes"]
        return (offered["price"]["amount"], offered["condition"]) == ("10.00", "LIKE_NEW")

    await shop.eventually(shown)


async def test_a_change_to_nothing_new_keeps_the_version(shop: Shop) -> None:
    offer = await shop.offer(price="12.50")
    before = (await offer.listing())["version"]
    assert (await offer.changes(price=euros("12.5"), location=" Lyon "))["version"] == before


async def test_a_withdrawn_listing_takes_no_new_buyers_and_no_changes(shop: Shop) -> None:
    offer = await shop.offer(copies=3)
    await offer.is_withdrawn()

    assert codes(await shop.buyer().adds(offer)) == [("OFFER_GONE", ["input", "offerId"])]
    refused = await offer.changes(price=euros("1.00"))
    assert (refused["code"], refused["path"]) == ("LISTING_IS_WITHDRAWN", ["input", "listingId"])
    listing = await offer.listing()
    assert (listing["withdrawn"], listing["offer"]) == (True, None)
    assert await shop.buyer().ask(documents.NODE, id=offer.id) is None


async def test_stock_is_corrected_for_the_version_that_was_read(shop: Shop) -> None:
    offer = await shop.offer(copies=3)
    version = (await offer.stock())["version"]
    correction = {"listingId": offer.listing_id, "onHand": 8, "version": version}
    corrected = await offer.seller.ask(documents.ADJUST_STOCK, input=correction)
    assert (corrected["onHand"], corrected["available"]) == (8, 8)

    stale = await offer.seller.ask(documents.ADJUST_STOCK, input=correction | {"onHand": 2})
    assert (stale["code"], stale["current"]) == ("STALE_VERSION", corrected["version"])

    async def known_everywhere() -> bool:
        return (await offer.book())["stock"]["total"] == 8 and (await offer.listing())["onHand"] == 8

    await shop.eventually(known_everywhere)


@pytest.mark.parametrize("on_hand", [-1, 10_001])
async def test_stock_is_not_corrected_to_what_cannot_be(shop: Shop, on_hand: int) -> None:
    offer = await shop.offer()
    version = (await offer.stock())["version"]
    correction = {"listingId": offer.listing_id, "onHand": on_hand, "version": version}
    refused = await offer.seller.ask(documents.ADJUST_STOCK, input=correction)
    assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "onHand"])


async def test_a_sold_out_offer_is_bought_again_after_a_correction(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=1), shop.buyer()
    await buyer.settled(await buyer.buys(offer))
    version = (await offer.stock())["version"]
    await offer.seller.ask(
        documents.ADJUST_STOCK, input={"listingId": offer.listing_id, "onHand": 1, "version": version}
    )
    assert (await buyer.buys(offer))["__typename"] == "CheckoutCompleted"


async def test_somebody_else_s_listing_is_not_found(shop: Shop) -> None:
    offer, rival = await shop.offer(), await shop.seller()
    for document, change in (
        (documents.CHANGE_LISTING, {"version": 1, "price": euros("0.01")}),
        (documents.WITHDRAW_LISTING, {"version": 1}),
        (documents.ADJUST_STOCK, {"version": 1, "onHand": 0}),
    ):
        refused = await rival.ask(document, input={"listingId": offer.listing_id} | change)
        assert (refused["code"], refused["path"]) == ("LISTING_NOT_FOUND", ["input", "listingId"])
        refused = await rival.ask(document, input={"listingId": offer.id} | change)
        assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "listingId"])
    assert (await offer.listing())["price"]["amount"] == "12.50"


async def test_a_book_is_added_once(shop: Shop) -> None:
    isbn = await shop.book("A Tale")
    book = {"isbn": isbn, "title": "Another Tale", "authors": ["Nora Writer"]}
    assert codes(await shop.operator().ask(documents.ADD_BOOK, input=book)) == [
        ("BOOK_ALREADY_KNOWN", ["input", "isbn"])
    ]
    assert (await shop.stranger().ask(documents.BOOK, isbn=isbn))["title"] == "A Tale"
