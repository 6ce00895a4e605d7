"""What the other domains tell of orders, and how it comes to its handlers."""

from __future__ import annotations

from uuid import uuid5

from domains.orders import Order
from domains.orders.handlers import cancel_and_refund, note_delivery, note_receipt
from messaging.consumer import Handler
from messaging.event import Event
from messaging.events import (
    DeductedLine,
    NotificationCreated,
    NotificationFailed,
    NotificationKind,
    NotificationSent,
    SaleRecorded,
    SaleReversed,
    StockDeducted,
    StockDeductionFailed,
    StockReleased,
    StockShortage,
)
from tests.domains.orders.shop import Shop

HANDLERS: dict[type[Event], Handler] = {
    NotificationSent: note_delivery,
    NotificationFailed: note_delivery,
    StockDeductionFailed: cancel_and_refund,
}


def receipts_of(order: Order) -> list[Event]:
    """What the other domains tell of a paid order."""
    lines = tuple(
        DeductedLine(listing_id=line.listing_id, quantity=line.quantity, remaining_on_hand=4) for line in order.lines
    )
    notices = [notice(order, order.buyer_id, NotificationKind.ORDER_PAID)]
    notices += [notice(order, owner, NotificationKind.COPY_SOLD) for owner in _owners(order)]
    return [StockDeducted(order_id=order.id, lines=lines), *_sales(order, SaleRecorded), *notices]


def reversals_of(order: Order) -> list[Event]:
    """What the other domains tell of a cancelled order."""
    notices = [notice(order, order.buyer_id, NotificationKind.ORDER_CANCELLED)]
    notices += [notice(order, owner, NotificationKind.SALE_CANCELLED) for owner in _owners(order)]
    return [StockReleased(order_id=order.id, reason="CANCELLED"), *_sales(order, SaleReversed), *notices]


def shortage_of(order: Order) -> StockDeductionFailed:
    """The copies of the order's first line are gone."""
    shortage = StockShortage(listing_id=order.lines[0].listing_id, wanted=1, available=0)
    return StockDeductionFailed(order_id=order.id, shortages=(shortage,))


def notice(order: Order, recipient: str, kind: NotificationKind) -> NotificationCreated:
    """A message about an order."""
    return NotificationCreated(
        notification_id=uuid5(order.id, recipient + kind), recipient_id=recipient, kind=kind, order_id=order.id
    )


async def deliver(shop: Shop, *events: Event) -> None:
    """Hand events to their handlers, each in a transaction."""
    for event in events:
        handler = HANDLERS.get(type(event), note_receipt)
        await shop.database.transact(lambda tx, handler=handler, event=event: handler(tx, event))


def _sales(order: Order, kind: type[SaleRecorded] | type[SaleReversed]) -> list[Event]:
    return [
        kind(
            order_id=order.id,
            seller_id=line.seller_id,
            order_item_id=line.id,
            quantity=line.quantity,
            amount=line.unit_price.minor * line.quantity,
        )
        for line in order.lines
    ]


def _owners(order: Order) -> list[str]:
    return sorted({line.seller_owner_id for line in order.lines})
