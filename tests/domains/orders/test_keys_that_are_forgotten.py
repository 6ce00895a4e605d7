"""Idempotency keys are kept for a day, and as long as their order has no outcome."""

import asyncio

from sqlalchemy import Integer, update

from domains.orders import CheckoutCompleted, CheckoutPending, CheckoutRejected, NotCharged, OrdersService
from domains.orders.tables import attempts
from kernel.columns import in_seconds, param
from kernel.database import Statement
from tests.domains.orders.shop import Shop, Titles

MADE = Statement(update(attempts).values(created_at=in_seconds(param(Integer, "seconds"))))


async def made(shop: Shop, *, hours_ago: float) -> None:
    """All keys were bound so long ago."""
    await shop.database.write(MADE, seconds=-round(hours_ago * 3600))


async def test_a_key_is_kept_for_a_day_and_then_is_free(shop: Shop) -> None:
    first = await shop.paid_order(buyer="alice", key="mine")
    await shop.put(shop.offer())
    await made(shop, hours_ago=23.9)
    assert await shop.service.forget_attempts() == 0
    assert await shop.checkout(key="mine") == CheckoutCompleted(first, replayed=True)
    await made(shop, hours_ago=24.1)
    assert await shop.service.forget_attempts() == 1
    assert await shop.service.checkout_attempt("alice", "mine") is None
    second = await shop.checkout(key="mine")
    assert isinstance(second, CheckoutCompleted)
    assert second.order.id != first.id
    assert await shop.service.forget_attempts() == 0


async def test_a_key_whose_order_has_no_outcome_is_kept(shop: Shop) -> None:
    order = await shop.pending_order(buyer="alice", key="mine")
    await made(shop, hours_ago=100)
    assert await shop.service.forget_attempts() == 0
    assert isinstance(await shop.service.checkout_attempt("alice", "mine"), CheckoutPending)
    await shop.service.record_outcome(order.id, NotCharged())
    assert await shop.service.forget_attempts() == 1
    late = await shop.service.record_outcome(order.id, NotCharged())
    assert isinstance(late, CheckoutRejected)
    assert late.order is not None
    assert late.order.id == order.id


async def test_sweeps_at_once_forget_each_key_once(shop: Shop) -> None:
    for number in range(5):
        await shop.paid_order(key=f"key-{number}")
    await made(shop, hours_ago=25)
    forgotten = await asyncio.gather(*(shop.service.forget_attempts() for _ in range(4)))
    assert sum(forgotten) == 5
    assert await shop.keys_bound() == 0


async def test_keys_are_kept_as_long_as_the_setting_says(shop: Shop) -> None:
    shop.service = OrdersService(shop.database, shop.shelves, Titles(), shop.till, currency="EUR", key_hours=48)
    await shop.paid_order()
    await made(shop, hours_ago=47)
    assert await shop.service.forget_attempts() == 0
    await made(shop, hours_ago=49)
    assert await shop.service.forget_attempts() == 1
