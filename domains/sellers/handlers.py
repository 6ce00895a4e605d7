"""What the sellers' domain does when something happened elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from domains.sellers import ledger_repository, repository
from domains.sellers.ledger import SoldOrder
from kernel.database import Transaction
from messaging import outbox
from messaging.consumer import NotYet
from messaging.events import (
    BookAdded,
    BookChanged,
    OrderCancelled,
    OrderPaid,
    OrderRefunded,
    SellerUpdated,
    StockDeducted,
    StockItemChanged,
)


async def learn_book(tx: Transaction, event: BookAdded | BookChanged) -> None:
    """From now on the book can be listed."""
    await repository.know_book(tx, event.book_isbn)


async def record_sales(tx: Transaction, event: OrderPaid) -> None:
    """Count every line in its seller's statistics, unless the order is known to be undone. Raises NotYet."""
    await _enter(
        tx,
        event.order_id,
        lambda order: order.pay(event.customer_id, event.paid_date, event.currency, event.order_items),
    )


async def reverse_sales(tx: Transaction, event: OrderCancelled) -> None:
    """Take every line of the order out of its seller's statistics. Raises NotYet."""
    await _enter(tx, event.order_id, lambda order: order.cancel(event.currency, event.order_items))


async def reduce_sales(tx: Transaction, event: OrderRefunded) -> None:
    """Take the refunded part of the lines out of the statistics. Raises NotYet."""
    await _enter(tx, event.order_id, lambda order: order.refund(event.refund_id, event.lines))


async def note_deduction(tx: Transaction, event: StockDeducted) -> None:
    """Remember whose last copy it was: the book is sold out once the payment is known too."""
    gone = [line.listing_id for line in event.lines if line.remaining_on_hand == 0]
    if gone:
        await _enter(tx, event.order_id, lambda order: order.take_last_copies(gone))


async def note_stock(tx: Transaction, event: StockItemChanged) -> None:
    """Copy how many copies of a listing are on hand; an older count never overwrites."""
    await repository.note_stock(tx, event.listing_id, on_hand=event.on_hand, version=event.version)


async def _enter(tx: Transaction, order_id: UUID, learn: Callable[[SoldOrder], SoldOrder]) -> None:
    """Add to what is known of an order, and to the statistics and events what follows from it."""
    before = await ledger_repository.lock_order(tx, order_id)
    order = learn(before)
    if order == before:
        return
    await ledger_repository.save_order(tx, order, before)
    news = order.news_since(before)
    for seller_id, change in order.earned_since(before).items():
        seller = await repository.earn(tx, seller_id, books=change.books, revenue=change.revenue)
        if seller is None:
            raise NotYet(f"seller {seller_id} has not arrived yet")
        news.append(SellerUpdated(**seller.announced()))
    await outbox.add(tx, *news)
