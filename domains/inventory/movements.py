"""The one way in which stock changes: counts, movements and the events that tell of them, together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from domains.inventory import repository
from domains.inventory.model import BookStock, Cause, StockChange, StockItem, StockLine
from kernel.database import Transaction
from messaging import outbox
from messaging.events import BookStockUpdated, StockItemChanged, StockOfSeller


async def move(
    tx: Transaction, changes: Sequence[StockChange], cause: Cause, reference: UUID | None = None
) -> list[StockItem]:
    """Changes the counts of several listings, each named once, and tells of it; the listings as they are now, by id.

    `reference` is the order or refund that it is done for: copies move on or off the shelf once for each.
    """
    if not changes:
        return []
    items = await repository.move_items(tx, changes)
    await repository.add_movements(tx, changes, cause, reference)
    await announce(tx, items, cause)
    return items


async def give_back(tx: Transaction, lines: Iterable[StockLine], cause: Cause) -> None:
    """Ends the hold of these lines."""
    await move(tx, [StockChange(line.listing_id, held=-line.quantity) for line in lines], cause)


async def announce(tx: Transaction, items: Sequence[StockItem], cause: Cause) -> None:
    """Tells of listings that were just changed, and of what can now be bought of their books."""
    isbns = {item.isbn for item in items}
    await repository.raise_book_versions(tx, isbns)
    books = await repository.find_stock(tx, isbns)
    await outbox.add(
        tx,
        *(_item_changed(item, cause) for item in items),
        *(_book_updated(books[isbn]) for isbn in sorted(isbns)),
    )


def _item_changed(item: StockItem, cause: Cause) -> StockItemChanged:
    return StockItemChanged(
        listing_id=item.listing_id,
        book_isbn=item.isbn,
        seller_id=item.seller_id,
        on_hand=item.on_hand,
        held=item.held,
        available=item.available,
        version=item.version,
        cause=cause,
    )


def _book_updated(book: BookStock) -> BookStockUpdated:
    return BookStockUpdated(
        book_isbn=book.isbn,
        total_stock=book.total,
        available_sellers=book.sellers,
        min_price=book.min_price and book.min_price.minor,
        max_price=book.max_price and book.max_price.minor,
        average_price=book.average_price and book.average_price.minor,
        updated_at=book.updated_at,
        sellers=tuple(
            StockOfSeller(
                seller_id=offer.seller_id,
                price=offer.price.minor,
                quantity=offer.quantity,
                location=offer.location,
                listing_id=offer.listing_id,
                grade=offer.grade,
            )
            for offer in book.offers
        ),
        version=book.version,
        currency=book.currency,
    )
