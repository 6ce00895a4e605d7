"""Any interleaving of paying, cancelling, refunding, late and repeated outcomes and receipts ends in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from domains.orders import (
    ActionRequired,
    Captured,
    CheckoutPending,
    NotCharged,
    Order,
    OrdersService,
    OrderStatus,
    Refunded,
    RefundLine,
    RefundRefused,
    RefundReturned,
    RefundStatus,
    Refused,
    Unknown,
)
from domains.orders.model import UNPAID_ENDS
from domains.orders.refund import payment_status_of
from domains.orders.steps import refund_receipt
from domains.orders.tables import receipts
from kernel.columns import param
from kernel.database import Statement
from kernel.ids import new_id
from messaging.event import Event
from messaging.events import OrderCancelled, OrderPaid, OrderRefunded, OrderUpdated
from tests.domains.orders.receipts import deliver, receipts_of, reversals_of, shortage_of
from tests.domains.orders.shop import Shop, Titles, euros
from tests.domains.orders.till import reference_of

REFUSED = RefundRefused("CLOSED", "the account is gone")
RETURNED = RefundReturned("CLOSED", "the bank sent it back")


class ReceiptRow(NamedTuple):
    """A receipt that an order waits for, or waited for."""

    what: str
    received_at: datetime | None


RECEIPTS = Statement(
    select(receipts.c.what, receipts.c.received_at).where(receipts.c.order_id == param(receipts.c.order_id)), ReceiptRow
)


@dataclass
class Way:
    """One order, and what may happen to it."""

    shop: Shop
    order: Order
    draw: Callable[[st.SearchStrategy], object]
    ever_paid: bool = False
    asked: int = 0
    came_back: int = 0
    slow: OrdersService | None = None
    """Whose checkout was answered before the provider was."""

    @classmethod
    async def of_a_slow_charge(cls, shop: Shop, draw: Callable[[st.SearchStrategy], object]) -> Way:
        """An order of two sellers whose buyer was answered while the provider was still asked for the money."""
        slow = OrdersService(shop.database, shop.shelves, Titles(), shop.till, currency="EUR", answer_seconds=0)
        shop.till.gate, shop.till.asked = asyncio.Event(), asyncio.Event()
        shop.till.answer = Captured("till-1")
        buyer = f"buyer-{new_id()}"
        for number in range(2):
            await shop.put(shop.offer(owner=f"owner-{number}"), buyer=buyer)
        pending = await slow.checkout(await shop.request(buyer=buyer, key=str(new_id())))
        assert isinstance(pending, CheckoutPending)
        await shop.till.asked.wait()
        return cls(shop, pending.order, draw, slow=slow)

    async def slow_charge_is_answered(self) -> None:
        """By what the provider had decided meanwhile, or by the money."""
        if self.slow and self.shop.till.gate:
            self.shop.till.gate.set()
            await self.slow.finish_running()

    async def pays(self) -> None:
        self.shop.till.decided[self.order.id] = Captured(reference_of(self.order.id))
        await self.shop.service.record_outcome(self.order.id, Captured(reference_of(self.order.id)))

    async def does_not_pay(self) -> None:
        outcome = self.draw(st.sampled_from([Refused("NO", "no"), NotCharged(), Unknown(), ActionRequired("secret")]))
        if self.order.id in self.shop.till.kept and not isinstance(outcome, Unknown | ActionRequired):
            return  # a provider that has the money does not say so
        assert isinstance(outcome, Refused | NotCharged | Unknown | ActionRequired)
        if isinstance(outcome, Refused | ActionRequired):
            self.shop.till.decided.setdefault(self.order.id, outcome)
        await self.shop.service.record_outcome(self.order.id, outcome)

    async def buyer_cancels(self) -> None:
        await self.shop.cancel(self.order)

    async def operator_cancels(self) -> None:
        await self.shop.cancel(self.order, reason="Torn", operator=True)

    async def copies_are_missing(self) -> None:
        if self.ever_paid:
            await deliver(self.shop, shortage_of(self.order))

    async def operator_refunds(self) -> None:
        self.asked += 1
        amount = self.draw(st.none() | st.integers(1, 1500))
        lines = self.draw(st.lists(st.sampled_from(self.order.lines), unique_by=lambda line: line.id, max_size=2))
        assert isinstance(lines, list)
        await self.shop.refund(
            self.order,
            key=f"{self.order.id}:{self.draw(st.integers(1, self.asked))}",
            amount=euros(amount) if isinstance(amount, int) else None,
            lines=tuple(RefundLine(order_line_id=line.id, quantity=1) for line in lines),
        )

    async def refunds_are_swept(self) -> None:
        self.shop.till.refund_answer = self.draw(st.sampled_from([Refunded(), REFUSED, Unknown()]))  # pyright: ignore[reportAttributeAccessIssue]
        self.shop.till.refund_answer_lost = bool(self.draw(st.booleans()))
        await self.shop.let_time_pass()
        await self.shop.service.finish_refunds()
        self.shop.till.refund_answer_lost = False

    async def provider_tells_of_a_refund(self) -> None:
        """What it tells may be old: a refusal also of a refund that it made since."""
        for refund in await self.shop.refunds(self.order):
            made = refund.id in self.shop.till.given_back
            await self.shop.service.record_refund(refund.id, Refunded() if made else REFUSED)
            if self.draw(st.booleans()):
                await self.shop.service.record_refund(refund.id, REFUSED)

    async def bank_sends_a_refund_back(self) -> None:
        """And a sweep that was slow tells of an old refusal."""
        for refund in await self.shop.refunds(self.order):
            if refund.status is RefundStatus.DONE and self.draw(st.booleans()):
                del self.shop.till.given_back[refund.id]
                await self.shop.service.record_refund(refund.id, RETURNED)
                self.came_back += 1
            await self.shop.service.record_refund(refund.id, REFUSED)

    async def operator_tries_again(self) -> None:
        for refund in await self.shop.refunds(self.order):
            await self.shop.retry(refund.id)

    async def orders_are_swept(self) -> None:
        await self.shop.let_time_pass()
        await self.shop.service.finish_stale()

    async def a_domain_reports(self) -> None:
        told: list[Event] = receipts_of(self.order) if self.ever_paid else []
        if (await self.shop.now(self.order)).status is OrderStatus.CANCELLED:
            told += reversals_of(self.order)
        if told:
            event = self.draw(st.sampled_from(told))
            assert isinstance(event, Event)
            await deliver(self.shop, event)

    async def is_in_order(self) -> Order:
        """What must hold after every step."""
        now = await self.shop.now(self.order)
        self.ever_paid = any(entry.event == "OrderPaid" for entry in now.timeline)
        captured, refunding, refunded = await self.shop.money(now)
        refunds = await self.shop.refunds(now)
        done = [refund.amount.minor for refund in refunds if refund.status is RefundStatus.DONE]
        assert refunding + refunded == sum(refund.amount.minor for refund in refunds) <= captured
        assert refunded == sum(done) == now.refunded.minor
        assert refunded <= self.shop.till.back(now.id)
        if captured:
            statuses = [refund.status for refund in refunds]
            assert now.payment_status is payment_status_of(statuses, captured=captured, refunded=refunded)
        waited = await self.shop.database.read().all(RECEIPTS, order_id=now.id)
        complete = all(row.received_at for row in waited)
        waiting = {row.what for row in waited if row.received_at is None}
        assert {refund_receipt(one.id) for one in refunds if one.status is not RefundStatus.DONE} <= waiting
        assert now.settled == (complete and now.status is not OrderStatus.PENDING)
        return now

    async def comes_to_rest(self) -> Order:
        """Everybody is there again, does what is left to do, and tells of it once more."""
        await self.slow_charge_is_answered()
        till = self.shop.till
        till.refund_answer = Refunded()
        till.decided.setdefault(self.order.id, Refused("NO", "no"))
        till.act(self.order.id, Refused("NO", "no"))
        await self.orders_are_swept()
        await self.operator_tries_again()
        await self.shop.let_time_pass()
        while await self.shop.service.finish_refunds():
            continue
        now = await self.is_in_order()
        if self.ever_paid:
            await deliver(self.shop, *receipts_of(now))
        if now.status is OrderStatus.CANCELLED:
            await deliver(self.shop, *reversals_of(now))
        return await self.is_in_order()

    def steps(self) -> list[Callable[[], Awaitable[None]]]:
        """What may happen; refunds more often, so that several of them meet what ends an order."""
        return [
            *[self.operator_refunds] * 5,
            *[self.refunds_are_swept] * 2,
            self.pays,
            self.does_not_pay,
            self.buyer_cancels,
            self.operator_cancels,
            self.copies_are_missing,
            self.provider_tells_of_a_refund,
            self.bank_sends_a_refund_back,
            self.operator_tries_again,
            self.orders_are_swept,
            self.a_domain_reports,
            *[self.slow_charge_is_answered] * (self.slow is not None),
        ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_interleaving_ends_in_order(shop: Shop, data: st.DataObject) -> None:
    """Every example has an order of its own, so it may share the database with the others."""
    if data.draw(st.booleans()):
        way = await Way.of_a_slow_charge(shop, data.draw)
    else:
        way = Way(shop, await shop.pending_order(sellers=2), data.draw)
    order = way.order
    steps = way.steps()
    if data.draw(st.booleans()):
        await way.pays()
        await way.is_in_order()
    for place in data.draw(st.lists(st.integers(0, len(steps) - 1), min_size=3, max_size=14)):
        await steps[place]()
        await way.is_in_order()
    end = await way.comes_to_rest()
    assert end.settled
    assert end.status in {OrderStatus.PAID, OrderStatus.CANCELLED, *UNPAID_ENDS}
    kept = order.total.minor if order.id in shop.till.kept else 0
    net = kept - shop.till.back(order.id)
    if end.status is OrderStatus.PAID:
        assert net == order.total.minor - end.refunded.minor, "one charge, less what went back"
    else:
        assert net == 0, "nothing is kept of an order that came to nothing"
    assert len(_told(await shop.told(OrderPaid), order)) == int(way.ever_paid)
    assert len(_told(await shop.told(OrderCancelled), order)) == int(end.status is OrderStatus.CANCELLED)
    assert len(_told(await shop.told(OrderRefunded), order)) == len(await shop.refunds(order)) + way.came_back
    versions = [event.version for event in await shop.told(OrderUpdated) if event.order_id == order.id]
    assert versions == list(range(2, end.version + 1)), "each step was pushed once"


def _told(events: list, order: Order) -> list:
    return [event for event in events if event.order_id == order.id]
