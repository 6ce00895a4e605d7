"""Outcomes of payments that come late, twice, or from somebody else than the checkout."""

import asyncio
from typing import NamedTuple

import pytest
from sqlalchemy import select

from domains.orders import (
    Captured,
    CheckoutCompleted,
    CheckoutRejected,
    NotCharged,
    OrderStatus,
    PaymentStatus,
    Refused,
    Unknown,
)
from domains.orders.tables import refunds
from kernel.database import Statement
from kernel.ids import new_id
from messaging.events import OrderPaid, OrderUpdated
from tests.domains.orders.shop import Shop


class RefundRow(NamedTuple):
    """Money that goes back."""

    cause: str
    amount: int


REFUNDS = Statement(select(refunds.c.cause, refunds.c.amount), RefundRow)


async def test_a_capture_that_is_told_fifty_times_pays_once(shop: Shop) -> None:
    order = await shop.pending_order(buyer="alice")
    answers = await asyncio.gather(*(shop.service.record_outcome(order.id, Captured("late")) for _ in range(50)))
    assert all(isinstance(answer, CheckoutCompleted) for answer in answers)
    assert len(await shop.told(OrderPaid)) == 1
    assert await shop.database.read().all(REFUNDS) == []


async def test_what_comes_after_a_paid_order_changes_nothing(shop: Shop) -> None:
    order = await shop.paid_order(buyer="alice")
    for outcome in (Refused("DECLINED", "no"), NotCharged(), Unknown(), Captured("again")):
        assert isinstance(await shop.service.record_outcome(order.id, outcome), CheckoutCompleted)
    assert await shop.only_order() == order
    assert order.id in shop.shelves.held


@pytest.mark.parametrize("end", [Refused("DECLINED", "no"), NotCharged()])
async def test_money_that_comes_after_the_end_goes_back_once(shop: Shop, end: Refused | NotCharged) -> None:
    order = await shop.pending_order(buyer="alice")
    await shop.service.record_outcome(order.id, end)
    for _ in range(3):
        answer = await shop.service.record_outcome(order.id, Captured("late"))
        assert isinstance(answer, CheckoutRejected)
    assert await shop.database.read().all(REFUNDS) == [RefundRow("LATE_CHARGE", 1250)]
    late = await shop.only_order()
    assert (late.status, late.payment_status) == (OrderStatus.PAYMENT_FAILED, PaymentStatus.REFUND_PENDING)
    assert not late.settled, "the buyer's money is not back yet"
    assert await shop.told(OrderPaid) == []
    assert len((await shop.service.cart_of("alice")).lines) == 1


async def test_every_change_of_an_order_has_the_next_version(shop: Shop) -> None:
    order = await shop.pending_order(buyer="alice")
    await shop.service.record_outcome(order.id, Unknown())
    await shop.service.record_outcome(order.id, NotCharged())
    await shop.service.record_outcome(order.id, Captured("late"))
    assert [event.version for event in await shop.told(OrderUpdated)] == [2, 3]
    assert (await shop.only_order()).version == 3


async def test_an_outcome_of_an_order_that_is_not_there_is_refused(shop: Shop) -> None:
    with pytest.raises(LookupError):
        await shop.service.record_outcome(new_id(), Captured("whose"))
