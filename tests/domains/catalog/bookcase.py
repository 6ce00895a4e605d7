"""A bookcase to test on: the catalog over a database of its own, with builders for books and for events of stock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID, uuid5

from stdnum.ean import calc_check_digit

from domains.catalog import AddBook, Book, BookOffers, BookOrder, BookQuery, CatalogService, handlers
from kernel.books import Grade
from kernel.cache import Cache, CacheUnavailable
from kernel.database import Database, open_database
from kernel.pages import PageRequest
from messaging import outbox
from messaging.event import Event, event_named
from messaging.events import BookStockUpdated, StockOfSeller

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
_NAMES = UUID("0190a000-0000-7000-8000-000000000000")
_numbers = count(1)


def new_isbn() -> str:
    """An ISBN-13 that no other call gives."""
    digits = f"978{next(_numbers):09d}"
    return digits + calc_check_digit(digits)


def id_of(name: str) -> UUID:
    """The id of the seller or listing that a test calls by this name."""
    return uuid5(_NAMES, name)


def stock_of(isbn: str, version: int, *offers: tuple[str, int, int]) -> BookStockUpdated:
    """A book's stock as (listing, price, copies) of each offer; listing `ann-1` is Ann's."""
    prices = [price for _, price, _ in offers]
    return BookStockUpdated(
        book_isbn=isbn,
        total_stock=sum(copies for *_, copies in offers),
        available_sellers=len({name.partition("-")[0] for name, *_ in offers}),
        min_price=min(prices, default=None),
        max_price=max(prices, default=None),
        average_price=round(sum(prices) / len(prices)) if prices else None,
        updated_at=WHEN + timedelta(seconds=version),
        sellers=tuple(
            StockOfSeller(
                seller_id=id_of(name.partition("-")[0]),
                price=price,
                quantity=copies,
                location="Leipzig",
                listing_id=id_of(name),
                grade=Grade.GOOD,
            )
            for name, price, copies in offers
        ),
        version=version,
    )


class LooseCache:
    """A cache whose cable can be pulled out."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self.is_away = False

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._require_cable()
        return await self._cache.get_many(keys)

    async def set_if_newer(self, key: str, version: int, value: bytes) -> bool:
        self._require_cable()
        return await self._cache.set_if_newer(key, version, value)

    async def generation(self, name: str) -> int:
        self._require_cable()
        return await self._cache.generation(name)

    async def bump(self, name: str) -> int:
        self._require_cable()
        return await self._cache.bump(name)

    async def incarnation(self) -> str:
        self._require_cable()
        return await self._cache.incarnation()

    def _require_cable(self) -> None:
        if self.is_away:
            raise CacheUnavailable("the cable is out")


class Bookcase:
    """The catalog's service and handlers over one database."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self.database = database
        self.cache = LooseCache(cache)
        self.service = CatalogService(database, self.cache)

    async def add(
        self,
        title: str = "Emma",
        *authors: str,
        year: int | None = None,
        language: str | None = None,
        rating: float | None = None,
    ) -> Book:
        """A new book; by Jane Austen unless told otherwise."""
        command = AddBook(
            isbn=new_isbn(),
            title=title,
            authors=authors or ("Jane Austen",),
            year=year,
            language=language,
            rating=rating,
        )
        added = await self.service.add_book(command)
        assert isinstance(added, Book), added
        return added

    async def deliver(self, *events: BookStockUpdated) -> None:
        """Hand events to their handler, each in a transaction of its own."""
        for event in events:
            async with self.database.transaction() as tx:
                await handlers.refresh_offers(tx, event)

    async def refresh(self) -> None:
        """What the sweep does when it is woken: copy to the cache until nothing lags."""
        while await self.service.refresh_cache():
            pass

    async def titles(
        self, search: str | None = None, order_by: BookOrder = BookOrder.RELEVANCE, **filters
    ) -> list[str]:
        """The titles of the first hundred books that a search finds."""
        query = BookQuery(search=search, order_by=order_by, page=PageRequest(100), **filters)
        return [book.title for book in (await self.service.search(query)).items]

    async def offers_of(self, isbn: str) -> BookOffers:
        """What is offered of one book."""
        return (await self.service.find_offers([isbn]))[isbn]

    async def published(self) -> list[Event]:
        """The events in the outbox, oldest first."""
        messages = await outbox.pending(self.database.read())
        kinds = [event_named(message.name) for message in messages]
        return [kind.from_wire(message.body) for kind, message in zip(kinds, messages, strict=True) if kind]


@asynccontextmanager
async def open_bookcase(url: str, cache: Cache) -> AsyncIterator[Bookcase]:
    """A bookcase over a migrated database and an empty cache; no transaction of it may have waited for others."""
    database = await open_database(url, name="catalog", pool_size=2)
    yield Bookcase(database, cache)
    assert database.suspensions == 0
    await database.close()
