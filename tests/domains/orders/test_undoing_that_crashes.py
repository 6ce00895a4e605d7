"""A process that dies before or after each call of a purchase and its undoing: what is left is finished, and once."""

import pytest

from domains.orders import ActionRequired, Captured, CheckoutPending, OrderStatus, PaymentStatus
from messaging.events import OrderPaid, OrderRefunded
from tests.domains.orders.receipts import deliver, reversals_of
from tests.domains.orders.shop import Shop
from tests.domains.orders.till import reference_of


async def comes_to_rest(shop: Shop) -> None:
    """Sweeps of another process find whatever the dead one left."""
    for _ in range(3):
        await shop.let_time_pass()
        await shop.service.finish_stale()
        await shop.service.finish_refunds()


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_a_refund_gives_the_money_back_once(shop: Shop, when: str) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    await shop.crashes(shop.service.finish_refunds(), **{when: "refund"})
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_PENDING
    await comes_to_rest(shop)
    await deliver(shop, *reversals_of(order))
    end = await shop.now(order)
    assert (end.status, end.payment_status, end.settled) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED, True)
    assert shop.till.back(order.id) == 1250
    assert len(await shop.told(OrderRefunded)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("call", ["prepare", "charge"])
async def test_a_crash_at_a_charge_ends_paid_or_with_nothing_kept(shop: Shop, call: str, when: str) -> None:
    await shop.put(shop.offer())
    await shop.crashes(shop.checkout(), **{when: call})
    await comes_to_rest(shop)
    order = await shop.only_order()
    paid = (call, when) == ("charge", "after")
    assert (order.status is OrderStatus.PAID) == paid
    assert shop.till.kept == ([order.id] if paid else [])
    assert len(await shop.told(OrderPaid)) == len(shop.shelves.held) == int(paid)


@pytest.mark.parametrize("call", ["lookup", "void"])
async def test_a_crash_of_the_sweep_leaves_the_order_to_the_next(shop: Shop, call: str) -> None:
    order = await shop.pending_order()
    await shop.let_time_pass()
    await shop.crashes(shop.service.finish_stale(), before=call)
    await comes_to_rest(shop)
    assert (await shop.now(order)).status is OrderStatus.PAYMENT_FAILED
    assert (shop.till.kept, shop.shelves.held) == ([], {})


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_crash_at_a_void_takes_nothing(shop: Shop, when: str) -> None:
    await shop.put(shop.offer())
    shop.till.answer = ActionRequired("secret")
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutPending)
    await shop.crashes(shop.cancel(outcome.order), **{when: "void"})
    assert (await shop.now(outcome.order)).status is OrderStatus.PENDING
    given_up = await shop.cancel(outcome.order)
    assert given_up.status is OrderStatus.EXPIRED
    assert (shop.till.kept, shop.shelves.held) == ([], {})


async def test_a_late_charge_goes_back_through_a_crash(shop: Shop) -> None:
    order = await shop.pending_order()
    await comes_to_rest(shop)
    late = Captured(reference_of(order.id))
    await shop.service.record_outcome(order.id, late)
    await shop.crashes(shop.service.finish_refunds(), after="refund")
    await comes_to_rest(shop)
    end = await shop.now(order)
    assert (end.payment_status, end.settled) == (PaymentStatus.REFUNDED, True)
    assert shop.till.back(order.id) == 1250
