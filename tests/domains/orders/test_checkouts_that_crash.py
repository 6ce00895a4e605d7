"""A process that dies between two steps of a checkout, and the sweep that finishes what it began."""

from datetime import datetime
from typing import NamedTuple

import pytest
from sqlalchemy import select

from domains.orders import (
    Captured,
    CheckoutCompleted,
    CheckoutInProgress,
    CheckoutPending,
    CheckoutRejected,
    OrderStatus,
    PaymentDeclined,
    PaymentStatus,
    Refused,
    Unknown,
)
from domains.orders.tables import orders
from kernel.database import Statement
from messaging.events import OrderPaid, OrderPaymentFailed
from tests.domains.orders.shop import Shop


class TimesRow(NamedTuple):
    """When an order was placed, its charge is expected, and the sweep looks at it."""

    placed_at: datetime
    charge_deadline: datetime
    look_at: datetime


TIMES = Statement(select(orders.c.placed_at, orders.c.charge_deadline, orders.c.look_at), TimesRow)


async def test_an_order_that_never_came_to_its_charge_expires(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.shelves.crash_after = {"hold"}
    await shop.crash()
    assert len(shop.shelves.held) == 1
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    order = await shop.only_order()
    assert (order.status, order.payment_status) == (OrderStatus.EXPIRED, PaymentStatus.FAILED)
    assert order.settled
    assert shop.shelves.held == {}
    assert (shop.till.charges, shop.till.voided) == ([], set()), "a charge without a name takes no money"
    assert await shop.told(OrderPaymentFailed) == []
    answer = await shop.service.checkout_attempt("alice", "first")
    assert isinstance(answer, CheckoutRejected)
    assert answer.problems == (PaymentDeclined(reason_code="NOT_CHARGED"),)


@pytest.mark.parametrize("call", ["hold", "renew"])
async def test_a_crash_before_the_charge_charges_nothing_and_blocks_the_buyer_only_for_a_while(
    shop: Shop, call: str
) -> None:
    await shop.put(shop.offer())
    shop.shelves.crash_before = {call}
    await shop.crash()
    assert isinstance(await shop.checkout(key="first"), CheckoutPending)
    assert isinstance(await shop.checkout(key="second"), CheckoutInProgress)
    assert await shop.service.finish_stale() == 0
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert shop.till.kept == []
    assert isinstance(await shop.checkout(key="second"), CheckoutCompleted)


async def test_a_crash_in_the_charge_before_the_provider_has_it_ends_without_money(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.crash_before = True
    await shop.crash()
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    order = await shop.only_order()
    assert order.status is OrderStatus.PAYMENT_FAILED
    assert [event.reason for event in await shop.told(OrderPaymentFailed)] == ["NOT_CHARGED"]
    assert shop.shelves.released == {order.id: "PAYMENT_FAILED"}


async def test_a_charge_whose_answer_was_lost_is_found_and_paid_once(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.crash_after = True
    await shop.crash()
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    order = await shop.only_order()
    assert order.status is OrderStatus.PAID
    assert order.id in shop.shelves.held
    assert len(await shop.told(OrderPaid)) == 1
    assert (await shop.service.cart_of("alice")).lines == ()
    assert await shop.service.checkout_attempt("alice", "first") == CheckoutCompleted(order, replayed=True)
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0


async def test_a_refusal_whose_answer_was_lost_is_found(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    shop.till.crash_after = True
    await shop.crash()
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.only_order()).status is OrderStatus.PAYMENT_FAILED
    assert shop.shelves.held == {}


async def test_a_hold_that_was_not_given_back_is_given_back_by_the_sweep(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    shop.shelves.crash_before = {"release"}
    await shop.crash()
    order = await shop.only_order()
    assert order.status is OrderStatus.PAYMENT_FAILED
    assert order.id in shop.shelves.held
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert shop.shelves.held == {}
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0


async def test_an_order_whose_stock_could_not_be_held_is_left_alone_by_the_sweep(shop: Shop) -> None:
    offer = shop.offer(copies=1)
    await shop.put(offer)
    shop.shelves.late_changes = {offer.listing_id: {"available": 0}}
    assert isinstance(await shop.checkout(), CheckoutRejected)
    assert (await shop.only_order()).status is OrderStatus.REJECTED
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0
    assert shop.till.voided == set()


async def test_while_the_provider_is_away_the_order_waits_and_its_stock_stays_held(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Unknown()
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutPending)
    shop.shelves.renewed.clear()
    shop.till.away = True
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0
    assert shop.shelves.renewed == {outcome.order.id: 7200}
    assert (await shop.only_order()).status is OrderStatus.PENDING
    shop.till.away = False
    assert await shop.service.finish_stale() == 0, "it is left alone for a while"
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.only_order()).status is OrderStatus.PAYMENT_FAILED


async def test_one_order_that_cannot_be_finished_stops_no_other(shop: Shop) -> None:
    for buyer in ("alice", "carol"):
        await shop.put(shop.offer(), buyer=buyer)
        shop.till.answer = Refused("DECLINED", "no")
        shop.till.crash_after = True
        await shop.crash(buyer=buyer)
    stubborn = (await shop.only_order("alice")).id
    shop.till.unreadable = {stubborn}
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.only_order("alice")).status is OrderStatus.PENDING
    assert (await shop.only_order("carol")).status is OrderStatus.PAYMENT_FAILED


async def test_the_sweep_looks_at_a_charge_a_minute_after_its_deadline(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.crash_before = True
    await shop.crash()
    row = await shop.database.read().one(TIMES)
    assert row is not None
    assert round((row.look_at - row.charge_deadline).total_seconds()) == 60
    assert row.charge_deadline > row.placed_at


async def test_the_sweep_waits_a_minute_for_a_charge_to_begin(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.shelves.crash_after = {"hold"}
    await shop.crash()
    row = await shop.database.read().one(TIMES)
    assert row is not None
    assert row.charge_deadline is None
    assert round((row.look_at - row.placed_at).total_seconds()) == 60


async def test_a_retry_is_not_short_of_the_copies_that_its_own_ended_order_still_holds(shop: Shop) -> None:
    await shop.put(shop.offer(copies=1))
    shop.till.answer, shop.shelves.crash_before = Refused("DECLINED", "no"), {"release"}
    await shop.crash()
    assert (await shop.only_order()).status is OrderStatus.PAYMENT_FAILED
    assert len(shop.shelves.held) == 1
    shop.till.answer = Captured("till")
    assert isinstance(await shop.checkout(key="second"), CheckoutCompleted)
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0


async def test_a_hold_that_cannot_be_given_back_keeps_its_buyer_from_nothing_else(shop: Shop) -> None:
    await shop.put(shop.offer(copies=2))
    shop.till.answer, shop.shelves.crash_before = Refused("DECLINED", "no"), {"release"}
    await shop.crash()
    shop.till.answer, shop.shelves.stuck = Captured("till"), True
    assert isinstance(await shop.checkout(key="second"), CheckoutCompleted)
    shop.shelves.stuck = False
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
