"""What sellers earned by one order, from events that may come in any order and any number of times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from messaging.event import Event
from messaging.events import BookSold, OrderItem, RefundedLine, SaleRecorded, SaleReversed


class SoldLine(NamedTuple):
    """One line of an order; `amount` in minor units is what the buyer paid for all its copies."""

    order_item_id: UUID
    seller_id: UUID
    listing_id: UUID
    isbn: str
    quantity: int
    amount: int
    currency: str


class RefundKey(NamedTuple):
    """One line of one refund."""

    refund_id: UUID
    order_item_id: UUID


class Earned(NamedTuple):
    """Books sold and revenue in minor units."""

    books: int
    revenue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SoldOrder:
    """All that is known of an order here. Facts are only ever added, so neither their order nor repetition matters."""

    order_id: UUID
    buyer_id: str | None = None
    paid_at: datetime | None = None
    cancelled: bool = False
    lines: Mapping[UUID, SoldLine] = field(default_factory=lambda: MappingProxyType({}))
    refunds: Mapping[RefundKey, Earned] = field(default_factory=lambda: MappingProxyType({}))
    last_copies: frozenset[UUID] = frozenset()
    """Listings whose last copy left the shelf with this order."""

    def pay(self, buyer_id: str, paid_at: datetime, currency: str, items: Iterable[OrderItem]) -> SoldOrder:
        """The buyer has paid for these items."""
        if self.paid_at is not None:
            return self
        return replace(self, buyer_id=buyer_id, paid_at=paid_at, lines={**_lines(currency, items), **self.lines})

    def cancel(self, currency: str, items: Iterable[OrderItem]) -> SoldOrder:
        """The order is undone."""
        if self.cancelled:
            return self
        return replace(self, cancelled=True, lines={**_lines(currency, items), **self.lines})

    def refund(self, refund_id: UUID, lines: Iterable[RefundedLine]) -> SoldOrder:
        """Money for these lines went back."""
        returned = {RefundKey(refund_id, line.order_item_id): Earned(line.quantity, line.amount) for line in lines}
        return replace(self, refunds={**returned, **self.refunds})

    def take_last_copies(self, listing_ids: Iterable[UUID]) -> SoldOrder:
        """Nothing of these listings is left on the shelf."""
        return replace(self, last_copies=self.last_copies | set(listing_ids))

    @property
    def stands(self) -> bool:
        """Whether it is paid and not undone."""
        return self.paid_at is not None and not self.cancelled

    @property
    def sold_out(self) -> frozenset[UUID]:
        """Listings of which this order, as far as it stands, bought the last copy."""
        return self.last_copies & {line.listing_id for line in self.lines.values()} if self.stands else frozenset()

    def earned(self) -> dict[UUID, Earned]:
        """What each seller has by this order; a line's refunds take no more than the line brought."""
        earned: defaultdict[UUID, Earned] = defaultdict(lambda: Earned(0, 0))
        for line in self.lines.values() if self.stands else ():
            returned = [share for key, share in self.refunds.items() if key.order_item_id == line.order_item_id]
            books = max(0, line.quantity - sum(share.books for share in returned))
            revenue = max(0, line.amount - sum(share.revenue for share in returned))
            so_far = earned[line.seller_id]
            earned[line.seller_id] = Earned(so_far.books + books, so_far.revenue + revenue)
        return dict(earned)

    def earned_since(self, before: SoldOrder) -> dict[UUID, Earned]:
        """By how much each seller's books and revenue changed, in the sellers' order; only where they did."""
        then, now = before.earned(), self.earned()
        none = Earned(0, 0)
        changes = {
            seller_id: Earned(
                now.get(seller_id, none).books - then.get(seller_id, none).books,
                now.get(seller_id, none).revenue - then.get(seller_id, none).revenue,
            )
            for seller_id in sorted(then.keys() | now.keys())
        }
        return {seller_id: change for seller_id, change in changes.items() if change != none}

    def news_since(self, before: SoldOrder) -> list[Event]:
        """What the world is told of the change: sales recorded or reversed, and books sold out."""
        events: list[Event] = []
        lines = [self.lines[item] for item in sorted(self.lines)]
        if self.stands and not before.stands:
            events += [SaleRecorded(**self._sale(line)) for line in lines]
        if self.cancelled and not before.cancelled:
            events += [SaleReversed(**self._sale(line)) for line in lines]
        return events + [self._book_sold(listing_id) for listing_id in sorted(self.sold_out - before.sold_out)]

    def _sale(self, line: SoldLine) -> dict:
        return {
            "order_id": self.order_id,
            "seller_id": line.seller_id,
            "order_item_id": line.order_item_id,
            "quantity": line.quantity,
            "amount": line.amount,
            "currency": line.currency,
        }

    def _book_sold(self, listing_id: UUID) -> BookSold:
        line = next(line for line in self.lines.values() if line.listing_id == listing_id)
        assert self.buyer_id is not None
        assert self.paid_at is not None
        return BookSold(
            listing_id=listing_id,
            seller_id=line.seller_id,
            book_isbn=line.isbn,
            order_id=self.order_id,
            buyer_id=self.buyer_id,
            sold_date=self.paid_at,
        )


def _lines(currency: str, items: Iterable[OrderItem]) -> dict[UUID, SoldLine]:
    return {
        item.order_item_id: SoldLine(
            item.order_item_id,
            item.seller_id,
            item.listing_id,
            item.book_isbn,
            item.quantity,
            item.quantity * item.unit_price,
            currency,
        )
        for item in items
    }
