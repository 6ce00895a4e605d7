"""Refunds that were done, and whose money came back: they are failed ones, until they are done again."""

from dataclasses import replace

from domains.orders import (
    Order,
    OrderStatus,
    PaymentStatus,
    Refund,
    Refunded,
    RefundRefused,
    RefundReturned,
    RefundStatus,
)
from kernel.pages import PageRequest
from messaging.events import OrderRefunded, OrderUpdated
from tests.domains.orders.receipts import deliver, receipts_of, reversals_of
from tests.domains.orders.shop import Shop, euros

RETURNED = RefundReturned("CARD_CLOSED", "the bank sent it back")


async def refunded(shop: Shop) -> tuple[Order, Refund]:
    """A cancelled order that is settled, and its refund."""
    order = await shop.paid_order()
    await shop.cancel(order)
    await deliver(shop, *reversals_of(order))
    await shop.service.finish_refunds()
    settled = await shop.now(order)
    assert settled.settled
    (refund,) = await shop.refunds(order)
    return settled, refund


async def test_money_that_comes_back_is_a_refund_that_failed(shop: Shop) -> None:
    order, refund = await refunded(shop)
    for _ in range(2):
        await shop.service.record_refund(refund.id, RETURNED)
    now = await shop.now(order)
    assert (now.status, now.payment_status, now.settled) == (
        OrderStatus.CANCELLED,
        PaymentStatus.REFUND_FAILED,
        False,
    )
    assert await shop.money(order) == (1250, 1250, 0)
    (failed,) = (await shop.service.failed_refunds(PageRequest())).items
    assert (failed.id, failed.status, failed.done_at, failed.failure_code) == (
        refund.id,
        RefundStatus.FAILED,
        None,
        "CARD_CLOSED",
    )
    assert (now.version, len(now.timeline)) == (order.version + 1, len(order.timeline) + 1)
    assert (now.timeline[-1].event, now.timeline[-1].detail) == ("RefundReturned", "CARD_CLOSED")
    pushed = (await shop.told(OrderUpdated))[-1]
    assert (pushed.version, pushed.payment_status, pushed.settled) == (now.version, "REFUND_FAILED", False)


async def test_a_refund_that_came_back_is_done_again_when_an_operator_says_so(shop: Shop) -> None:
    order, refund = await refunded(shop)
    await shop.service.record_refund(refund.id, RETURNED)
    shop.till.given_back.clear()
    assert await shop.service.finish_refunds() == 0, "nobody makes it again unasked"
    assert (await shop.retry(refund.id)).status is RefundStatus.PENDING
    assert await shop.service.finish_refunds() == 1
    done = await shop.now(order)
    assert (done.payment_status, done.settled) == (PaymentStatus.REFUNDED, True)
    assert await shop.money(order) == (1250, 0, 1250)
    shown = [entry.event for entry in done.timeline if "Refund" in entry.event]
    assert shown == ["RefundRequested", "OrderRefunded", "RefundReturned", "RefundRequested", "OrderRefunded"]
    first, again = await shop.told(OrderRefunded)
    assert first == again, "whoever knows the refund's id has done its part"


async def test_an_old_refusal_does_not_undo_what_is_done(shop: Shop) -> None:
    order, refund = await refunded(shop)
    await shop.service.record_refund(refund.id, RefundRefused("CARD_CLOSED", "from a slow sweep"))
    assert await shop.now(order) == order
    assert await shop.refunds(order) == (refund,)


async def test_a_refund_that_comes_back_before_it_is_known_to_be_done_has_failed(shop: Shop) -> None:
    order = await shop.paid_order()
    refund = await shop.refund(order, amount=euros(250))
    await shop.service.record_refund(refund.id, RETURNED)
    now = await shop.now(order)
    assert (now.payment_status, now.timeline[-1].event) == (PaymentStatus.REFUND_FAILED, "RefundFailed")
    assert await shop.money(order) == (1250, 250, 0)


async def test_what_came_back_before_an_operator_s_retry_does_not_stop_it(shop: Shop) -> None:
    _, refund = await refunded(shop)
    await shop.service.record_refund(refund.id, RETURNED)
    await shop.retry(refund.id)
    await shop.service.record_refund(refund.id, RETURNED)
    assert (await shop.retry(refund.id)).status is RefundStatus.PENDING
    await shop.service.record_refund(refund.id, replace(RETURNED, retry=1))
    assert (await shop.retry(refund.id)).retries == 2
    await shop.service.finish_refunds()
    assert shop.till.retries == {refund.id: 2}


async def test_a_cancellation_waits_for_what_came_back_before_and_after_it(shop: Shop) -> None:
    order = await shop.paid_order()
    before, after = [await shop.refund(order, key=key, amount=euros(250)) for key in ("before", "after")]
    await shop.service.finish_refunds()
    await deliver(shop, *receipts_of(order))
    await shop.service.record_refund(before.id, RETURNED)
    await shop.cancel(order)
    await shop.service.record_refund(after.id, RETURNED)
    await deliver(shop, *reversals_of(order))
    await shop.service.finish_refunds()
    assert await shop.money(order) == (1250, 500, 750)
    for refund in (before, after):
        assert not (await shop.now(order)).settled
        await shop.service.record_refund(refund.id, Refunded())
    end = await shop.now(order)
    assert (end.payment_status, end.settled) == (PaymentStatus.REFUNDED, True)
