"""Checkouts that cannot be: each problem has its code and path, and nothing is left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests import documents
from tests.builders import ADDRESS, Buyer, Offer, Shop, codes, euros, kinds

AMOUNT = ["input", "amount"]
QUANTITY = ["input", "quantity"]


@asynccontextmanager
async def nothing_left_behind(buyer: Buyer, *offers: Offer) -> AsyncIterator[None]:
    """What happens in the block takes no money, holds no copy, creates no order for others, and leaves the cart."""
    traces = buyer.shop.traces
    cart = (await buyer.cart())["lines"]
    stocks = [await offer.stock() for offer in offers]
    yield
    orders = (await buyer.ask(documents.ORDERS))["orders"]["nodes"]
    assert traces.charged(orders) == []
    assert await traces.events("orders", "OrderCreated", CustomerId=buyer.name) == []
    assert await traces.events("orders", "OrderPaid", CustomerId=buyer.name) == []
    assert (await buyer.cart())["lines"] == cart
    for before, after in zip(stocks, [await offer.stock() for offer in offers], strict=True):
        assert (after["onHand"], after["held"]) == (before["onHand"], 0)


async def test_an_empty_cart_is_not_bought(shop: Shop) -> None:
    buyer = shop.buyer()
    async with nothing_left_behind(buyer):
        assert codes(await buyer.checks_out(amount="0.00")) == [("CART_EMPTY", None)]
    assert await shop.traces.orders_of(buyer.name) == []


async def test_the_amount_must_be_the_cart_s_total(shop: Shop) -> None:
    offer, buyer = await shop.offer(price="12.50"), shop.buyer()
    await buyer.adds(offer)
    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.checks_out(amount="12.49")

    [problem] = rejected["problems"]
    assert (problem["code"], problem["path"]) == ("AMOUNT_MISMATCH", AMOUNT)
    assert (problem["agreed"]["amount"], problem["total"]["amount"]) == ("12.49", "12.50")
    assert rejected["failedOrder"] is None
    assert await shop.traces.orders_of(buyer.name) == []


@pytest.mark.parametrize("amount", ["12.505", "-12.50", "0", "99999999999999999999"])
async def test_an_amount_that_cannot_be_is_refused(shop: Shop, amount: str) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    await buyer.adds(offer)
    async with nothing_left_behind(buyer, offer):
        [(code, path)] = codes(await buyer.checks_out(amount=amount))
    assert code in ("AMOUNT_MISMATCH", "INVALID_FIELD")
    assert path is not None
    assert path[:2] == AMOUNT


async def test_another_currency_is_refused(shop: Shop) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    await buyer.adds(offer)
    checkout = {
        "idempotencyKey": "dollars",
        "deliveryAddress": ADDRESS,
        "amount": {"amount": "12.50", "currency": "USD"},
    }
    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.ask(documents.CHECKOUT, input=checkout)
    assert codes(rejected) == [("UNSUPPORTED_CURRENCY", [*AMOUNT, "currency"])]


@pytest.mark.parametrize("copies", [0, -1, 100, 2_147_483_647, -2_147_483_648])
async def test_an_absurd_number_of_copies_never_reaches_the_cart(shop: Shop, copies: int) -> None:
    offer, buyer = await shop.offer(copies=3), shop.buyer()
    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.adds(offer, copies)
    assert (rejected["code"], codes(rejected)) == ("CART_REJECTED", [("INVALID_FIELD", QUANTITY)])


@pytest.mark.parametrize("copies", [-1, 100])
async def test_a_line_is_not_set_to_an_absurd_number_of_copies(shop: Shop, copies: int) -> None:
    offer, buyer = await shop.offer(copies=3), shop.buyer()
    await buyer.adds(offer)
    async with nothing_left_behind(buyer, offer):
        assert codes(await buyer.sets(offer, copies)) == [("INVALID_FIELD", QUANTITY)]


async def test_adding_again_and_again_stops_at_the_most_copies(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=500), shop.buyer()
    await buyer.adds(offer, 99)
    async with nothing_left_behind(buyer, offer):
        assert codes(await buyer.adds(offer, 1)) == [("INVALID_FIELD", QUANTITY)]


async def test_a_number_of_copies_beyond_an_int_is_no_variable(shop: Shop) -> None:
    offer = await shop.offer()
    wanted = {"offerId": offer.id, "quantity": 2**31}
    assert await shop.buyer().refusal(documents.ADD_TO_CART, input=wanted) == "BAD_USER_INPUT"


async def test_an_offer_that_never_was_is_gone(shop: Shop) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    listing_id = {"offerId": offer.listing_id, "quantity": 1}
    rejected = await buyer.ask(documents.ADD_TO_CART, input=listing_id)
    assert codes(rejected) == [("INVALID_FIELD", ["input", "offerId"])]
    nonsense = {"offerId": "💥", "quantity": 0}
    rejected = await buyer.ask(documents.ADD_TO_CART, input=nonsense)
    assert ("INVALID_FIELD", ["input", "offerId"]) in codes(rejected)


async def test_a_withdrawn_offer_is_gone(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=3), shop.buyer()
    await buyer.adds(offer)
    await offer.is_withdrawn()

    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.checks_out(amount="12.50")
    [problem] = rejected["problems"]
    assert (problem["code"], problem["offerId"]) == ("OFFER_GONE", offer.id)
    assert codes(await shop.buyer().adds(offer)) == [("OFFER_GONE", ["input", "offerId"])]
    [line] = (await buyer.cart())["lines"]
    assert (line["available"], line["currentPrice"]) == (0, None)
    assert (await buyer.sets(offer, 0))["lines"] == []


async def test_a_changed_price_must_be_seen_first(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=3, price="12.50"), shop.buyer()
    await buyer.adds(offer)
    await offer.costs("11.00")

    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.checks_out(amount="12.50")
    [problem] = rejected["problems"]
    assert (problem["code"], problem["offer"]["id"]) == ("PRICE_CHANGED", offer.id)
    assert (problem["seen"]["amount"], problem["current"]["amount"]) == ("12.50", "11.00")
    assert (await buyer.sets(offer, 1))["problems"] == []
    assert (await buyer.checks_out(amount="11.00"))["__typename"] == "CheckoutCompleted"


async def test_nobody_buys_their_own_books(shop: Shop) -> None:
    offer = await shop.offer()
    async with nothing_left_behind(offer.seller, offer):
        assert codes(await offer.seller.adds(offer)) == [("OWN_BOOK", ["input", "offerId"])]
        assert codes(await offer.seller.sets(offer, 1)) == [("OWN_BOOK", ["input", "offerId"])]


async def test_more_copies_than_there_are_cannot_be_bought(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2), shop.buyer()
    dearer = await shop.offer(price="20.00", isbn=offer.isbn)
    cart = await buyer.adds(offer, 3)
    assert kinds(cart["problems"]) == ["OutOfStock"]

    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.checks_out(amount="37.50")
    [problem] = rejected["problems"]
    assert (problem["code"], problem["wanted"], problem["available"]) == ("OUT_OF_STOCK", 3, 2)
    assert (problem["offer"]["id"], problem["alternatives"]) == (offer.id, [{"id": dearer.id}])


@pytest.mark.parametrize(("method", "reason"), [("card-declined", "DECLINED"), ("cheque", "UNKNOWN_METHOD")])
async def test_a_refused_payment_gives_the_copies_back(shop: Shop, method: str, reason: str) -> None:
    offer, buyer = await shop.offer(copies=2), shop.buyer()
    await buyer.adds(offer)
    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.checks_out(method=method)

    [problem] = rejected["problems"]
    assert (problem["code"], problem["path"]) == ("PAYMENT_DECLINED", ["input", "paymentMethod"])
    assert problem["reasonCode"] == reason
    order = rejected["failedOrder"]
    assert (order["status"], order["paymentStatus"]) == ("PAYMENT_FAILED", "FAILED")
    assert order["actions"] == ["CHECKOUT_AGAIN"]
    assert (await offer.stock())["available"] == 2

    async def told() -> bool:
        return [message["kind"] for message in await buyer.messages()] == ["PAYMENT_FAILED"]

    await shop.eventually(told)
    assert (await buyer.checks_out())["__typename"] == "CheckoutCompleted"


@pytest.mark.parametrize("part", ["name", "line1", "postalCode", "city", "country"])
@pytest.mark.parametrize("given", [None, "", " \t "])
async def test_a_missing_part_of_the_address_is_named(shop: Shop, part: str, given: str | None) -> None:
    buyer = shop.buyer()
    rejected = await buyer.checks_out(amount="1.00", address=ADDRESS | {part: given})
    assert ("INVALID_FIELD", ["input", "deliveryAddress", part]) in codes(rejected)
    assert len(rejected["problems"]) == 2, "the part of the address, and the cart that is empty"


@pytest.mark.parametrize(
    ("part", "given"),
    [
        ("name", "x" * 121),
        ("name", "Ada\nReader"),
        ("line2", "\x07"),
        ("postalCode", "3" * 21),
        ("country", "Netherlands"),
        ("country", "QQ"),
        ("country", "1"),
    ],
)
async def test_an_address_that_cannot_be_written_is_refused(shop: Shop, part: str, given: str) -> None:
    rejected = await shop.buyer().checks_out(amount="1.00", address=ADDRESS | {part: given})
    assert ("INVALID_FIELD", ["input", "deliveryAddress", part]) in codes(rejected)


@pytest.mark.parametrize("key", ["", "   ", "k" * 256])
async def test_a_key_that_cannot_be_stored_is_refused(shop: Shop, key: str) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    await buyer.adds(offer)
    checkout = {"idempotencyKey": key, "deliveryAddress": ADDRESS, "amount": euros("12.50")}
    async with nothing_left_behind(buyer, offer):
        rejected = await buyer.ask(documents.CHECKOUT, input=checkout)
    assert codes(rejected) == [("INVALID_FIELD", ["input", "idempotencyKey"])]


async def test_all_problems_come_in_one_answer(shop: Shop) -> None:
    dear, gone, short = await shop.offer(), await shop.offer(), await shop.offer(copies=1)
    buyer = shop.buyer()
    await buyer.adds(dear)
    await buyer.adds(gone)
    await buyer.adds(short, 2)
    await dear.costs("13.00")
    await gone.is_withdrawn()

    async with nothing_left_behind(buyer, dear, gone, short):
        rejected = await buyer.checks_out(amount="1.00", address={"line1": "1 Canal Street", "country": "XX"})

    assert (rejected["code"], rejected["failedOrder"]) == ("CHECKOUT_REJECTED", None)
    assert sorted(codes(rejected), key=str) == sorted(
        [
            ("INVALID_FIELD", ["input", "deliveryAddress", "name"]),
            ("INVALID_FIELD", ["input", "deliveryAddress", "postalCode"]),
            ("INVALID_FIELD", ["input", "deliveryAddress", "city"]),
            ("INVALID_FIELD", ["input", "deliveryAddress", "country"]),
            ("AMOUNT_MISMATCH", AMOUNT),
            ("PRICE_CHANGED", None),
            ("OFFER_GONE", None),
            ("OUT_OF_STOCK", None),
        ],
        key=str,
    )
    assert rejected["cart"]["lines"] == (await buyer.cart())["lines"]


async def test_an_unreadable_amount_hides_no_other_problem(shop: Shop) -> None:
    rejected = await shop.buyer().checks_out(amount="1.005", address=ADDRESS | {"city": None})
    assert codes(rejected) == [
        ("INVALID_FIELD", ["input", "amount", "amount"]),
        ("INVALID_FIELD", ["input", "deliveryAddress", "city"]),
        ("CART_EMPTY", None),
    ]


async def test_a_rejected_checkout_leaves_its_key_free(shop: Shop) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    await buyer.adds(offer)
    assert (await buyer.checks_out(key="k", amount="1.00"))["__typename"] == "CheckoutRejected"
    assert await buyer.ask(documents.CHECKOUT_ATTEMPT, key="k") is None
    assert (await buyer.checks_out(key="k", amount="12.50"))["__typename"] == "CheckoutCompleted"


@pytest.mark.parametrize("isbn", ["9780306406158", "0-306-40615-3", "978030640615", "", "A Tale"])
async def test_a_wrong_isbn_is_told_wherever_it_comes(shop: Shop, isbn: str) -> None:
    assert await shop.buyer().refusal(documents.BOOK, isbn=isbn) == "BAD_USER_INPUT"
    rejected = await (await shop.seller()).publishes(isbn)
    assert (rejected["code"], codes(rejected)) == ("LISTING_REJECTED", [("INVALID_FIELD", ["input", "isbn"])])
    book = {"isbn": isbn, "title": "A Tale", "authors": ["Nora Writer"]}
    rejected = await shop.operator().ask(documents.ADD_BOOK, input=book)
    assert codes(rejected) == [("INVALID_FIELD", ["input", "isbn"])]
