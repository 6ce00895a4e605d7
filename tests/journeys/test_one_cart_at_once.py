"""Many requests for one cart or one offer at once: a cart is bought once, and none of its copies is lost."""

from __future__ import annotations

from asyncio import gather

from tests.builders import Shop, kinds


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
