"""Orders that do not come to their end: found by operators, each with what it waits for."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update

from domains.orders import OrderPart, Refused, StuckOrder, StuckReason
from domains.orders.tables import orders, timeline
from kernel.columns import in_seconds
from kernel.database import Database, Observation, Statement
from kernel.pages import PageRequest
from tests.domains.orders.shop import Shop

LONG_AGO = in_seconds(-3600)
TIME_PASSES = (
    Statement(update(orders).values(placed_at=LONG_AGO)),
    Statement(update(orders).where(orders.c.charge_deadline.is_not(None)).values(charge_deadline=LONG_AGO)),
    Statement(update(timeline).values(at=LONG_AGO)),
)


async def let_an_hour_pass(database: Database) -> None:
    """Every deadline is over, and nothing has happened to any order lately."""
    for statement in TIME_PASSES:
        await database.write(statement)


async def stuck(shop: Shop, first: int = 20) -> dict[UUID, StuckOrder]:
    """The orders that are late."""
    page = await shop.service.stuck_orders(PageRequest(first))
    return {one.order.id: one for one in page.items}


async def test_an_order_in_its_time_is_not_stuck(shop: Shop) -> None:
    await shop.pending_order()
    await shop.paid_order()
    assert await stuck(shop) == {}


async def test_a_payment_without_an_outcome_is_stuck_after_its_deadline(shop: Shop) -> None:
    order = await shop.pending_order()
    await let_an_hour_pass(shop.database)
    found = (await stuck(shop))[order.id]
    assert (found.reason, found.order.number, found.missing) == (StuckReason.PAYMENT, order.number, ())


async def test_an_order_that_was_never_charged_is_stuck_after_its_placing(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.shelves.crash_before = {"hold"}
    await shop.crash()
    assert await stuck(shop) == {}
    await let_an_hour_pass(shop.database)
    assert [one.reason for one in (await stuck(shop)).values()] == [StuckReason.PAYMENT]


async def test_a_paid_order_waits_for_reports_that_do_not_come(shop: Shop) -> None:
    order = await shop.paid_order()
    await let_an_hour_pass(shop.database)
    found = (await stuck(shop))[order.id]
    assert found.reason is StuckReason.REPORTS
    assert "StockDeducted" in found.missing
    assert found.since == max(entry.at for entry in found.order.timeline)


async def test_a_hold_that_is_not_given_back_is_stuck(shop: Shop) -> None:
    await shop.put(shop.offer())
    shop.till.answer = Refused("DECLINED", "no")
    shop.shelves.crash_before = {"release"}
    await shop.crash()
    await let_an_hour_pass(shop.database)
    assert [one.reason for one in (await stuck(shop)).values()] == [StuckReason.HOLD]


async def test_stuck_orders_come_oldest_first_page_by_page(shop: Shop) -> None:
    placed = [(await shop.paid_order()).id for _ in range(5)]
    await let_an_hour_pass(shop.database)
    seen, after, more = list[UUID](), None, True
    while more:
        page = await shop.service.stuck_orders(PageRequest(2, after))
        seen += [one.order.id for one in page.items]
        after, more = page.cursors[-1], page.has_next
    assert seen == placed


async def test_many_stuck_orders_cost_as_many_statements_as_one(shop: Shop, observed: list[Observation]) -> None:
    for _ in range(10):
        await shop.paid_order(sellers=2)
    await let_an_hour_pass(shop.database)
    counts = []
    for first in (1, 10):
        observed.clear()
        assert len(await stuck(shop, first)) == first
        counts.append(len(observed))
    assert counts == [5, 5]
    observed.clear()
    page = await shop.service.stuck_orders(PageRequest(10), frozenset[OrderPart]())
    assert (len(observed), page.items[0].order.lines) == (3, ())
