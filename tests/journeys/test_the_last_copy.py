"""Many requests at once: the last copy is sold once, one request is one order, and no copy of a cart is lost."""

from __future__ import annotations

import secrets
from asyncio import gather

from tests.builders import Shop, kinds

BUYERS = 50


async def test_the_last_copy_is_sold_once(shop: Shop) -> None:
    offer = await shop.offer(copies=1)
    buyers = [shop.buyer() for _ in range(BUYERS)]
    await gather(*(buyer.adds(offer) for buyer in buyers))

    outcomes = await gather(*(buyer.checks_out(amount="12.50") for buyer in buyers))

    assert kinds(outcomes).count("CheckoutCompleted") == 1
    rejected = [outcome for outcome in outcomes if outcome["__typename"] == "CheckoutRejected"]
    assert [kinds(outcome["problems"]) for outcome in rejected] == [["OutOfStock"]] * (BUYERS - 1)
    orders = [order for outcome in outcomes if (order := outcome.get("order") or outcome.get("failedOrder"))]
    assert shop.traces.charged(orders) == [1250]
    states = [state for buyer in buyers for state in await shop.traces.orders_of(buyer.name)]
    assert states.count("PAID") == 1
    assert set(states) <= {"PAID", "REJECTED"}
    [(winner, paid)] = [
        (buyer, outcome)
        for buyer, outcome in zip(buyers, outcomes, strict=True)
        if outcome["__typename"] == "CheckoutCompleted"
    ]
    await winner.settled(paid)
    stock = await offer.stock()
    assert (stock["onHand"], stock["held"], stock["available"]) == (0, 0, 0)
    await shop.eventually(offer.sold_out)
    assert (await offer.book())["stock"]["minPrice"] is None


async def test_a_few_copies_go_to_as_many_buyers(shop: Shop) -> None:
    offer = await shop.offer(copies=7)
    outcomes = await gather(*(shop.buyer().buys(offer) for _ in range(20)))

    assert kinds(outcomes).count("CheckoutCompleted") == 7

    async def entered() -> bool:
        return (await offer.seller.desk())["statistics"]["booksSold"] == 7

    await shop.eventually(entered)
    await shop.eventually(offer.sold_out)


async def test_one_key_sent_fifty_times_at_once_is_one_order(shop: Shop) -> None:
    offer, buyer, key = await shop.offer(copies=9), shop.buyer(), secrets.token_hex(8)
    await buyer.adds(offer)

    outcomes = await gather(*(buyer.checks_out(key=key, amount="12.50") for _ in range(50)))

    assert set(kinds(outcomes)) <= {"CheckoutCompleted", "CheckoutPending"}
    [order_id] = {outcome["order"]["id"] for outcome in outcomes}
    assert await shop.traces.orders_of(buyer.name) == ["PAID"]
    assert shop.traces.charged([{"id": order_id}]) == [1250]
    again = await buyer.checks_out(key=key, amount="12.50")
    assert again["replayed"]
    await buyer.settled(again)
    assert (await offer.stock())["onHand"] == 8


async def test_one_cart_sent_with_many_keys_at_once_is_bought_once(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=9), shop.buyer()
    await buyer.adds(offer)

    outcomes = await gather(*(buyer.checks_out(amount="12.50") for _ in range(10)))

    assert kinds(outcomes).count("CheckoutCompleted") == 1
    assert set(kinds(outcomes)) <= {"CheckoutCompleted", "CheckoutInProgress", "CheckoutRejected"}
    assert await shop.traces.orders_of(buyer.name) == ["PAID"]
    assert (await buyer.cart())["lines"] == []


async def test_copies_that_are_added_at_once_all_count(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=30), shop.buyer()
    await gather(*(buyer.adds(offer) for _ in range(30)))
    assert [line["quantity"] for line in (await buyer.cart())["lines"]] == [30]


async def test_a_cart_that_grows_while_it_is_bought_loses_no_copy(shop: Shop) -> None:
    wanted, more = await shop.offer(copies=99), await shop.offer(copies=99)
    for _ in range(10):
        buyer = shop.buyer()
        await buyer.adds(wanted)
        outcome, *_ = await gather(buyer.checks_out(amount="12.50"), buyer.adds(wanted), buyer.adds(more))

        bought = [line["quantity"] for line in outcome["order"]["lines"]] if "order" in outcome else []
        left = [line["quantity"] for line in (await buyer.cart())["lines"]]
        assert sum(bought + left) == 3
        if not bought:
            assert kinds(outcome["problems"]) == ["AmountMismatch"]


async def test_whoever_is_faster_than_a_new_price_pays_the_old_one(shop: Shop) -> None:
    offer = await shop.offer(copies=50)
    buyers = [shop.buyer() for _ in range(8)]
    await gather(*(buyer.adds(offer) for buyer in buyers))
    dearer = {"amount": "99.00", "currency": "EUR"}

    *outcomes, _ = await gather(*(buyer.checks_out(amount="12.50") for buyer in buyers), offer.changes(price=dearer))

    for outcome in outcomes:
        if outcome["__typename"] == "CheckoutCompleted":
            assert shop.traces.charged([outcome["order"]]) == [1250]
        else:
            assert kinds(outcome["problems"]) == ["PriceChanged"]
