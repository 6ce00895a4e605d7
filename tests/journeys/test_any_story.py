"""Purchases, cancellations, refunds, sweeps and deliveries in any order: copies and money agree in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domains.orders import (
    CancelOrder,
    OrderStatus,
    RefundLine,
    RefundOrder,
    RefundReturned,
    RefundStatus,
    RetryRefund,
)
from domains.sellers import Listing, Seller, WithdrawListing
from kernel.money import Money
from messaging.message import Message
from tests.journeys.balance import check_balance
from tests.journeys.world import World

OPERATOR = "operator"
METHODS = ("card", "card-declined", "card-timeout-charged", "card-timeout-uncharged", "card-flaky", "card-3ds",
           "card-refund-flaky")  # fmt: skip
SOME = st.integers(0, 9)
"""Which listing, order or event: counted round."""
WANTED = st.lists(st.tuples(SOME, st.integers(1, 2)), min_size=1, max_size=2)
"""Listings and how many copies of each."""

BUY = st.tuples(st.just("buy"), WANTED, st.sampled_from(METHODS))
STEPS = st.one_of(
    BUY,
    BUY,
    st.tuples(st.just("ask again"), SOME),
    st.tuples(st.just("cancel"), SOME, st.booleans()),
    st.tuples(st.just("refund lines"), SOME, st.lists(st.integers(1, 2), min_size=1, max_size=2), st.booleans()),
    st.tuples(st.just("refund an amount"), SOME, st.integers(1, 900)),
    st.tuples(st.just("refund the rest"), SOME, st.booleans()),
    st.tuples(st.just("money comes back"), SOME),
    st.tuples(st.just("withdraw"), SOME),
    st.tuples(st.sampled_from(["holds run out", "holds expire", "orders wait", "refunds are made", "retries come"])),
    st.tuples(st.just("deliver"), st.lists(SOME, min_size=1, max_size=12)),
    st.tuples(st.just("deliver again"), st.lists(SOME, min_size=1, max_size=4)),
)  # fmt: skip
STORIES = st.builds(add, st.lists(BUY, min_size=1, max_size=3), st.lists(STEPS, min_size=4, max_size=16))


@dataclass
class Purchase:
    """Who tried to buy what; `order_id` is None until an order came of it."""

    buyer: str
    wanted: list[tuple[Listing, int]]
    method: str
    order_id: UUID | None = None


@dataclass
class Story:
    """What happens at two stalls of a world that others may share."""

    world: World
    sellers: list[Seller]
    listings: list[Listing]
    purchases: list[Purchase] = field(default_factory=list)
    refunds: int = 0

    @property
    def order_ids(self) -> list[UUID]:
        """Every order that there is."""
        return [one.order_id for one in self.purchases if one.order_id]

    async def takes(self, step: Sequence) -> None:
        """Lets a step happen; whatever is answered, it must not be an error of ours."""
        match step:
            case ("buy", wanted, method):
                lines = {self.listings[place % len(self.listings)].id: copies for place, copies in wanted}
                chosen = [(listing, lines[listing.id]) for listing in self.listings if listing.id in lines]
                self.purchases.append(Purchase(self.world.newcomer(), chosen, method))
                await self._checks_out(self.purchases[-1])
            case ("ask again", number) if self.purchases:
                await self._checks_out(self.purchases[number % len(self.purchases)])
            case ("cancel" | "refund lines" | "refund an amount" | "refund the rest", *_) if self.order_ids:
                await self._undoes(step)
            case ("money comes back", number) if self.order_ids:
                await self._comes_back(self.order_ids[number % len(self.order_ids)])
            case ("withdraw", number):
                listing = self.listings[number % len(self.listings)]
                await self.world.shop.services.sellers.withdraw_listing(
                    WithdrawListing(owner_id=self._owner_of(listing), listing_id=listing.id, version=listing.version)
                )
            case _:
                await self._goes_on(step)

    async def _checks_out(self, purchase: Purchase) -> None:
        outcome = await self.world.tries_to_buy(purchase.buyer, *purchase.wanted, method=purchase.method)
        order = getattr(outcome, "order", None)
        if purchase.order_id is None and order is not None:
            purchase.order_id = order.id

    async def _undoes(self, step: Sequence) -> None:
        order_id = self.order_ids[step[1] % len(self.order_ids)]
        order = (await self.world.orders.find_orders([order_id]))[order_id]
        self.refunds += 1
        asked = {
            "operator_id": OPERATOR,
            "order_id": order_id,
            "reason": "worn",
            "idempotency_key": f"{order_id}-{self.refunds}",
        }
        match step:
            case ("cancel", _, operator):
                viewer = OPERATOR if operator else order.buyer_id
                cancel = CancelOrder(viewer_id=viewer, order_id=order_id, reason="regret", operator=operator)
                await self.world.orders.cancel_order(cancel)
            case ("refund lines", _, quantities, restock):
                lines = tuple(
                    RefundLine(order_line_id=line.id, quantity=quantity)
                    for line, quantity in zip(order.lines, quantities, strict=False)
                )
                for _ in range(2):  # a request that comes twice is one refund
                    await self.world.orders.refund_order(RefundOrder(**asked, lines=lines, restock=restock))
            case ("refund an amount", _, cents):
                await self.world.orders.refund_order(RefundOrder(**asked, amount=Money(cents, "EUR")))
            case ("refund the rest", _, restock):
                await self.world.orders.refund_order(RefundOrder(**asked, restock=restock))

    async def _comes_back(self, order_id: UUID) -> None:
        """What a bank sends back of an order's refunds is sent once more, as the operator says."""
        for refund in (await self.world.orders.refunds_of([order_id])).get(order_id, ()):
            if refund.status is RefundStatus.DONE:
                await self.world.orders.record_refund(refund.id, RefundReturned("DECLINED", "the bank sent it back"))
                await self.world.orders.retry_refund(RetryRefund(operator_id=OPERATOR, refund_id=refund.id))

    async def _goes_on(self, step: Sequence) -> None:
        """Time passes, sweeps come, and some of the events arrive."""
        world = self.world
        match step:
            case ("holds run out",):
                await world.holds_run_out()
            case ("holds expire",):
                await world.holds_expire()
            case ("orders wait",):
                await world.everybody_waits()
                await world.orders.finish_stale()
            case ("refunds are made",):
                await world.everybody_waits()
                await world.orders.finish_refunds()
            case ("retries come",):
                await world.retry()
            case ("deliver", picks):
                await world.collect()
                for pick in picks:
                    if world.waiting:
                        await world.hand_over(world.waiting.pop(pick % len(world.waiting)))
            case ("deliver again", picks):
                for pick in picks:
                    await world.hand_over(self._heard[pick % len(self._heard)])

    @property
    def _heard(self) -> list[Message]:
        """Events that may have been delivered before."""
        return self.world.seen[-10:]

    def _owner_of(self, listing: Listing) -> str:
        return next(seller.owner_id for seller in self.sellers if seller.id == listing.seller_id)


async def told(world: World, steps: Sequence[Sequence]) -> Story:
    """A story to its end: everything has come to rest, and the books agree."""
    stalls = [await world.stall(3, 2), await world.stall(4)]
    story = Story(world, [seller for seller, _ in stalls], [listing for _, listings in stalls for listing in listings])
    for step in steps:
        await story.takes(step)
    await world.comes_to_rest()
    await check_balance(world, story.sellers, story.listings, story.order_ids)
    return story


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STORIES)
async def test_any_story_ends_with_books_that_agree(world: World, steps: list[tuple]) -> None:
    await told(world, steps)


@pytest.mark.long
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STORIES)
async def test_any_of_many_stories_ends_with_books_that_agree(world: World, steps: list[tuple]) -> None:
    await told(world, steps)


async def test_a_story_with_everything_in_it_ends_as_it_must(world: World) -> None:
    story = await told(
        world,
        [
            ("buy", [(0, 2)], "card"),
            ("buy", [(2, 1)], "card-timeout-charged"),
            ("buy", [(1, 1)], "card-timeout-uncharged"),
            ("holds expire",),
            ("buy", [(1, 1), (2, 2)], "card-refund-flaky"),
            ("refund lines", 3, [1, 1], True),
            ("deliver", [9, 8, 7, 6, 5, 4]),
            ("cancel", 0, False),
            ("deliver again", [0, 3]),
            ("refunds are made",),
            ("refunds are made",),
            ("deliver", [0] * 12),
            ("money comes back", 3),
            ("money comes back", 0),
            ("buy", [(2, 1)], "card"),
            ("refund lines", 4, [1], False),
            ("cancel", 4, False),
            ("deliver", [9, 8, 7, 6, 5, 4]),
        ],
    )
    orders = await world.orders.find_orders(story.order_ids)
    assert [orders[order_id].status for order_id in story.order_ids] == [
        OrderStatus.CANCELLED,
        OrderStatus.PAID,
        OrderStatus.PAYMENT_FAILED,
        OrderStatus.PAID,
        OrderStatus.CANCELLED,
    ]
