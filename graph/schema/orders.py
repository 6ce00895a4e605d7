"""Orders: what was bought, how far it is, and each change as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Self, cast
from uuid import UUID

import strawberry

from domains import orders
from domains.orders import OrderAction, OrderPart, OrderStatus, Parts, PaymentStatus
from graph.context import Context, Info
from graph.errors import Code, refusal
from graph.live import Source
from graph.loaders import OwnOrderKey
from graph.nodes import NotAnId, decode_id, encode_id
from graph.ports import Change, buyer_topic, order_topic
from graph.schema.catalog import Book, Offer, Seller, find_book, find_offer, find_seller
from graph.schema.nodes import Node
from graph.schema.refunds import Refund
from graph.schema.scalars import ISBN, Money
from graph.selection import names_beneath
from graph.sharing import SHARED_BY_VIEWER
from graph.sizes import LINES, REFUNDS, TIMELINE, about
from kernel.books import Grade
from kernel.pages import PageRequest


@strawberry.type(description="Where an order goes.")
class Address:
    name: str = strawberry.field(description="Who receives it.")
    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(description="What else the street needs.")
    postal_code: str = strawberry.field(description="The postal code.")
    city: str = strawberry.field(description="The city.")
    region: str | None = strawberry.field(description="State, province or region, where the country has them.")
    country: str = strawberry.field(description="The country's ISO 3166 code of two letters.")


@strawberry.type(description="Copies of one offer as they were bought.")
class OrderLine:
    id: strawberry.ID = strawberry.field(description="The line's own id.")
    isbn: ISBN = strawberry.field(description="The book.")
    title: str = strawberry.field(description="Its title when it was bought.")
    condition: Grade = strawberry.field(description="The condition of the copies.")
    quantity: int = strawberry.field(description="How many copies.")
    unit_price: Money = strawberry.field(description="What one copy cost.")
    total: Money = strawberry.field(description="What all copies of the line cost.")
    line: strawberry.Private[orders.OrderLine]

    @strawberry.field(description="The book's description now.")
    async def book(self, info: Info) -> Book | None:
        return await find_book(info, self.isbn)

    @strawberry.field(description="Who sold it.")
    async def seller(self, info: Info) -> Seller | None:
        return await find_seller(info, self.line.seller_id)

    @strawberry.field(description="The offer as it is now; null when it is gone.")
    async def offer(self, info: Info) -> Offer | None:
        return await find_offer(info, self.line.listing_id)

    @classmethod
    def of(cls, line: orders.OrderLine) -> Self:
        """A line of an order."""
        return cls(
            id=strawberry.ID(encode_id("OrderLine", line.id)),
            isbn=ISBN(line.isbn),
            title=line.title,
            condition=line.grade,
            quantity=line.quantity,
            unit_price=Money.of(line.unit_price),
            total=Money.of(line.unit_price * line.quantity),
            line=line,
        )


@strawberry.type(description="One step of an order's way, in whichever part of the marketplace it was taken.")
class TimelineEntry:
    at: datetime = strawberry.field(description="When.")
    event: str = strawberry.field(description="What happened, as `OrderPaid` or `StockDeducted`.")
    domain: str = strawberry.field(description="Which part of the marketplace it happened in.")
    detail: str | None = strawberry.field(description="More about it, for people.")

    @classmethod
    def of(cls, entry: orders.TimelineEntry) -> Self:
        """A step of an order's timeline."""
        return cls(at=entry.at, event=entry.event, domain=entry.domain, detail=entry.detail)


@strawberry.type(description="What the viewer bought, or tried to.")
class Order(Node):
    number: str = strawberry.field(description="A short number for people, as B-7K3Q-9F2M.")
    status: OrderStatus = strawberry.field(description="How far it has come.")
    payment_status: PaymentStatus = strawberry.field(description="Where its money is.")
    version: int = strawberry.field(description="Rises with every change.")
    settled: bool = strawberry.field(
        description="Whether everybody has done their part: stock deducted, sales recorded, everybody written to."
    )
    placed_at: datetime = strawberry.field(description="When it was placed.")
    paid_at: datetime | None = strawberry.field(description="When it was paid; null if it was not.")
    lines: list[OrderLine] = strawberry.field(description="What was bought.", metadata=about(LINES))
    total: Money = strawberry.field(description="What it costs in all.")
    refunded: Money = strawberry.field(description="What went back to the buyer.")
    delivery_address: Address = strawberry.field(description="Where it goes.")
    timeline: list[TimelineEntry] = strawberry.field(
        description="Every step of its way so far, in order.", metadata=about(TIMELINE)
    )
    actions: list[OrderAction] = strawberry.field(description="What its buyer may do with it now.")
    cancel_reason: str | None = strawberry.field(
        description="Why it was cancelled: in the words of whoever did it, or CANCELLED_BY_BUYER where there are none, "
        "or OUT_OF_STOCK. Null unless it was."
    )
    order: strawberry.Private[orders.Order]

    @strawberry.field(description="What money of it goes back or should, oldest first.", metadata=about(REFUNDS))
    async def refunds(self, info: Info) -> list[Refund]:
        refunds = await info.context.loaders.refunds.load(self.order.id)
        return [Refund.of(refund) for refund in refunds or ()]

    @classmethod
    def of(cls, order: orders.Order) -> Self:
        """An order of the orders' domain."""
        return cls(
            id=strawberry.ID(encode_id("Order", order.id)),
            number=order.number,
            status=order.status,
            payment_status=order.payment_status,
            version=order.version,
            settled=order.settled,
            placed_at=order.placed_at,
            paid_at=order.paid_at,
            lines=[OrderLine.of(line) for line in order.lines],
            total=Money.of(order.total),
            refunded=Money.of(order.refunded),
            delivery_address=Address(
                name=order.address.name,
                line1=order.address.line1,
                line2=order.address.line2,
                postal_code=order.address.postal_code,
                city=order.address.city,
                region=order.address.region,
                country=order.address.country,
            ),
            timeline=[TimelineEntry.of(entry) for entry in order.timeline],
            actions=list(order.actions),
            cancel_reason=order.cancel_reason,
            order=order,
        )


_PARTS = {"lines": OrderPart.LINES, "timeline": OrderPart.TIMELINE}


def parts_asked(info: Info) -> Parts:
    """What of the orders beneath a resolver's field has to be read for those who ask."""
    names = names_beneath(info)
    return frozenset(part for name, part in _PARTS.items() if name in names)


async def order_by(by: OrderLookup, find: Callable[..., Awaitable[orders.Order | None]]) -> Order | None:
    """The order that a lookup means, with `find(id=)` or `find(number=)`."""
    try:
        order_id = decode_id(by.id.value, "Order") if by.id else None
    except NotAnId:
        return None
    order = await (find(number=by.number.value) if by.number else find(id=order_id))
    return None if order is None else Order.of(order)


async def find_order(info: Info, order_id: UUID) -> Order | None:
    """The viewer's own order with this id."""
    viewer = info.context.viewer
    if viewer is None:
        return None
    order = await info.context.loaders.own_orders.load(OwnOrderKey(viewer.subject, order_id, parts_asked(info)))
    return None if order is None else Order.of(order)


@strawberry.input(one_of=True, description="Which order: by its id or by its number.")
class OrderLookup:
    id: strawberry.Maybe[strawberry.ID] = strawberry.field(description="The order's global id.")
    number: strawberry.Maybe[str] = strawberry.field(description="The order's number, however it is typed.")


@strawberry.type
class OrdersQuery:
    @strawberry.field(description="One of the viewer's orders; null if the viewer has no such order.")
    async def order(
        self, info: Info, by: Annotated[OrderLookup, strawberry.argument(description="Which one.")]
    ) -> Order | None:
        buyer_id = info.context.require_viewer().subject
        return await order_by(by, partial(info.context.orders.find_order, buyer_id, parts=parts_asked(info)))


# --- live -------------------------------------------------------------------------------------------------------


@strawberry.type(description="An order, as it is or as it has just become.")
class OrderUpdate:
    order: Order = strawberry.field(description="The order now.")
    version: int = strawberry.field(description="The order's version; it rises with every update of this order.")
    change: TimelineEntry | None = strawberry.field(
        description="The latest step; null in a snapshot. Quick steps may come as one: the timeline has them all."
    )
    is_snapshot: bool = strawberry.field(
        description="Whether this is how things stood when the subscription began rather than a change."
    )

    @classmethod
    def snapshot(cls, order: orders.Order) -> Self:
        """How an order stands when somebody begins to watch."""
        return cls(order=Order.of(order), version=order.version, change=None, is_snapshot=True)

    @classmethod
    def of(cls, order: orders.Order) -> Self:
        """An order after a change: the last step of its timeline is what made it so."""
        change = TimelineEntry.of(order.timeline[-1]) if order.timeline else None
        return cls(order=Order.of(order), version=order.version, change=change, is_snapshot=False)


@strawberry.type
class OrdersSubscription:
    @strawberry.subscription(
        description="Watch one of the viewer's orders: first how it stands, then every change.",
        metadata=SHARED_BY_VIEWER,
    )
    async def order_updates(
        self, info: Info, order_id: Annotated[strawberry.ID, strawberry.argument(description="The order's global id.")]
    ) -> AsyncIterator[OrderUpdate]:
        buyer_id = info.context.require_viewer().subject
        try:
            order = await info.context.orders.find_order(buyer_id, id=decode_id(order_id, "Order"))
        except NotAnId:
            order = None
        if order is None:
            raise refusal(Code.NOT_FOUND, "The viewer has no such order.")
        return info.context.follow(_one_order(info.context, order))

    @strawberry.subscription(
        description="Watch all orders of the viewer: first how the latest 20 stand, oldest first, then every change.",
        metadata=SHARED_BY_VIEWER,
    )
    async def my_orders(self, info: Info) -> AsyncIterator[OrderUpdate]:
        return info.context.follow(_orders_of(info.context, info.context.require_viewer().subject))


def _one_order(context: Context, order: orders.Order) -> Source[orders.Order]:
    async def read(change: Change | None) -> list[orders.Order]:
        return [await context.orders.find_order(order.buyer_id, id=order.id) or order]

    return Source(
        topics=[order_topic(order.id)],
        thing=lambda change: order.id,
        read=read,
        place=_place,
        update=_told,
    )


def _orders_of(context: Context, buyer_id: str) -> Source[orders.Order]:
    async def read(change: Change | None) -> list[orders.Order]:
        if change is None:
            page = await context.orders.orders_of(buyer_id, None, PageRequest())
            return list(reversed(page.items))
        found = await context.orders.find_order(buyer_id, id=_order_id(change))
        return [found] if found else []

    return Source(topics=[buyer_topic(buyer_id)], thing=_order_id, read=read, place=_place, update=_told)


def _order_id(change: Change) -> UUID:
    return cast(UUID, change.payload)


def _place(order: orders.Order) -> tuple[UUID, int]:
    return order.id, order.version


def _told(order: orders.Order, is_snapshot: bool) -> OrderUpdate:
    return OrderUpdate.snapshot(order) if is_snapshot else OrderUpdate.of(order)
