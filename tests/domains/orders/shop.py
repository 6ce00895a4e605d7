"""A shop for tests: the orders service over a migrated database, its ports fulfilled in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import func, select, update

from domains.orders import (
    AddressParts,
    AddToCart,
    CancelOrder,
    Cart,
    Checkout,
    CheckoutCompleted,
    CheckoutOutcome,
    CheckoutPending,
    HoldLine,
    Offer,
    Order,
    OrdersService,
    Refund,
    RefundOrder,
    RetryRefund,
    Shortage,
    ShortageReason,
    Unknown,
)
from domains.orders.refund_repository import payment_of
from domains.orders.tables import attempts, orders, refunds
from kernel.books import Grade
from kernel.columns import in_seconds
from kernel.database import Database, Statement, outside_transaction
from kernel.errors import IllegalTransition
from kernel.ids import new_id
from kernel.money import Money
from kernel.pages import PageRequest
from messaging import outbox
from messaging.event import Event, event_named
from tests.domains.orders.till import Crash, Till

E = TypeVar("E", bound=Event)

ADDRESS = AddressParts(
    name="Ada Byron", line1="12 St James's Square", postal_code="SW1Y 4JH", city="London", country="GB"
)
ISBN = "9780141439518"
TITLE = "Pride and Prejudice"


class CountRow(NamedTuple):
    """How many rows there are."""

    rows: int


COUNT_ORDERS = Statement(select(func.count().label("rows")).select_from(orders), CountRow)
COUNT_ATTEMPTS = Statement(select(func.count().label("rows")).select_from(attempts), CountRow)
TIME_PASSES = (
    Statement(update(orders).where(orders.c.look_at.is_not(None)).values(look_at=in_seconds(-1))),
    Statement(update(refunds).where(refunds.c.next_at.is_not(None)).values(next_at=in_seconds(-1))),
)
"""Whatever waits for a sweep has waited long enough."""


def euros(cents: int) -> Money:
    """So many cents."""
    return Money(cents, "EUR")


@dataclass
class Shelves:
    """Stock in memory: holds all lines or none, once for an order, and never for one that was released."""

    offers: dict[UUID, Offer] = field(default_factory=dict)
    held: dict[UUID, Sequence[HoldLine]] = field(default_factory=dict)
    released: dict[UUID, str] = field(default_factory=dict)
    renewed: dict[UUID, int] = field(default_factory=dict)
    late_changes: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    """What happens to offers just before the next hold."""
    look_gate: asyncio.Event | None = None
    """Keeps whoever asks for offers waiting; `looked` says that somebody waits."""
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: bool = False
    """Nothing that is held can be given back."""
    crash_before: set[str] = field(default_factory=set)
    crash_after: set[str] = field(default_factory=set)

    async def find_items(self, listing_ids: Sequence[UUID]) -> Mapping[UUID, Offer]:
        outside_transaction("asking for offers")
        if self.look_gate is not None:
            self.looked.set()
            await self.look_gate.wait()
        return {one: self._now(self.offers[one]) for one in listing_ids if one in self.offers}

    async def hold(self, order_id: UUID, lines: Sequence[HoldLine]) -> Sequence[Shortage]:
        outside_transaction("holding")
        self._maybe_crash("hold", self.crash_before)
        for listing_id, changes in self.late_changes.items():
            self.change(listing_id, **changes)
        self.late_changes = {}
        if order_id in self.released:
            raise IllegalTransition("a released order holds nothing any more")
        shortages = [] if order_id in self.held else [one for line in lines if (one := self._shortage(line))]
        if not shortages:
            self.held[order_id] = lines
        self._maybe_crash("hold", self.crash_after)
        return shortages

    async def renew(self, order_id: UUID, seconds: int) -> None:
        outside_transaction("renewing")
        self._maybe_crash("renew", self.crash_before)
        if order_id not in self.held:
            raise IllegalTransition("nothing is held")
        self.renewed[order_id] = seconds

    async def release(self, order_id: UUID, reason: str) -> None:
        outside_transaction("releasing")
        self._maybe_crash("release", self.crash_before)
        if self.stuck:
            raise IllegalTransition("the hold cannot end")
        self.held.pop(order_id, None)
        self.released.setdefault(order_id, reason)

    def change(self, listing_id: UUID, **changes: Any) -> None:
        """The offer is another from now on."""
        self.offers[listing_id] = replace(self.offers[listing_id], **changes)

    def _now(self, offer: Offer) -> Offer:
        return replace(offer, available=offer.available - self._held(offer.listing_id))

    def _held(self, listing_id: UUID) -> int:
        return sum(line.quantity for lines in self.held.values() for line in lines if line.listing_id == listing_id)

    def _shortage(self, line: HoldLine) -> Shortage | None:
        offer = self.offers.get(line.listing_id)
        if offer is None or offer.withdrawn:
            return Shortage(line.listing_id, line.quantity, 0, None, ShortageReason.GONE)
        available = self._now(offer).available
        if offer.price != line.unit_price:
            reason = ShortageReason.PRICE_CHANGED
            return Shortage(line.listing_id, line.quantity, available, offer.price, reason)
        if available < line.quantity:
            return Shortage(line.listing_id, line.quantity, available, offer.price, ShortageReason.SHORT)
        return None

    def _maybe_crash(self, call: str, where: set[str]) -> None:
        if call in where:
            raise Crash(f"while calling {call}")


class Titles:
    """Knows one book."""

    async def titles(self, isbns: Sequence[str]) -> Mapping[str, str]:
        outside_transaction("asking for titles")
        return {isbn: TITLE for isbn in isbns if isbn == ISBN}


class Shop:
    """Orders with everything around it, and words for what buyers do."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.shelves = Shelves()
        self.till = Till()
        self.service = OrdersService(database, self.shelves, Titles(), self.till, currency="EUR")

    def offer(self, *, copies: int = 5, price: int = 1250, owner: str = "bob") -> Offer:
        """A new listing on the shelves."""
        offer = Offer(uuid4(), ISBN, uuid4(), owner, Grade.GOOD, euros(price), copies, withdrawn=False)
        self.shelves.offers[offer.listing_id] = offer
        return offer

    async def put(self, offer: Offer, *, buyer: str = "alice", quantity: int = 1) -> Cart:
        """The buyer has copies of the offer in the cart."""
        command = AddToCart(buyer_id=buyer, listing_id=offer.listing_id, quantity=quantity)
        cart = await self.service.add_to_cart(command)
        assert isinstance(cart, Cart), cart
        return cart

    async def request(self, *, buyer: str = "alice", key: str = "first", **changes: Any) -> Checkout:
        """A checkout of the buyer's cart for its total, with these changes."""
        cart = await self.service.cart_of(buyer)
        fields: dict[str, Any] = {
            "buyer_id": buyer,
            "buyer_email": f"{buyer}@example.org",
            "idempotency_key": key,
            "address": ADDRESS,
            "amount": cart.total,
            "payment_method": "card",
        }
        return Checkout(**fields | changes)

    async def checkout(self, *, buyer: str = "alice", key: str = "first", **changes: Any) -> CheckoutOutcome:
        """Check the buyer's cart out for its total."""
        return await self.service.checkout(await self.request(buyer=buyer, key=key, **changes))

    async def paid_order(self, *, buyer: str | None = None, key: str | None = None, sellers: int = 1) -> Order:
        """A paid order of a new buyer under a new key, one line for each seller."""
        buyer = buyer or f"buyer-{new_id()}"
        for number in range(sellers):
            await self.put(self.offer(owner=f"owner-{number}"), buyer=buyer)
        outcome = await self.checkout(buyer=buyer, key=key or str(new_id()))
        assert isinstance(outcome, CheckoutCompleted), outcome
        return outcome.order

    async def pending_order(self, *, buyer: str | None = None, key: str | None = None, sellers: int = 1) -> Order:
        """An order of a new buyer under a new key whose payment has no outcome yet, one line for each seller."""
        buyer = buyer or f"buyer-{new_id()}"
        for number in range(sellers):
            await self.put(self.offer(owner=f"owner-{number}"), buyer=buyer)
        answer, self.till.answer = self.till.answer, Unknown()
        outcome = await self.checkout(buyer=buyer, key=key or str(new_id()))
        self.till.answer = answer
        assert isinstance(outcome, CheckoutPending), outcome
        return outcome.order

    async def only_order(self, buyer: str = "alice") -> Order:
        """The buyer's newest order."""
        page = await self.service.orders_of(buyer, None, PageRequest(1))
        return page.items[0]

    async def now(self, order: Order) -> Order:
        """The order as it is now."""
        return (await self.service.find_orders([order.id]))[order.id]

    async def cancel(self, order: Order, *, reason: str = "", operator: bool = False) -> Any:
        """What its buyer, or an operator, is answered who cancels the order."""
        viewer = "olga" if operator else order.buyer_id
        command = CancelOrder(viewer_id=viewer, order_id=order.id, reason=reason, operator=operator)
        return await self.service.cancel_order(command)

    async def refund(self, order: Order, *, key: str = "refund", **changes: Any) -> Any:
        """What an operator is answered who gives money of the order back: all that is left but for these changes."""
        fields: dict[str, Any] = {"operator_id": "olga", "reason": "Water damage"}
        command = RefundOrder(order_id=order.id, idempotency_key=key, **fields | changes)
        return await self.service.refund_order(command)

    async def retry(self, refund_id: UUID) -> Any:
        """What an operator is answered who has a refund tried again."""
        return await self.service.retry_refund(RetryRefund(operator_id="olga", refund_id=refund_id))

    async def refunds(self, order: Order) -> tuple[Refund, ...]:
        """The order's refunds, oldest first."""
        return (await self.service.refunds_of([order.id])).get(order.id, ())

    async def money(self, order: Order) -> tuple[int, int, int]:
        """What of the order's money was taken, is reserved to go back, and is back."""
        return tuple(await payment_of(self.database.read(), order.id))  # pyright: ignore[reportReturnType]

    async def crash(self, *, buyer: str = "alice", key: str = "first") -> None:
        """A checkout that dies on its way."""
        with suppress(Crash):
            await self.checkout(buyer=buyer, key=key)
            raise AssertionError("the checkout did not crash")
        self.shelves.crash_before.clear()
        self.shelves.crash_after.clear()
        self.till.crash_before = self.till.crash_after = False

    async def crashes(self, act: Awaitable[object], *, before: str = "", after: str = "") -> None:
        """Something that dies before or after it calls the provider."""
        self.till.crash_before, self.till.crash_after = before, after
        with suppress(Crash):
            await act
            raise AssertionError("it did not crash")
        self.till.crash_before = self.till.crash_after = False

    async def let_time_pass(self) -> None:
        """Whatever waits for the sweep has waited long enough."""
        for statement in TIME_PASSES:
            await self.database.write(statement)

    async def orders_written(self) -> int:
        """How many orders there are."""
        row = await self.database.read().one(COUNT_ORDERS)
        return row.rows if row else 0

    async def keys_bound(self) -> int:
        """How many idempotency keys are bound."""
        row = await self.database.read().one(COUNT_ATTEMPTS)
        return row.rows if row else 0

    async def told(self, kind: type[E]) -> list[E]:
        """The events of a kind that were written, oldest first."""
        messages = await outbox.pending(self.database.read())
        return [kind.from_wire(one.body) for one in messages if event_named(one.name) is kind]
