"""One reading of a running marketplace: its databases, the provider's ledger and the cache, read-only."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from app.audit.books import Books, Limits, attached, new_books
from app.audit.rules import RULES
from app.complaint import Complaint
from app.data_folder import DataFolder
from app.payments import read_ledger
from app.settings import IN_PROCESS, Settings
from domains.catalog.copies import Copies
from domains.catalog.model import BookOffers
from kernel.cache import Cache, CacheUnavailable
from kernel.clock import utc_now

CACHE_SECONDS = 5.0
KEYS_AT_ONCE = 200


@asynccontextmanager
async def opened(settings: Settings, limits_at: Callable[[datetime], Limits]) -> AsyncIterator[Books]:
    """The books as they are now, by the databases' clock; raises Complaint where they cannot be read."""
    if settings.owns_its_databases:
        try:
            with attached(settings.data) as books:
                complete(books, settings, limits_at(utc_now()))
                yield books
        except sqlite3.Error as error:
            raise Complaint(f"the databases in {settings.data} cannot be read: {error}") from None
        return
    from app.audit.copying import copy
    from kernel.postgresql_errors import DRIVER_ERRORS, translated

    with new_books() as books:
        try:
            now = await copy(books, settings, RULES)
        except DRIVER_ERRORS as error:
            raise Complaint(f"the databases cannot be read: {translated(error)}") from None
        complete(books, settings, limits_at(now))
        if settings.cache_url.get_secret_value() != IN_PROCESS:
            from kernel.redis_cache import RedisCache

            cache = RedisCache(settings.cache_url.get_secret_value(), call_seconds=CACHE_SECONDS)
            try:
                await add_cache(books, cache)
            finally:
                await cache.close()
        yield books


def complete(books: Books, settings: Settings, limits: Limits) -> None:
    """Adds what time it is, and what the payment provider says."""
    books.set_limits(limits, settings)
    books.add_ledger(read_ledger(DataFolder(settings.data).charges))


async def add_cache(books: Books, cache: Cache) -> None:
    """Adds what a cache holds that processes share, or that it does not answer."""
    books.expect_cache()
    try:
        await _add_copies(books, Copies(cache))
    except CacheUnavailable as error:
        books.note_cache_problem(str(error))


async def _add_copies(books: Books, copies: Copies) -> None:
    query = "SELECT isbn FROM catalog.book_offers WHERE version > 0 AND isbn > ? ORDER BY isbn LIMIT ?"
    last = ""
    while isbns := [row[0] for row in books.connection.execute(query, (last, KEYS_AT_ONCE))]:
        books.add_copies([(book, _listed(book)) for book in (await copies.offers(isbns)).values()])
        last = isbns[-1]


def _listed(book: BookOffers) -> str:
    """A book's offers as the rules read those of the catalogue's database."""
    return json.dumps(
        [
            {
                "seller_id": str(offer.seller_id),
                "listing_id": str(offer.listing_id),
                "price": {"minor": offer.price.minor},
                "quantity": offer.quantity,
                "grade": offer.grade,
                "location": offer.location,
            }
            for offer in book.offers
        ]
    )
