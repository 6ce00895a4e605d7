"""What the live hub watches: every event of the transport, told as changes of topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from domains.inventory import BookStock, StockOffer
from domains.orders import TimelineEntry
from graph.ports import Change, book_topic, buyer_topic, order_topic, recipient_topic, seller_topic
from kernel.logging import log
from kernel.money import Money
from messaging.event import Event, event_named
from messaging.events import (
    BookStockUpdated,
    NotificationCreated,
    OrderUpdated,
    SellerRegistered,
    SellerUpdated,
)
from messaging.message import Message
from messaging.transport import Transport

_log = log(__name__)


class LiveFeed:
    """Fulfils the graph's `Changes` over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._receivers: list[Callable[[Change], None]] = []
        transport.watch(self._watch)

    def listen(self, receive: Callable[[Change], None]) -> None:
        """`receive` is called with every change from now on."""
        self._receivers.append(receive)

    def _watch(self, message: Message) -> None:
        event_type = event_named(message.name)
        if event_type is not None and event_type in _TOLD:
            for change in changes_of(event_type.from_wire(message.body)):
                for receive in self._receivers:
                    receive(change)


def changes_of(event: Event) -> Iterator[Change]:
    """The topics that an event changes."""
    match event:
        case OrderUpdated():
            entry = event.entry and TimelineEntry(
                at=event.entry.at, event=event.entry.event, domain=event.entry.domain, detail=event.entry.detail
            )
            yield Change(order_topic(event.order_id), event.version, entry)
            yield Change(buyer_topic(event.customer_id), event.version, event.order_id)
        case BookStockUpdated():
            yield Change(book_topic(event.book_isbn), event.version, _book_stock(event))
        case NotificationCreated():
            yield Change(recipient_topic(event.recipient_id), event.sequence, event.notification_id)
        case SellerRegistered() | SellerUpdated():
            yield Change(seller_topic(event.seller_id), event.version)
        case _:
            return


_TOLD = {OrderUpdated, BookStockUpdated, NotificationCreated, SellerRegistered, SellerUpdated}


def _book_stock(event: BookStockUpdated) -> BookStock:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, event.currency)

    return BookStock(
        isbn=event.book_isbn,
        total=event.total_stock,
        sellers=event.available_sellers,
        min_price=money(event.min_price),
        max_price=money(event.max_price),
        average_price=money(event.average_price),
        version=event.version,
        updated_at=event.updated_at,
        currency=event.currency,
        offers=tuple(
            StockOffer(
                listing_id=offer.listing_id, seller_id=offer.seller_id, price=Money(offer.price, event.currency),
                quantity=offer.quantity, grade=offer.grade, location=offer.location,
            )
            for offer in event.sellers
        ),
    )  # fmt: skip
