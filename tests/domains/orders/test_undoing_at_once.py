"""Cancellations, refunds, missing copies and late outcomes that race: no more goes back than came, nothing twice."""

import asyncio
from collections.abc import Awaitable
from random import Random
from typing import Any

import pytest

from domains.orders import (
    CannotRefund,
    Captured,
    CheckoutCompleted,
    Order,
    OrderStatus,
    Refund,
    Refunded,
    RefundRefused,
    RefundStatus,
    RefundTooHigh,
)
from kernel.errors import IdempotencyKeyReused
from messaging.events import OrderCancelled, OrderPaid, OrderRefunded
from tests.domains.orders.receipts import deliver, shortage_of
from tests.domains.orders.shop import Shop, euros


async def all_money_is_accounted_for(shop: Shop, order: Order) -> None:
    """After everything was made: what is back is what the refunds say, and no more than came."""
    while await shop.service.finish_refunds():
        continue
    captured, refunding, refunded = await shop.money(order)
    refunds = await shop.refunds(order)
    assert {refund.status for refund in refunds} <= {RefundStatus.DONE}
    assert (refunding, refunded) == (0, sum(refund.amount.minor for refund in refunds))
    assert refunded == shop.till.back(order.id) <= captured
    assert sorted(event.refund_id for event in await shop.told(OrderRefunded)) == sorted(one.id for one in refunds)


async def test_a_refund_that_races_a_cancellation_takes_no_more_than_there_is(shop: Shop) -> None:
    order = await shop.paid_order()
    race = [shop.refund(order, key=f"key-{n}", amount=euros(700)) for n in range(5)]
    *answers, cancelled = await asyncio.gather(*race, shop.cancel(order))
    assert cancelled.status is OrderStatus.CANCELLED
    written = [answer for answer in answers if isinstance(answer, Refund)]
    assert len(written) <= 1
    assert all(isinstance(answer, RefundTooHigh | CannotRefund) for answer in answers if answer not in written)
    await all_money_is_accounted_for(shop, order)
    assert await shop.money(order) == (1250, 0, 1250), "a cancelled order keeps nothing"


async def test_refunds_at_once_are_refused_when_nothing_is_left(shop: Shop) -> None:
    order = await shop.paid_order()
    answers = await asyncio.gather(*(shop.refund(order, key=f"key-{n}", amount=euros(300)) for n in range(20)))
    assert sum(isinstance(answer, Refund) for answer in answers) == 4
    assert sum(answer == RefundTooHigh(asked=euros(300), left=euros(50)) for answer in answers) == 16
    await all_money_is_accounted_for(shop, order)


async def test_fifty_requests_under_one_key_are_one_refund(shop: Shop) -> None:
    order = await shop.paid_order()
    answers = await asyncio.gather(*(shop.refund(order, amount=euros(300)) for _ in range(50)))
    assert len({answer.id for answer in answers}) == 1
    assert await shop.money(order) == (1250, 300, 0)


async def test_one_key_for_many_orders_is_one_refund(shop: Shop) -> None:
    orders = [await shop.paid_order() for _ in range(10)]
    answers = await asyncio.gather(*(shop.refund(order, amount=euros(300)) for order in orders))
    written = [answer for answer in answers if isinstance(answer, Refund)]
    assert len(written) == 1
    assert answers.count(IdempotencyKeyReused()) == 9
    assert sum([(await shop.money(order))[1] for order in orders]) == 300


async def test_fifty_cancellations_and_missing_copies_undo_an_order_once(shop: Shop) -> None:
    order = await shop.paid_order()
    others = [deliver(shop, shortage_of(order)) for _ in range(5)]
    answers = await asyncio.gather(*(shop.cancel(order) for _ in range(45)), *others)
    assert {answer.status for answer in answers if answer is not None} == {OrderStatus.CANCELLED}
    assert len(await shop.told(OrderCancelled)) == 1
    await all_money_is_accounted_for(shop, order)


async def test_fifty_outcomes_of_one_refund_are_one(shop: Shop) -> None:
    order = await shop.paid_order()
    refund = await shop.refund(order)
    outcomes = [Refunded(), RefundRefused("CLOSED", "gone")] * 25
    await asyncio.gather(*(shop.service.record_refund(refund.id, outcome) for outcome in outcomes))
    assert await shop.money(order) == (1250, 0, 1250)
    assert len(await shop.told(OrderRefunded)) == 1


async def test_another_buyer_with_the_same_key_is_somebody_else(shop: Shop) -> None:
    offer = shop.offer(copies=50)
    buyers = [f"buyer-{n}" for n in range(10)]
    for buyer in buyers:
        await shop.put(offer, buyer=buyer)
    outcomes = await asyncio.gather(*(shop.checkout(buyer=buyer, key="same") for buyer in buyers))
    assert {one.order.buyer_id for one in outcomes if isinstance(one, CheckoutCompleted)} == set(buyers)
    assert len(shop.till.charges) == len(await shop.told(OrderPaid)) == 10


async def test_fifty_submits_under_one_key_with_two_bodies_are_one_order(shop: Shop) -> None:
    await shop.put(shop.offer())
    one, other = await shop.request(), await shop.request(payment_method="another-card")
    outcomes = await asyncio.gather(*(shop.service.checkout(request) for request in [one, other] * 25))
    assert sum(isinstance(outcome, IdempotencyKeyReused) for outcome in outcomes) == 25
    assert len(shop.till.charges) == await shop.orders_written() == 1


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_races_the_money_is_accounted_for(shop: Shop, seed: int) -> None:
    order = await shop.pending_order()
    race: list[Awaitable[Any]] = [
        *(shop.service.record_outcome(order.id, Captured(f"till-{order.id}")) for _ in range(3)),
        *(shop.cancel(order) for _ in range(3)),
        *(shop.refund(order, key=f"key-{n}", amount=euros(500)) for n in range(4)),
        *(shop.service.finish_refunds() for _ in range(2)),
        deliver(shop, shortage_of(order)),
    ]
    Random(seed).shuffle(race)
    await asyncio.gather(*race)
    assert len(await shop.told(OrderPaid)) == 1
    assert len(await shop.told(OrderCancelled)) <= 1
    await all_money_is_accounted_for(shop, order)
