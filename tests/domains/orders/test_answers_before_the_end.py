"""Commands whose provider is slower than whoever waits for them: the answer comes first, and then their end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

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
    OrdersService,
    OrderStatus,
    PaymentDeclined,
    Refund,
    RefundStatus,
    Refused,
    Unknown,
)
from kernel.database import Database
from kernel.ids import new_id
from kernel.money import Money
from tests.domains.orders.shop import Shop, Titles, euros
from tests.domains.orders.till import Till, reference_of

ACTION = ActionRequired(url="https://bank.example/3ds")
Wait = Callable[..., Awaitable[Any]]


class TellsFirst(Till):
    """A provider whose own call comes before its answer."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(gate=shop.till.gate)
        self._shop = shop

    async def charge(self, reference: str, amount: Money, method: str) -> Captured | Refused | ActionRequired | Unknown:
        await self._shop.service.record_outcome(self._order_of(reference), Captured(reference))
        return await super().charge(reference, amount, method)


def service_of(shop: Shop, *, answer_seconds: float) -> OrdersService:
    """The shop's orders, where somebody waits for so long."""
    return OrdersService(
        shop.database, shop.shelves, Titles(), shop.till, currency="EUR", answer_seconds=answer_seconds
    )


@pytest.fixture
def shop(database: Database) -> Shop:
    """A shop where nobody waits for an end that does not come at once, and whose provider answers when told."""
    shop = Shop(database)
    shop.service = service_of(shop, answer_seconds=0)
    shop.till.gate = asyncio.Event()
    return shop


def gate_of(shop: Shop) -> asyncio.Event:
    """What keeps the provider's answers back."""
    assert shop.till.gate is not None
    return shop.till.gate


async def slow_checkout(shop: Shop) -> Order:
    """The order of a checkout whose provider has not answered yet."""
    await shop.put(shop.offer(price=1250))
    pending = await shop.checkout()
    assert isinstance(pending, CheckoutPending)
    assert pending.next_action is None
    assert (pending.order.status, pending.order.version) == (OrderStatus.PENDING, 1)
    await shop.till.asked.wait()
    return pending.order


async def test_a_checkout_whose_charge_is_slow_is_pending_and_then_paid(shop: Shop) -> None:
    order = await slow_checkout(shop)
    gate_of(shop).set()
    await shop.service.finish_running()
    paid = await shop.now(order)
    assert paid.status is OrderStatus.PAID
    assert await shop.checkout(amount=euros(1250)) == CheckoutCompleted(paid, replayed=True)
    assert shop.till.charges == [order.id]


async def test_meanwhile_the_same_key_is_pending_and_another_in_progress(shop: Shop) -> None:
    order = await slow_checkout(shop)
    assert (
        await shop.checkout() == CheckoutPending(order, None) == await shop.service.checkout_attempt("alice", "first")
    )
    other = await shop.checkout(key="second")
    assert isinstance(other, CheckoutInProgress)
    assert other.order == order
    assert (await shop.orders_written(), await shop.keys_bound()) == (1, 1)
    gate_of(shop).set()
    await shop.service.finish_running()


async def test_a_slow_refusal_is_told_to_whoever_asks_again(shop: Shop) -> None:
    shop.till.answer = Refused("DECLINED", "no")
    order = await slow_checkout(shop)
    gate_of(shop).set()
    await shop.service.finish_running()
    told = await shop.service.checkout_attempt("alice", "first")
    assert isinstance(told, CheckoutRejected)
    assert told.problems == (PaymentDeclined(reason_code="DECLINED"),)
    assert shop.shelves.released == {order.id: "PAYMENT_FAILED"}


async def test_a_shutdown_waits_for_a_checkout_that_is_answered_already(shop: Shop) -> None:
    order = await slow_checkout(shop)
    finishing = asyncio.ensure_future(shop.service.finish_running())
    done, _ = await asyncio.wait([finishing], timeout=0)
    assert not done
    gate_of(shop).set()
    await finishing
    assert (await shop.now(order)).status is OrderStatus.PAID


async def test_a_checkout_that_fails_after_its_answer_is_logged_and_left_to_the_sweep(shop: Shop) -> None:
    shop.till.crash_after = True
    order = await slow_checkout(shop)
    with capture_logs() as lines:
        gate_of(shop).set()
        await shop.service.finish_running()
    assert [line["event"] for line in lines] == ["a command failed after its caller had gone"]
    assert (await shop.now(order)).status is OrderStatus.PENDING
    shop.till.crash_after = False
    await shop.let_time_pass()
    assert await shop.service.finish_stale() == 1
    assert (await shop.now(order)).status is OrderStatus.PAID


async def test_a_checkout_that_is_over_when_the_answer_is_due_is_told_as_it_ended(shop: Shop, eventually: Wait) -> None:
    """The provider's own call comes before its answer, and soon enough for the buyer, in one of these purchases."""
    shop.till = TellsFirst(shop)
    shop.service = service_of(shop, answer_seconds=0.1)

    async def completed() -> CheckoutCompleted | None:
        buyer = f"buyer-{new_id()}"
        await shop.put(shop.offer(), buyer=buyer)
        answer = await shop.checkout(buyer=buyer)
        assert isinstance(answer, CheckoutCompleted | CheckoutPending)
        return answer if isinstance(answer, CheckoutCompleted) else None

    answer = await eventually(completed)
    assert (answer.order.status, answer.replayed) == (OrderStatus.PAID, False)
    gate_of(shop).set()
    await shop.service.finish_running()
    assert len(await shop.refunds(answer.order)) == 0


async def test_what_is_wrong_is_told_however_long_it_takes_to_see(shop: Shop) -> None:
    offer = shop.offer(price=1000)
    await shop.put(offer)
    request = await shop.request()
    shop.shelves.change(offer.listing_id, price=euros(1100))
    looking = shop.shelves.look_gate = asyncio.Event()
    checkout = asyncio.ensure_future(shop.service.checkout(request))
    await shop.shelves.looked.wait()
    done, _ = await asyncio.wait([checkout], timeout=0)
    assert not done
    looking.set()
    assert isinstance(await checkout, CheckoutRejected)


# --- undoing ----------------------------------------------------------------------------------------------------


async def order_being_given_up(shop: Shop) -> Order:
    """An order that waits for its buyer, who cancels it while the provider does not answer."""
    shop.till.answer = ACTION
    order = await slow_checkout(shop)
    gate_of(shop).set()
    await shop.service.finish_running()
    shop.till.void_gate = asyncio.Event()
    refused = await shop.cancel(order, reason="Too dear")
    assert isinstance(refused, CannotCancel)
    assert "not known yet" in refused.message
    return await shop.now(order)


async def test_giving_up_an_order_goes_on_while_the_provider_is_slow(shop: Shop) -> None:
    order = await order_being_given_up(shop)
    assert (order.status, order.actions) == (OrderStatus.PENDING, (OrderAction.CANCEL,))
    assert shop.till.void_gate is not None
    shop.till.void_gate.set()
    await shop.service.finish_running()
    end = await shop.now(order)
    assert (end.status, end.cancel_reason) == (OrderStatus.EXPIRED, "Too dear")
    assert await shop.cancel(order) == end
    assert (shop.till.voided, shop.shelves.held) == ({order.id}, {})


async def test_a_payment_that_came_through_while_it_was_given_up_slowly_can_be_cancelled(shop: Shop) -> None:
    order = await order_being_given_up(shop)
    shop.till.act(order.id, Captured(reference_of(order.id)))
    assert shop.till.void_gate is not None
    shop.till.void_gate.set()
    await shop.service.finish_running()
    assert (await shop.now(order)).status is OrderStatus.PAID
    assert (await shop.cancel(order)).status is OrderStatus.CANCELLED


async def test_no_cancellation_or_refund_waits_for_the_money_to_be_back(shop: Shop) -> None:
    gate_of(shop).set()
    shop.service = service_of(shop, answer_seconds=3600)
    cancelled, refunded = await shop.paid_order(), await shop.paid_order()
    assert (await shop.cancel(cancelled)).status is OrderStatus.CANCELLED
    shop.till.refund_gate = asyncio.Event()
    sweep = asyncio.ensure_future(shop.service.finish_refunds())
    await shop.till.refund_asked.wait()
    assert await shop.cancel(cancelled) == await shop.now(cancelled)
    refund = await shop.refund(refunded)
    assert isinstance(refund, Refund)
    assert await shop.retry(refund.id) == refund
    [asked] = await shop.refunds(cancelled)
    assert (asked.status, refund.status) == (RefundStatus.PENDING, RefundStatus.PENDING)
    shop.till.refund_gate.set()
    assert await sweep == 1
    assert [one.status for one in await shop.refunds(cancelled)] == [RefundStatus.DONE]
