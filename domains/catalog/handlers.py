"""What the catalog does when stock changed: store the newest state, which a sweep copies to the cache."""

from domains.catalog import repository
from domains.catalog.model import BookOffer, BookOffers
from kernel.database import Transaction
from kernel.money import Money
from messaging.events import BookStockUpdated

SIGNAL = "offers"
"""Set after a commit that left something to copy; the sweep of `CatalogService.refresh_cache` waits on it."""


async def refresh_offers(tx: Transaction, event: BookStockUpdated) -> None:
    """Store what can be bought of a book, unless something newer is known."""

    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, event.currency)

    offers = [
        BookOffer(
            listing_id=entry.listing_id,
            seller_id=entry.seller_id,
            price=Money(entry.price, event.currency),
            quantity=entry.quantity,
            grade=entry.grade,
            location=entry.location,
        )
        for entry in event.sellers
    ]
    stock = BookOffers(
        isbn=event.book_isbn,
        total=event.total_stock,
        sellers=event.available_sellers,
        min_price=money(event.min_price),
        max_price=money(event.max_price),
        average_price=money(event.average_price),
        version=event.version,
        updated_at=event.updated_at,
        offers=tuple(sorted(offers, key=lambda offer: (offer.price.minor, offer.listing_id))),
    )
    if await repository.store_offers(tx, stock, event.currency):
        tx.wake(SIGNAL)
