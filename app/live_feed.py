"""What the live hub watches: every event of the transport, told as changes of topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from domains.inventory import BookStock, StockOffer
from domains.orders import TimelineEntry
from graph.ports import Change, book_topic, buyer_topic, order_topic, recipient_topic, seller_topic
from kernel.money import Money
from messaging.event import Event
from messaging.events import (
    BookStockUpdated,
    NotificationCreated,
    OrderUpdated,
    SellerRegistered,
    SellerUpdated,
)
from messaging.message import Message
from messaging.transport import Transport


class LiveFeed:
    """Fulfils the graph's `Changes` over a transport."""

    def __init__(self, transport: Transport) -> None:
        self._receivers: list[Callable[[Change], None]] = []
        self._missed: list[Callable[[], None]] = []
        transport.watch(_TOLD.keys(), self._watch, self._tell_missed)

    def listen(self, receive: Callable[[Change], None], missed: Callable[[], None]) -> None:
        """`receive` is called with every change from now on, and `missed` when some may have been lost."""
        self._receivers.append(receive)
        self._missed.append(missed)

    def _watch(self, message: Message) -> None:
        for change in changes_of(_TOLD[message.name].from_wire(message.body)):
            for receive in self._receivers:
                receive(change)

    def _tell_missed(self) -> None:
        for missed in self._missed:
            missed()


class NoFeed:
    """Fulfils the graph's `Changes` where nobody watches: a worker needs no copy of every event."""

    def listen(self, receive: Callable[[Change], None], missed: Callable[[], None]) -> None:
        """Nothing will come."""


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


_TOLD: dict[str, type[Event]] = {
    event.__name__: event
    for event in (OrderUpdated, BookStockUpdated, NotificationCreated, SellerRegistered, SellerUpdated)
}


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
