"""Cancelling: who may and until when, what goes out, and when a cancelled order is settled."""

from datetime import datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import select, update

from domains.orders import (
    CancelOrder,
    CannotCancel,
    CheckoutCompleted,
    NotCharged,
    Order,
    OrderAction,
    OrderNotFound,
    OrdersService,
    OrderStatus,
    PaymentStatus,
    RefundCause,
    Refunded,
    RefundLine,
    RefundStatus,
    Refused,
)
from domains.orders.tables import orders
from kernel.columns import in_seconds, param
from kernel.database import Statement
from kernel.errors import InvalidField
from kernel.ids import new_id
from messaging.events import LostLine, OrderCancelled, OrderRefunded, OrderUpdated
from tests.domains.orders.receipts import deliver, receipts_of, reversals_of, shortage_of
from tests.domains.orders.shop import Shop, Titles, euros


class WindowRow(NamedTuple):
    """Until when an order may be cancelled."""

    cancel_until: datetime


WINDOW = Statement(select(orders.c.cancel_until).where(orders.c.id == param(orders.c.id)), WindowRow)
THE_WINDOW_CLOSES = Statement(update(orders).values(cancel_until=in_seconds(-1)))


def events_of(order: Order) -> list[str]:
    """The steps of the order's way."""
    return [entry.event for entry in order.timeline]


async def test_a_buyer_cancels_and_the_money_goes_back(shop: Shop) -> None:
    order = await shop.paid_order(sellers=2)
    cancelled = await shop.cancel(order, reason="Bought twice")
    assert (cancelled.status, cancelled.payment_status) == (OrderStatus.CANCELLED, PaymentStatus.REFUND_PENDING)
    assert (cancelled.cancel_reason, cancelled.settled, cancelled.actions) == ("Bought twice", False, ())
    (refund,) = await shop.refunds(order)
    assert (refund.cause, refund.status, refund.amount) == (RefundCause.CANCELLATION, RefundStatus.PENDING, order.total)
    assert await shop.money(order) == (2500, 2500, 0)
    (told,) = await shop.told(OrderCancelled)
    assert (told.order_id, told.reason, told.refund_amount) == (order.id, "Bought twice", 2500)
    assert [item.order_item_id for item in told.order_items] == [line.id for line in order.lines]
    assert events_of(cancelled)[-2:] == ["OrderCancelled", "RefundRequested"]
    assert await shop.told(OrderRefunded) == [], "the money is not back yet"

    assert await shop.service.finish_refunds() == 1
    done = await shop.now(order)
    assert (done.payment_status, done.refunded) == (PaymentStatus.REFUNDED, order.total)
    assert await shop.money(order) == (2500, 0, 2500)
    assert shop.till.back(order.id) == 2500
    (back,) = await shop.told(OrderRefunded)
    assert (back.refund_id, back.amount, back.lines) == (refund.id, 2500, ())
    assert events_of(done)[-1] == "OrderRefunded"


async def test_a_cancelled_order_is_settled_when_all_is_reversed_and_the_money_is_back(shop: Shop) -> None:
    order = await shop.paid_order(sellers=2)
    await deliver(shop, *receipts_of(order))
    assert (await shop.now(order)).settled
    assert not (await shop.cancel(order)).settled
    await deliver(shop, *reversals_of(order))
    assert not (await shop.now(order)).settled, "the money is not back yet"
    await shop.service.finish_refunds()
    assert (await shop.now(order)).settled
    updates = [event for event in await shop.told(OrderUpdated) if event.order_id == order.id]
    assert [event.version for event in updates] == list(range(2, len(updates) + 2)), "each step was pushed, in order"
    assert [event.settled for event in updates][-1]


async def test_what_comes_of_the_purchase_after_its_end_holds_nothing_up(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order)
    await shop.service.finish_refunds()
    await deliver(shop, *receipts_of(order), *reversals_of(order), *receipts_of(order))
    assert (await shop.now(order)).settled


async def test_an_order_is_cancelled_once_however_often_it_is_asked(shop: Shop) -> None:
    order = await shop.paid_order()
    first = await shop.cancel(order, reason="Mine")
    assert await shop.cancel(order, reason="Again") == first
    assert await shop.cancel(order, reason="By an operator", operator=True) == first
    assert len(await shop.told(OrderCancelled)) == len(await shop.refunds(order)) == 1


async def test_a_buyer_who_gives_no_reason_needs_none(shop: Shop) -> None:
    cancelled = await shop.cancel(await shop.paid_order(), reason="  ")
    assert cancelled.cancel_reason == "CANCELLED_BY_BUYER"


async def test_a_buyer_may_cancel_for_a_while_and_an_operator_always(shop: Shop) -> None:
    order = await shop.paid_order()
    assert order.actions == (OrderAction.CANCEL,)
    await shop.database.write(THE_WINDOW_CLOSES)
    assert (await shop.now(order)).actions == ()
    answer = await shop.cancel(order)
    assert isinstance(answer, CannotCancel)
    assert "over" in answer.message
    assert (await shop.now(order)).status is OrderStatus.PAID
    cancelled = await shop.cancel(order, reason="The seller asked for it", operator=True)
    assert cancelled.status is OrderStatus.CANCELLED


async def test_the_window_is_as_long_as_the_setting_says(shop: Shop) -> None:
    shop.service = OrdersService(shop.database, shop.shelves, Titles(), shop.till, currency="EUR", cancel_seconds=0)
    order = await shop.paid_order()
    assert order.actions == ()
    assert isinstance(await shop.cancel(order), CannotCancel)


@pytest.mark.parametrize("reason", ["", "x" * 201, "two\nlines"])
async def test_an_operator_says_why_in_words_that_can_be_shown(shop: Shop, reason: str) -> None:
    order = await shop.paid_order()
    answer = await shop.cancel(order, reason=reason, operator=True)
    assert isinstance(answer, InvalidField)
    assert answer.path == ("input", "reason")
    assert (await shop.now(order)).status is OrderStatus.PAID


async def test_somebody_elses_order_is_not_found(shop: Shop) -> None:
    order = await shop.paid_order()
    stranger = await shop.service.cancel_order(CancelOrder(viewer_id="mallory", order_id=order.id))
    unknown = await shop.service.cancel_order(CancelOrder(viewer_id="mallory", order_id=new_id()))
    assert stranger == unknown == OrderNotFound()
    assert (await shop.now(order)).status is OrderStatus.PAID


@pytest.mark.parametrize("outcome", [Refused("DECLINED", "no"), NotCharged()])
async def test_an_order_that_was_not_paid_is_not_cancelled(shop: Shop, outcome: Refused | NotCharged) -> None:
    order = await shop.pending_order()
    unknown = await shop.cancel(order)
    assert isinstance(unknown, CannotCancel)
    assert "not known yet" in unknown.message
    await shop.service.record_outcome(order.id, outcome)
    answer = await shop.cancel(order)
    assert isinstance(answer, CannotCancel)
    assert "not paid" in answer.message
    assert await shop.refunds(order) == ()


async def test_an_order_whose_copies_are_gone_is_undone(shop: Shop) -> None:
    order = await shop.paid_order()
    await deliver(shop, shortage_of(order), shortage_of(order))
    undone = await shop.now(order)
    assert (undone.status, undone.cancel_reason) == (OrderStatus.CANCELLED, "OUT_OF_STOCK")
    assert events_of(undone)[-3:] == ["StockDeductionFailed", "OrderCancelled", "RefundRequested"]
    (told,) = await shop.told(OrderCancelled)
    assert (told.reason, told.refund_amount) == ("OUT_OF_STOCK", 1250)
    await shop.service.finish_refunds()
    await deliver(shop, *reversals_of(order))
    assert (await shop.now(order)).settled
    assert shop.till.back(order.id) == 1250


async def test_an_order_that_its_buyer_cancelled_first_is_not_undone_again(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.cancel(order, reason="Mine")
    await deliver(shop, shortage_of(order))
    after = await shop.now(order)
    assert (after.cancel_reason, events_of(after)[-1]) == ("Mine", "StockDeductionFailed")
    assert len(await shop.told(OrderCancelled)) == 1


async def test_missing_copies_of_an_order_that_is_unknown_or_unpaid_undo_nothing(shop: Shop) -> None:
    order = await shop.pending_order()
    stranger = shortage_of(order).model_copy(update={"order_id": new_id()})
    await deliver(shop, shortage_of(order), stranger)
    assert (await shop.now(order)).status is OrderStatus.PENDING
    assert await shop.told(OrderCancelled) == []


async def test_a_cancellation_gives_back_what_earlier_refunds_left(shop: Shop) -> None:
    order = await shop.paid_order(sellers=2)
    partial = await shop.refund(order, amount=euros(300))
    await shop.cancel(order)
    assert [refund.amount for refund in await shop.refunds(order)] == [euros(300), euros(2200)]
    assert (await shop.told(OrderCancelled))[0].refund_amount == 2200
    await deliver(shop, *reversals_of(order))
    await shop.service.record_refund(partial.id, Refunded())
    halfway = await shop.now(order)
    assert (halfway.settled, halfway.payment_status) == (False, PaymentStatus.REFUND_PENDING)
    await shop.service.finish_refunds()
    end = await shop.now(order)
    assert (end.settled, end.payment_status, end.refunded) == (True, PaymentStatus.REFUNDED, order.total)
    assert await shop.money(order) == (2500, 0, 2500)


async def test_a_cancellation_tells_which_copies_were_refunded_and_not_put_back(shop: Shop) -> None:
    order = await shop.paid_order(sellers=2)
    lost, put_back = order.lines
    for line, restock in ((lost, False), (put_back, True)):
        lines = (RefundLine(order_line_id=line.id, quantity=1),)
        await shop.refund(order, key=str(line.id), lines=lines, restock=restock)
    await shop.cancel(order, operator=True, reason="Lost in the post")
    (told,) = await shop.told(OrderCancelled)
    assert told.lost == (LostLine(listing_id=lost.listing_id, quantity=1),)


async def test_an_order_whose_money_is_all_back_can_still_be_cancelled(shop: Shop) -> None:
    order = await shop.paid_order()
    await shop.refund(order)
    await shop.service.finish_refunds()
    cancelled = await shop.cancel(order)
    assert (cancelled.status, cancelled.payment_status) == (OrderStatus.CANCELLED, PaymentStatus.REFUNDED)
    assert len(await shop.refunds(order)) == 1
    assert (await shop.told(OrderCancelled))[0].refund_amount == 0
    await deliver(shop, *reversals_of(order))
    assert (await shop.now(order)).settled


async def test_the_answer_of_a_cancelled_checkout_is_its_order(shop: Shop) -> None:
    order = await shop.paid_order(buyer="alice")
    cancelled = await shop.cancel(order)
    answer = await shop.service.record_outcome(order.id, Refused("DECLINED", "no"))
    assert answer == CheckoutCompleted(cancelled, replayed=True)


async def test_the_window_begins_when_the_order_is_paid(shop: Shop) -> None:
    order = await shop.paid_order()
    row = await shop.database.read().one(WINDOW, id=order.id)
    assert row is not None
    assert order.paid_at is not None
    assert abs(row.cancel_until - order.paid_at - timedelta(minutes=30)) < timedelta(seconds=1)
