"""The refund sweep: what is written down is made once, tried again while the provider is away, or an operator's."""

import asyncio

import pytest

from domains.orders import (
    Captured,
    NotCharged,
    OrderStatus,
    PaymentStatus,
    RefundCause,
    Refunded,
    RefundNotFound,
    RefundRefused,
    RefundStatus,
    Unknown,
)
from domains.orders.refund_sweep import BATCH
from kernel.ids import new_id
from kernel.pages import InvalidCursor, PageRequest, encode_cursor
from messaging.events import OrderRefunded, OrderUpdated
from tests.domains.orders.receipts import deliver, reversals_of
from tests.domains.orders.shop import Shop, euros

REFUSED = RefundRefused("CARD_CLOSED", "the account is gone")


async def test_while_the_provider_is_away_a_refund_waits_and_is_made_once(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    shop.till.away = True
    assert await shop.service.finish_refunds() == 1
    assert await shop.service.finish_refunds() == 0, "it is left alone for a while"
    for _ in range(3):
        await shop.let_time_pass()
        assert await shop.service.finish_refunds() == 1
    (waiting,) = await shop.refunds(order)
    assert (waiting.status, waiting.attempts) == (RefundStatus.PENDING, 4)
    shop.till.away = False
    await shop.let_time_pass()
    assert await shop.service.finish_refunds() == 1
    await shop.let_time_pass()
    assert await shop.service.finish_refunds() == 0
    assert shop.till.back(order.id) == 1250
    assert len(set(shop.till.refunds)) == 1
    (refund,) = await shop.refunds(order)
    assert refund.done_at is not None


async def test_a_refund_whose_answer_was_lost_is_not_made_twice(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    shop.till.refund_answer_lost = True
    assert await shop.service.finish_refunds() == 1
    shop.till.refund_answer_lost = False
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_PENDING
    await shop.let_time_pass()
    assert await shop.service.finish_refunds() == 1
    assert shop.till.back(order.id) == 1250
    assert len(shop.till.refunds) == 2
    assert len(await shop.told(OrderRefunded)) == 1


async def test_a_refund_that_is_refused_is_an_operators_to_try_again(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    await deliver(shop, *reversals_of(order))
    shop.till.refund_answer = REFUSED
    await shop.service.finish_refunds()
    failed = await shop.now(order)
    assert (failed.payment_status, failed.settled) == (PaymentStatus.REFUND_FAILED, False)
    assert (failed.timeline[-1].event, failed.timeline[-1].detail) == ("RefundFailed", "CARD_CLOSED")
    (refund,) = (await shop.service.failed_refunds(PageRequest())).items
    assert (refund.order_id, refund.status, refund.failure_code) == (order.id, RefundStatus.FAILED, "CARD_CLOSED")
    assert await shop.money(order) == (1250, 1250, 0), "it stays reserved"
    await shop.let_time_pass()
    assert await shop.service.finish_refunds() == 0, "nobody tries it again unasked"

    again = await shop.retry(refund.id)
    assert (again.status, again.failure_code) == (RefundStatus.PENDING, None)
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_PENDING
    assert (await shop.service.failed_refunds(PageRequest())).items == []
    await shop.service.finish_refunds()
    assert [entry.event for entry in (await shop.now(order)).timeline].count("RefundFailed") == 2
    shop.till.refund_answer = Refunded()
    await shop.retry(refund.id)
    await shop.service.finish_refunds()
    done = await shop.now(order)
    assert (done.payment_status, done.settled) == (PaymentStatus.REFUNDED, True)
    assert await shop.money(order) == (1250, 0, 1250)


async def test_only_a_failed_refund_is_tried_again(shop: Shop) -> None:
    order = await shop.paid_order()
    refund = await shop.refund(order)
    assert await shop.retry(refund.id) == refund
    await shop.service.finish_refunds()
    done = await shop.retry(refund.id)
    assert done.status is RefundStatus.DONE
    assert await shop.service.finish_refunds() == 0
    assert await shop.retry(new_id()) == RefundNotFound()


async def test_a_provider_may_tell_of_a_refund_itself_late_and_twice(shop: Shop) -> None:
    order = await shop.paid_order()
    refund = await shop.refund(order, amount=euros(250))
    for outcome in (REFUSED, REFUSED, Refunded(), Refunded(), REFUSED):
        await shop.service.record_refund(refund.id, outcome)
    assert await shop.money(order) == (1250, 0, 250), "money that went back after all is back, and stays so"
    (end,) = await shop.refunds(order)
    assert (end.status, end.failure_code) == (RefundStatus.DONE, None)
    assert len(await shop.told(OrderRefunded)) == 1
    shown = [entry.event for entry in (await shop.now(order)).timeline][2:]
    assert shown == ["RefundRequested", "RefundFailed", "OrderRefunded"]
    updates = [event for event in await shop.told(OrderUpdated) if event.order_id == order.id]
    assert [event.payment_status for event in updates] == [
        "CAPTURED",
        "REFUND_PENDING",
        "REFUND_FAILED",
        "PARTLY_REFUNDED",
    ]
    assert await shop.service.finish_refunds() == 0
    with pytest.raises(LookupError):
        await shop.service.record_refund(new_id(), Refunded())


async def test_one_failed_refund_shows_above_those_that_wait_and_are_done(shop: Shop) -> None:
    order = await shop.paid_order()
    first, second, third = [await shop.refund(order, key=f"key-{n}", amount=euros(100)) for n in range(3)]
    await shop.service.record_refund(first.id, Refunded())
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_PENDING
    await shop.service.record_refund(second.id, REFUSED)
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_FAILED
    await shop.service.record_refund(third.id, Refunded())
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUND_FAILED
    assert await shop.money(order) == (1250, 100, 200)


async def test_money_that_came_after_the_end_goes_back(shop: Shop) -> None:
    order = await shop.pending_order()
    await shop.service.record_outcome(order.id, NotCharged())
    await shop.service.record_outcome(order.id, Captured("late"))
    assert await shop.service.finish_refunds() == 1
    (refund,) = await shop.refunds(order)
    assert (refund.cause, refund.status, refund.reason) == (RefundCause.LATE_CHARGE, RefundStatus.DONE, "LATE_CHARGE")
    assert shop.till.given_back == {refund.id: ("late", euros(1250))}
    end = await shop.now(order)
    assert (end.status, end.payment_status, end.settled) == (
        OrderStatus.PAYMENT_FAILED,
        PaymentStatus.REFUNDED,
        True,
    )
    (told,) = await shop.told(OrderRefunded)
    assert (told.amount, told.lines) == (1250, ())


async def test_sweeps_at_once_make_each_refund_once(shop: Shop) -> None:
    orders = [await shop.paid_order() for _ in range(BATCH + 5)]
    for order in orders:
        await shop.cancel(order)
    tried = await asyncio.gather(*(shop.service.finish_refunds() for _ in range(4)))
    assert max(tried) <= BATCH
    while await shop.service.finish_refunds():
        continue
    assert sorted(shop.till.refunds) == sorted(set(shop.till.refunds))
    assert [shop.till.back(order.id) for order in orders] == [1250] * len(orders)


async def test_a_sweep_that_was_overtaken_changes_nothing(shop: Shop) -> None:
    """It holds its answer back so long that its lease is over and another sweep has made the refund."""
    order = await shop.paid_order()
    await shop.cancel(order)
    shop.till.refund_gate = asyncio.Event()
    slow = asyncio.ensure_future(shop.service.finish_refunds())
    await shop.till.refund_asked.wait()
    gate, shop.till.refund_gate = shop.till.refund_gate, None
    await shop.let_time_pass()
    assert await shop.service.finish_refunds() == 1
    shop.till.refund_answer = Unknown()
    gate.set()
    assert await slow == 1
    assert (await shop.now(order)).payment_status is PaymentStatus.REFUNDED
    assert len(await shop.told(OrderRefunded)) == 1


async def test_what_a_dead_sweep_had_claimed_can_be_made_due(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    await shop.crashes(shop.service.finish_refunds(), before="refund")
    assert await shop.service.finish_refunds() == 0
    await shop.service.reclaim_refunds()
    assert await shop.service.finish_refunds() == 1
    assert shop.till.back(order.id) == 1250


async def test_a_cancellation_wakes_the_sweep(shop: Shop) -> None:
    order = await shop.paid_order()
    signal = shop.database.signal("refunds")
    signal.clear()
    await shop.cancel(order)
    assert signal.is_set()


async def test_failed_refunds_come_page_by_page_oldest_first(shop: Shop) -> None:
    refunds = [await shop.refund(await shop.paid_order(), key=f"key-{n}") for n in range(3)]
    for refund in reversed(refunds):
        await shop.service.record_refund(refund.id, REFUSED)
    first = await shop.service.failed_refunds(PageRequest(2))
    second = await shop.service.failed_refunds(PageRequest(2, after=first.cursors[-1]))
    assert [one.id for one in [*first.items, *second.items]] == [one.id for one in refunds]
    assert (first.has_next, second.has_next) == (True, False)
    assert first.items[0].lines == refunds[0].lines
    for cursor in ("nonsense", encode_cursor("no id")):
        with pytest.raises(InvalidCursor):
            await shop.service.failed_refunds(PageRequest(2, after=cursor))
