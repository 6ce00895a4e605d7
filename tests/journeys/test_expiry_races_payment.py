"""A hold ends while its order is being paid, at every point of a purchase: paid with stock, or the money is back."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from domains.orders import OrderStatus
from domains.sellers import Listing
from tests.journeys.balance import check_balance
from tests.journeys.world import World, in_order, nothing_happens

Meanwhile = Callable[[World, Listing], Awaitable[UUID | None]]
"""What happens meanwhile; the order of whoever else bought the copy."""

PAID, CANCELLED, FAILED = OrderStatus.PAID, OrderStatus.CANCELLED, OrderStatus.PAYMENT_FAILED
UNDISTURBED = {"card": PAID, "card-declined": FAILED, "card-timeout-charged": PAID, "card-timeout-uncharged": FAILED}
"""Where a purchase with each method ends."""
NEVER = -1
POINTS = re.compile(r"hold\..*|renew\..*|charge\.after|lookup\..*|void\.after|release\.after|inventory/Order.*")
"""Where copies or money of an order have moved, or will at once; at a point that is left out all is as at the last."""


async def its_time_is_over(world: World, listing: Listing) -> None:
    """No sweep has come to it yet."""
    await world.holds_run_out()


async def it_expires(world: World, listing: Listing) -> None:
    await world.holds_expire()


async def it_expires_and_all_sweeps_come(world: World, listing: Listing) -> None:
    await world.holds_expire()
    await world.everybody_waits()
    await world.orders.finish_stale()
    await world.orders.finish_refunds()


async def it_expires_and_somebody_buys_the_copy(world: World, listing: Listing) -> UUID | None:
    await world.holds_expire()
    outcome = await world.tries_to_buy(world.newcomer(), (listing, 1))
    order = getattr(outcome, "order", None)
    return order.id if order else None


MEANWHILE = {
    its_time_is_over: set(),
    it_expires: set(),
    it_expires_and_all_sweeps_come: {OrderStatus.EXPIRED, FAILED},
    it_expires_and_somebody_buys_the_copy: {OrderStatus.REJECTED, CANCELLED},
}
"""Where a purchase may end because of it: CANCELLED is for one whose money was taken."""


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda meanwhile: meanwhile.__name__)
@pytest.mark.parametrize("method", UNDISTURBED)
async def test_whenever_a_hold_ends_its_order_is_paid_with_stock_or_its_money_is_back(
    world: World, method: str, meanwhile: Meanwhile
) -> None:
    undisturbed = Purchase(world, method, meanwhile, disturbed_at=NEVER)
    assert await undisturbed.run() is UNDISTURBED[method]
    assert {"hold.before", "hold.after", "renew.before", "renew.after", "charge.after"} <= set(undisturbed.passed)

    ends = {await Purchase(world, method, meanwhile, disturbed_at=at).run() for at in range(len(undisturbed.passed))}

    possible = MEANWHILE[meanwhile] | {UNDISTURBED[method]}
    assert ends == (possible if UNDISTURBED[method] is PAID else possible - {CANCELLED})


class Purchase:
    """Somebody buys the only copy of a listing, and at one of the points that this passes something else happens."""

    def __init__(self, world: World, method: str, meanwhile: Meanwhile, *, disturbed_at: int) -> None:
        self.passed: list[str] = []
        self._world = world
        self._method = method
        self._meanwhile = meanwhile
        self._disturbed_at = disturbed_at
        self._error: BaseException | None = None
        self._others: list[UUID] = []

    async def run(self) -> OrderStatus | None:
        """Where the order ends, when everything has come to rest and the books agree; None if there never was one."""
        world, buyer = self._world, self._world.newcomer()
        seller, [self._listing] = await world.stall(1)
        world.at = self._pass
        outcome = await world.tries_to_buy(buyer, (self._listing, 1), method=self._method)
        await world.everybody_waits()
        await world.orders.finish_stale()
        await world.deliver(in_order)
        world.at = nothing_happens
        if self._error:
            raise self._error
        await world.comes_to_rest()
        order = getattr(outcome, "order", None)
        ids = [*self._others, *([order.id] if order else [])]
        orders = await check_balance(world, [seller], [self._listing], ids)
        return orders[order.id].status if order else None

    async def _pass(self, point: str) -> None:
        if not POINTS.fullmatch(point):
            return
        self.passed.append(point)
        if len(self.passed) - 1 == self._disturbed_at:
            self._world.at = nothing_happens
            try:
                other = await self._meanwhile(self._world, self._listing)
            except Exception as error:  # orders would take it for the provider's
                self._error = error
            else:
                self._others += [other] if other else []
            self._world.at = self._pass
