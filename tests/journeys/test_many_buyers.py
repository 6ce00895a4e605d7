"""Many buyers at once, through a real server: as many buy as there are copies, and everybody is told what happened."""

from __future__ import annotations

import secrets
from asyncio import gather
from collections import Counter
from collections.abc import Sequence

import pytest

from tests.builders import ADDRESS, Answer, Buyer, Offer, Shop, kinds

BUYERS = 200
PRICE = "12.50"
CENTS = 1250


@pytest.mark.parametrize("copies", [1, 7])
async def test_as_many_of_two_hundred_buyers_pay_as_there_are_copies(shop: Shop, copies: int) -> None:
    await everybody_wants_a_copy(shop, copies)


@pytest.mark.long
@pytest.mark.parametrize("repeat", range(20))
@pytest.mark.parametrize("copies", [1, 7])
async def test_as_many_pay_as_there_are_copies_however_often_they_try(shop: Shop, copies: int, repeat: int) -> None:
    await everybody_wants_a_copy(shop, copies)


async def everybody_wants_a_copy(shop: Shop, copies: int) -> None:
    """Everybody has one in the cart, and all check out at once."""
    offer = await shop.offer(copies=copies, price=PRICE)
    buyers = [shop.buyer() for _ in range(BUYERS)]
    await gather(*(buyer.adds(offer) for buyer in buyers))

    outcomes = await gather(*(buyer.checks_out(amount=PRICE) for buyer in buyers))

    assert told(outcomes) == {("CheckoutCompleted",): copies, ("CheckoutRejected", "OutOfStock"): BUYERS - copies}
    winners = [
        (buyer, outcome)
        for buyer, outcome in zip(buyers, outcomes, strict=True)
        if outcome["__typename"] == "CheckoutCompleted"
    ]
    assert shop.traces.charged(orders_in(outcomes)) == [CENTS] * copies
    for buyer, outcome in zip(buyers, outcomes, strict=True):
        states = await shop.traces.orders_of(buyer.name)
        assert set(states) <= ({"PAID"} if outcome["__typename"] == "CheckoutCompleted" else {"REJECTED"})
    orders = [await buyer.settled(outcome) for buyer, outcome in winners]
    assert {order["status"] for order in orders} == {"PAID"}
    await nothing_is_left(shop, offer)
    assert (await offer.seller.desk())["statistics"]["booksSold"] == copies


async def test_one_key_sent_fifty_times_at_once_is_one_order_and_one_charge(shop: Shop) -> None:
    offer, buyer, key = await shop.offer(copies=9, price=PRICE), shop.buyer(), secrets.token_hex(8)
    await buyer.adds(offer)

    outcomes = await gather(*(buyer.checks_out(key=key, amount=PRICE) for _ in range(50)))

    assert set(kinds(outcomes)) <= {"CheckoutCompleted", "CheckoutPending"}
    [order_id] = {outcome["order"]["id"] for outcome in outcomes}
    assert await shop.traces.orders_of(buyer.name) == ["PAID"]
    assert shop.traces.charged([{"id": order_id}]) == [CENTS]
    again = await gather(*(buyer.checks_out(key=key, amount=PRICE) for _ in range(10)))
    assert {(answer["order"]["id"], answer["replayed"]) for answer in again} == {(order_id, True)}
    await buyer.settled(again[0])
    assert (await offer.stock())["onHand"] == 8


async def test_a_key_belongs_to_one_request_of_one_buyer_also_when_all_come_at_once(shop: Shop) -> None:
    offer, key = await shop.offer(copies=9, price=PRICE), secrets.token_hex(8)
    buyers = [shop.buyer() for _ in range(3)]
    await gather(*(buyer.adds(offer) for buyer in buyers))
    addresses = [ADDRESS, ADDRESS | {"city": "Delft"}]

    async def sends_two_requests(buyer: Buyer) -> str:
        answers = await gather(
            *(buyer.checks_out(key=key, amount=PRICE, address=addresses[number % 2]) for number in range(20))
        )
        bought = [answer for answer in answers if answer["__typename"] in ("CheckoutCompleted", "CheckoutPending")]
        refused = [answer for answer in answers if answer not in bought]
        assert told(refused) == {("IdempotencyKeyReused",): 10}
        [order_id] = {answer["order"]["id"] for answer in bought}
        return order_id

    orders = await gather(*(sends_two_requests(buyer) for buyer in buyers))

    assert len(set(orders)) == 3
    assert shop.traces.charged([{"id": order_id} for order_id in orders]) == [CENTS] * 3
    assert [await shop.traces.orders_of(buyer.name) for buyer in buyers] == [["PAID"]] * 3


async def test_a_hundred_carts_that_name_two_offers_in_either_order_are_all_answered(shop: Shop) -> None:
    copies, one, other = 30, await shop.offer(copies=30, price=PRICE), await shop.offer(copies=30, price=PRICE)
    buyers = [shop.buyer() for _ in range(100)]

    async def fills_a_cart(number: int, buyer: Buyer) -> None:
        for offer in (one, other) if number % 2 else (other, one):
            await buyer.adds(offer)

    await gather(*(fills_a_cart(number, buyer) for number, buyer in enumerate(buyers)))

    outcomes = await gather(*(buyer.checks_out(amount="25.00") for buyer in buyers))

    assert kinds(outcomes).count("CheckoutCompleted") == copies
    assert set(told(outcomes)) <= {
        ("CheckoutCompleted",),
        ("CheckoutRejected", "OutOfStock"),
        ("CheckoutRejected", "OutOfStock", "OutOfStock"),
    }
    assert shop.traces.charged(orders_in(outcomes)) == [2 * CENTS] * copies
    await nothing_is_left(shop, one)
    await nothing_is_left(shop, other)


def told(outcomes: Sequence[Answer]) -> Counter[tuple[str, ...]]:
    """How many were told what: the answer's type, and those of its problems."""
    return Counter((outcome["__typename"], *kinds(outcome.get("problems", []))) for outcome in outcomes)


def orders_in(outcomes: Sequence[Answer]) -> list[Answer]:
    """The orders that came of checkouts, also those that failed."""
    return [order for outcome in outcomes if (order := outcome.get("order") or outcome.get("failedOrder"))]


async def nothing_is_left(shop: Shop, offer: Offer) -> None:
    """Every copy has left the shelf, and buyers see it."""

    async def all_gone() -> bool:
        stock = await offer.stock()
        return (stock["onHand"], stock["held"], stock["available"]) == (0, 0, 0)

    await shop.eventually(all_gone)
    await shop.eventually(offer.sold_out)
    assert (await offer.book())["stock"]["minPrice"] is None
