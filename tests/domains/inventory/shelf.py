"""A shelf to test on: inventory over a database of its own, with builders for listings and events of orders."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid4, uuid5

from sqlalchemy import BigInteger, cast, func, select, update

from domains.inventory import AdjustStock, HoldLine, InventoryService, Shortage, StockItem, handlers
from domains.inventory.model import StockState
from domains.inventory.tables import stock_items, stock_lines, stock_movements, stock_orders
from kernel.books import Grade
from kernel.columns import in_seconds, param, params
from kernel.database import Database, Statement, Transaction
from kernel.money import Money
from messaging import outbox
from messaging.event import Event, event_named
from messaging.events import (
    ListingChanged,
    ListingPublished,
    ListingWithdrawn,
    LostLine,
    OrderCancelled,
    OrderItem,
    OrderPaid,
    OrderRefunded,
    RefundedLine,
)
from tests.databases import Databases, opened

E = TypeVar("E", bound=Event)

ISBN = "9780141439518"
ANOTHER_ISBN = "9780679783268"
WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRICE = 1250

HANDLERS: Mapping[type[Event], Callable[[Transaction, Any], Awaitable[None]]] = {
    ListingPublished: handlers.accept_listing,
    ListingChanged: handlers.accept_listing,
    ListingWithdrawn: handlers.accept_listing,
    OrderPaid: handlers.deduct_stock,
    OrderCancelled: handlers.return_stock,
    OrderRefunded: handlers.restock_refunded,
}


class CountRow(NamedTuple):
    listing_id: UUID
    copies: int


class OrderRow(NamedTuple):
    state: StockState
    expires_at: datetime | None
    reason: str | None


MOVED = Statement(
    select(
        stock_movements.c.listing_id, cast(func.sum(stock_movements.c.quantity), BigInteger).label("copies")
    ).group_by(stock_movements.c.listing_id),
    CountRow,
)
HELD = Statement(
    select(stock_lines.c.listing_id, cast(func.sum(stock_lines.c.quantity), BigInteger).label("copies"))
    .join(stock_orders, stock_orders.c.order_id == stock_lines.c.order_id)
    .where(stock_orders.c.state == StockState.HELD)
    .group_by(stock_lines.c.listing_id),
    CountRow,
)
COUNTS = Statement(
    select(stock_items.c.listing_id, stock_items.c.on_hand.label("copies")),
    CountRow,
)
ORDER = Statement(
    select(stock_orders.c.state, stock_orders.c.expires_at, stock_orders.c.reason).where(
        stock_orders.c.order_id == param(stock_orders.c.order_id)
    ),
    OrderRow,
)
LET_TIME_PASS = Statement(
    update(stock_orders)
    .where(stock_orders.c.order_id.in_(params(stock_orders.c.order_id, "ids")), stock_orders.c.state == StockState.HELD)
    .values(expires_at=in_seconds(-1))
)


def hold_line(listing_id: UUID, quantity: int = 1, price: int = PRICE, currency: str = "EUR") -> HoldLine:
    """A line of an order that saw this price."""
    return HoldLine(listing_id, quantity, Money(price, currency))


def published(
    copies: int = 1,
    *,
    listing_id: UUID | None = None,
    isbn: str = ISBN,
    price: int = PRICE,
    currency: str = "EUR",
    seller_id: UUID | None = None,
    version: int = 1,
) -> ListingPublished:
    """A listing's first event."""
    return ListingPublished(
        listing_id=listing_id or uuid4(),
        seller_id=seller_id or uuid4(),
        owner_id="alice",
        book_isbn=isbn,
        grade=Grade.GOOD,
        price=price,
        currency=currency,
        location="Lisbon",
        version=version,
        quantity=copies,
    )


def changed(listing: ListingPublished, *, version: int, price: int = PRICE) -> ListingChanged:
    """A later state of a listing."""
    return ListingChanged.model_validate(_state(listing) | {"price": price, "version": version})


def withdrawn(listing: ListingPublished, *, version: int) -> ListingWithdrawn:
    """A listing's last state."""
    return ListingWithdrawn.model_validate(_state(listing) | {"withdrawn": True, "version": version})


def paid(order_id: UUID, *lines: tuple[UUID, int]) -> OrderPaid:
    """The order of these copies was paid."""
    return OrderPaid(
        order_id=order_id,
        customer_id="bob",
        total_amount=PRICE * sum(quantity for _, quantity in lines),
        paid_date=WHEN,
        order_items=_items(order_id, lines),
    )


def cancelled(
    order_id: UUID,
    *lines: tuple[UUID, int],
    reason: str = "changed my mind",
    lost: tuple[tuple[UUID, int], ...] = (),
) -> OrderCancelled:
    """The order of these copies was cancelled; the lost ones do not come back."""
    return OrderCancelled(
        order_id=order_id,
        customer_id="bob",
        reason=reason,
        order_items=_items(order_id, lines),
        refund_amount=PRICE * sum(quantity for _, quantity in lines),
        lost=tuple(LostLine(listing_id=listing_id, quantity=quantity) for listing_id, quantity in lost),
    )


def refunded(
    order_id: UUID, *lines: tuple[UUID, int], refund_id: UUID | None = None, restock: bool = True
) -> OrderRefunded:
    """Money for these copies went back, and by default the copies too."""
    return OrderRefunded(
        order_id=order_id,
        customer_id="bob",
        refund_id=refund_id or uuid4(),
        amount=PRICE * sum(quantity for _, quantity in lines),
        lines=tuple(
            RefundedLine(
                order_item_id=uuid5(order_id, str(number)),
                listing_id=listing_id,
                seller_id=uuid4(),
                quantity=quantity,
                amount=PRICE * quantity,
                restock=restock,
            )
            for number, (listing_id, quantity) in enumerate(lines)
        ),
    )


class Shelf:
    """Inventory with its database, and what tests ask of both."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.inventory = InventoryService(database, currency="EUR")

    async def deliver(self, *events: Event) -> None:
        """Runs the handler of each event in a transaction of its own."""
        for event in events:
            await self.database.transact(lambda tx, event=event: HANDLERS[type(event)](tx, event))

    async def publish(self, copies: int = 1, **listing: Any) -> UUID:
        """A listing that is published with so many copies."""
        event = published(copies, **listing)
        await self.deliver(event)
        return event.listing_id

    async def hold(self, *lines: HoldLine, order_id: UUID | None = None) -> tuple[Shortage, ...]:
        """What keeps an order from holding these lines."""
        return await self.inventory.hold(order_id or uuid4(), lines)

    async def holding(self, *lines: tuple[UUID, int]) -> UUID:
        """An order that holds these copies."""
        order_id = uuid4()
        assert await self.inventory.hold(order_id, [hold_line(*line) for line in lines]) == ()
        return order_id

    async def let_time_pass(self, *order_ids: UUID) -> None:
        """What these orders hold is past its time."""
        await self.database.write(LET_TIME_PASS, ids=list(order_ids))

    async def expire(self, *order_ids: UUID) -> None:
        """What these orders hold is past its time, and the sweep has come to all that is."""
        await self.let_time_pass(*order_ids)
        while await self.inventory.expire_holds():
            continue

    async def adjust(
        self, listing_id: UUID, on_hand: int, *, owner_id: str = "alice", version: int | None = None
    ) -> Any:
        """Sets a listing's count, at the version that it has unless another is given."""
        seen = (await self.item(listing_id)).version if version is None else version
        command = AdjustStock(owner_id=owner_id, listing_id=listing_id, on_hand=on_hand, version=seen)
        return await self.inventory.adjust_stock(command)

    async def item(self, listing_id: UUID) -> StockItem:
        """A listing as it is now."""
        return (await self.inventory.find_items([listing_id]))[listing_id]

    async def counts(self, listing_id: UUID) -> tuple[int, int]:
        """Copies on hand and held."""
        item = await self.item(listing_id)
        return item.on_hand, item.held

    async def state(self, order_id: UUID) -> StockState:
        """Where the order's copies are."""
        order = await self.order(order_id)
        return order.state if order else StockState.NONE

    async def order(self, order_id: UUID) -> OrderRow | None:
        """What is known of an order, if anything."""
        return await self.database.read().one(ORDER, order_id=order_id)

    async def told(self, kind: type[E]) -> list[E]:
        """All events of this kind that were published so far, oldest first."""
        return [event for event in await self.everything_told() if isinstance(event, kind)]

    async def everything_told(self) -> list[Event]:
        """All events that were published so far, oldest first."""
        events = []
        for message in await outbox.pending(self.database.read()):
            kind = event_named(message.name)
            assert kind is not None
            events.append(kind.from_wire(message.body))
        return events

    async def check_invariants(self) -> None:
        """Movements add up to what is on hand and live holds to what is held; no transaction waited for the outside."""
        reader = self.database.read()
        moved = {row.listing_id: row.copies for row in await reader.all(MOVED)}
        held = {row.listing_id: row.copies for row in await reader.all(HELD)}
        counts = {row.listing_id: row.copies for row in await reader.all(COUNTS)}
        for listing_id, on_hand in counts.items():
            assert on_hand == moved.get(listing_id, 0)
            assert (await self.item(listing_id)).held == held.get(listing_id, 0)
        assert self.database.suspensions == 0


@asynccontextmanager
async def open_shelf(databases: Databases) -> AsyncIterator[Shelf]:
    """A shelf over an empty database; its invariants are checked in the end."""
    async with opened(await databases.empty("inventory"), "inventory") as database:
        shelf = Shelf(database)
        yield shelf
        await shelf.check_invariants()


def _state(listing: ListingPublished) -> dict[str, Any]:
    return {name: value for name, value in listing if name != "quantity"}


def _items(order_id: UUID, lines: tuple[tuple[UUID, int], ...]) -> tuple[OrderItem, ...]:
    return tuple(
        OrderItem(
            order_item_id=uuid5(order_id, str(number)),
            book_isbn=ISBN,
            seller_id=uuid5(listing_id, "seller"),
            quantity=quantity,
            unit_price=PRICE,
            listing_id=listing_id,
            grade=Grade.GOOD,
        )
        for number, (listing_id, quantity) in enumerate(lines)
    )
