"""Payments for which the buyer has to do something first: the order waits, is paid, given up, or voided in time."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from domains.orders import (
    ActionRequired,
    CannotCancel,
    Captured,
    CheckoutCompleted,
    CheckoutInProgress,
    CheckoutPending,
    CheckoutRejected,
    Order,
    OrderAction,
    OrderStatus,
    PaymentDeclined,
    PaymentStatus,
    Refused,
)
from domains.orders.tables import orders
from kernel.columns import in_seconds
from kernel.database import Statement
from messaging.events import OrderPaid, OrderPaymentFailed, OrderUpdated
from tests.domains.orders.shop import Shop
from tests.domains.orders.till import reference_of

ACTION = ActionRequired(client_secret="secret", url="https://bank.example/3ds")
TIME_FOR_THE_ACTION_IS_OVER = Statement(
    update(orders).where(orders.c.look_at.is_not(None)).values(look_at=in_seconds(-1), action_deadline=in_seconds(-1))
)


async def waiting_order(shop: Shop) -> Order:
    """An order of alice's that waits for her."""
    await shop.put(shop.offer(price=1250))
    shop.till.answer = ACTION
    outcome = await shop.checkout()
    assert isinstance(outcome, CheckoutPending)
    assert outcome.next_action == ACTION
    return outcome.order


async def test_the_order_waits_and_says_what_for_however_it_is_asked(shop: Shop) -> None:
    order = await waiting_order(shop)
    assert (order.status, order.payment_status) == (OrderStatus.PENDING, PaymentStatus.PENDING)
    assert order.timeline[-1].event == "PaymentActionRequired"
    assert await shop.checkout() == CheckoutPending(order, ACTION), "the replay"
    assert await shop.service.checkout_attempt("alice", "first") == CheckoutPending(order, ACTION)
    assert isinstance(await shop.checkout(key="second"), CheckoutInProgress)
    (told,) = await shop.told(OrderUpdated)
    assert (told.status, told.version) == ("PENDING", 2)
    assert len(shop.till.charges) == 1


async def test_the_buyer_who_does_it_has_paid(shop: Shop) -> None:
    order = await waiting_order(shop)
    shop.till.act(order.id, Captured(reference_of(order.id)))
    answer = await shop.service.record_outcome(order.id, Captured(reference_of(order.id)))
    assert isinstance(answer, CheckoutCompleted)
    assert answer.order.actions == (OrderAction.CANCEL,)
    assert len(await shop.told(OrderPaid)) == 1
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0


@pytest.mark.parametrize(
    ("decision", "status"),
    [(Captured("till"), OrderStatus.PAID), (Refused("DECLINED", "no"), OrderStatus.PAYMENT_FAILED)],
)
async def test_what_the_buyer_did_is_found_by_the_sweep_where_nobody_told(
    shop: Shop, decision: Captured | Refused, status: OrderStatus
) -> None:
    order = await waiting_order(shop)
    shop.till.act(order.id, decision)
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.now(order)).status is status


async def test_while_there_is_time_the_stock_stays_held_and_nothing_is_voided(shop: Shop) -> None:
    order = await waiting_order(shop)
    for _ in range(3):
        shop.shelves.renewed.clear()
        await shop.let_time_pass()
        assert await shop.service.finish_stale() == 0
        assert shop.shelves.renewed == {order.id: 7200}
    assert (await shop.now(order)) == order
    assert shop.till.voided == set()


async def test_when_the_time_is_over_the_charge_is_voided_and_nothing_is_held(shop: Shop) -> None:
    order = await waiting_order(shop)
    await shop.database.write(TIME_FOR_THE_ACTION_IS_OVER)
    assert await shop.service.finish_stale() == 1
    end = await shop.now(order)
    assert (end.status, end.payment_status, end.settled) == (OrderStatus.PAYMENT_FAILED, PaymentStatus.FAILED, True)
    assert shop.till.voided == {order.id}
    assert shop.shelves.held == {}
    assert [event.reason for event in await shop.told(OrderPaymentFailed)] == ["NOT_CHARGED"]
    answer = await shop.service.checkout_attempt("alice", "first")
    assert isinstance(answer, CheckoutRejected)
    assert len((await shop.service.cart_of("alice")).lines) == 1


async def test_a_buyer_who_was_faster_than_the_void_has_paid(shop: Shop) -> None:
    order = await waiting_order(shop)
    await shop.database.write(TIME_FOR_THE_ACTION_IS_OVER)
    shop.till.pays_before_void = True
    assert await shop.service.finish_stale() == 1
    assert (await shop.now(order)).status is OrderStatus.PAID
    assert shop.till.kept == [order.id]


async def test_while_the_provider_is_away_an_order_waits_beyond_its_time(shop: Shop) -> None:
    order = await waiting_order(shop)
    await shop.database.write(TIME_FOR_THE_ACTION_IS_OVER)
    shop.till.away = True
    assert await shop.service.finish_stale() == 0
    assert (await shop.now(order)).status is OrderStatus.PENDING
    assert order.id in shop.shelves.held


async def test_what_is_required_is_found_after_a_crash(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer, shop.till.crash_after = ACTION, True
    await shop.crash()
    order = await shop.only_order()
    assert await shop.service.checkout_attempt("alice", "first") == CheckoutPending(order, None)
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 0
    answer = await shop.service.checkout_attempt("alice", "first")
    assert isinstance(answer, CheckoutPending)
    assert answer.next_action == ACTION


async def test_another_action_replaces_the_first_and_gives_no_more_time(shop: Shop) -> None:
    order = await waiting_order(shop)
    await shop.database.write(TIME_FOR_THE_ACTION_IS_OVER)
    other = replace(ACTION, url="https://bank.example/again")
    answer = await shop.service.record_outcome(order.id, other)
    assert isinstance(answer, CheckoutPending)
    assert answer.next_action == other
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.now(order)).status is OrderStatus.PAYMENT_FAILED


# --- the buyer gives up -----------------------------------------------------------------------------------------


async def test_a_buyer_may_give_a_waiting_order_up(shop: Shop) -> None:
    order = await waiting_order(shop)
    assert order.actions == (OrderAction.CANCEL,)
    given_up = await shop.cancel(order, reason="Lost my phone")
    assert (given_up.status, given_up.cancel_reason) == (OrderStatus.EXPIRED, "Lost my phone")
    assert given_up.actions == (OrderAction.CHECKOUT_AGAIN,)
    assert shop.till.voided == {order.id}
    assert shop.shelves.released == {order.id: "EXPIRED"}
    assert await shop.told(OrderPaymentFailed) == [], "nothing failed"
    assert await shop.cancel(order, reason="Again") == given_up
    answer = await shop.service.checkout_attempt("alice", "first")
    assert isinstance(answer, CheckoutRejected)
    assert answer.problems == (PaymentDeclined(reason_code="GIVEN_UP"),)
    shop.till.answer = Captured("till")
    assert isinstance(await shop.checkout(key="second"), CheckoutCompleted)


async def test_a_payment_that_came_through_meanwhile_wins(shop: Shop) -> None:
    order = await waiting_order(shop)
    shop.till.pays_before_void = True
    answer = await shop.cancel(order)
    assert isinstance(answer, CannotCancel)
    assert "paid" in answer.message
    assert (await shop.now(order)).status is OrderStatus.PAID
    assert (await shop.cancel(order)).status is OrderStatus.CANCELLED
    await shop.service.finish_refunds()
    assert shop.till.back(order.id) == 1250


async def test_while_the_provider_is_away_nothing_is_given_up(shop: Shop) -> None:
    order = await waiting_order(shop)
    shop.till.away = True
    assert isinstance(await shop.cancel(order), CannotCancel)
    assert (await shop.now(order)).status is OrderStatus.PENDING


async def test_a_crash_after_the_void_ends_the_order_all_the_same(shop: Shop) -> None:
    order = await waiting_order(shop)
    await shop.crashes(shop.cancel(order), after="void")
    assert (await shop.now(order)).status is OrderStatus.PENDING
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.now(order)).status is OrderStatus.PAYMENT_FAILED
    assert (shop.till.kept, shop.shelves.held) == ([], {})
