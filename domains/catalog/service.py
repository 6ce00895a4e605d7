"""What others may ask of the catalog: books, searches, and what is offered of a book."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from domains.catalog import repository
from domains.catalog.copies import Copies
from domains.catalog.errors import BookAlreadyKnown
from domains.catalog.model import AddBook, Book, BookOffer, BookOffers, BookQuery, OfferSeller, new_book
from domains.catalog.search import search
from kernel.cache import Cache, CacheUnavailable
from kernel.database import Database, Transaction
from kernel.errors import Problem
from kernel.pages import Page
from messaging import outbox
from messaging.events import BookAdded

K = TypeVar("K")
V = TypeVar("V")

BOOKS_IN_A_TRANSACTION = 500
COPIES_AT_ONCE = 200


class CatalogService:
    """The catalog; `cache` holds copies of its read model and may be empty or away."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._copies = Copies(cache)

    async def find_books(self, isbns: Sequence[str]) -> dict[str, Book]:
        """The books that are known, by their ISBN-13."""
        return {book.isbn: book for book in await repository.find_books(self._database.read(), isbns)}

    async def search(self, query: BookQuery) -> Page[Book]:
        """A page of books; raises InvalidCursor. No text that is searched for is an error."""
        if query == BookQuery(available=True, page=query.page):
            with suppress(CacheUnavailable):
                return await self._available_page(query)
        return await search(self._database.read(), query)

    async def find_offers(self, isbns: Sequence[str]) -> dict[str, BookOffers]:
        """What is offered of the books that ever had stock, as far as its events have arrived here."""
        reader, copies = self._database.read(), self._copies
        stored = partial(repository.find_offers, reader)
        offers = await _through_cache(isbns, copies.offers, stored, copies.keep_offers)
        seller_ids = list({offer.seller_id for stock in offers for offer in stock.offers})
        stored = partial(repository.find_sellers, reader)
        sellers = await _through_cache(seller_ids, copies.sellers, stored, copies.keep_seller)
        by_id = {seller.id: seller for seller in sellers}
        return {stock.isbn: _with_sellers(stock, by_id) for stock in offers}

    async def add_book(self, command: AddBook) -> Book | tuple[Problem, ...]:
        """Make a book known, so that it can be listed."""
        book = new_book(command)
        if not isinstance(book, Book):
            return book
        if not await self._store([book]):
            return (BookAlreadyKnown(path=("input", "isbn"), isbn=book.isbn),)
        return book

    async def add_books(self, commands: Iterable[AddBook]) -> int:
        """Make many books known, hundreds in a transaction; how many were new. ValueError, and none, if one is bad."""
        books = [_required(command) for command in commands]
        added = 0
        for start in range(0, len(books), BOOKS_IN_A_TRANSACTION):
            added += len(await self._store(books[start : start + BOOKS_IN_A_TRANSACTION]))
        return added

    async def refresh_cache(self) -> int:
        """Copy what changed since it was last copied; how much that was. CacheUnavailable: nothing is forgotten.

        A sweep runs it, woken by the signal "offers". To a cache that may have lost something it copies everything.
        """
        if await self._copies.incarnation() != await repository.find_filled_cache(self._database.read()):
            await self.rebuild_cache()
        offers = await repository.lagging_offers(self._database.read(), COPIES_AT_ONCE)
        sellers = await repository.lagging_sellers(self._database.read(), COPIES_AT_ONCE)
        for stock in offers:
            await self._copies.keep_offers(stock)
        for seller in sellers:
            await self._copies.keep_seller(seller)
        if offers:
            await self._copies.begin_generation()
        if offers or sellers:
            await self._database.transact(lambda tx: repository.mark_cached(tx, offers, sellers))
        return len(offers) + len(sellers)

    async def rebuild_cache(self) -> int:
        """Copy everything, whatever is known to be copied; how much that was. Raises CacheUnavailable."""
        incarnation = await self._copies.incarnation()
        reader, copied, isbn, seller_id = self._database.read(), 0, "", UUID(int=0)
        while offers := await repository.offers_after(reader, isbn, COPIES_AT_ONCE):
            for stock in offers:
                await self._copies.keep_offers(stock)
            copied, isbn = copied + len(offers), offers[-1].isbn
        while sellers := await repository.sellers_after(reader, seller_id, COPIES_AT_ONCE):
            for seller in sellers:
                await self._copies.keep_seller(seller)
            copied, seller_id = copied + len(sellers), sellers[-1].id
        await self._copies.begin_generation()
        # Had it been lost meanwhile, its incarnation would be another by now, and the next sweep would start over.
        await self._database.transact(lambda tx: repository.store_filled_cache(tx, incarnation))
        return copied

    async def _available_page(self, query: BookQuery) -> Page[Book]:
        generation = await self._copies.generation()
        page = await self._copies.available_page(generation, query.page)
        if page is None:
            page = await search(self._database.read(), query)
            await self._copies.keep_available_page(generation, query.page, page)
        return page

    async def _store(self, books: Sequence[Book]) -> list[Book]:
        async def store(tx: Transaction) -> list[Book]:
            new = await repository.add_books(tx, books)
            await outbox.add(tx, *(_added(book) for book in new))
            return new

        return await self._database.transact(store)


async def _through_cache(
    keys: Sequence[K],
    copied: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]],
    stored: Callable[[Sequence[K]], Awaitable[Sequence[V]]],
    keep: Callable[[V], Awaitable[None]],
) -> list[V]:
    """What the cache holds, and of the rest what is stored; that is copied on the way."""
    found: Mapping[K, V] = {}
    with suppress(CacheUnavailable):
        found = await copied(keys)
    missing = [key for key in keys if key not in found]
    if not missing:
        return list(found.values())
    values = await stored(missing)
    with suppress(CacheUnavailable):
        for value in values:
            await keep(value)
    return [*found.values(), *values]


def _with_sellers(stock: BookOffers, sellers: Mapping[UUID, OfferSeller]) -> BookOffers:
    def shown(offer: BookOffer) -> BookOffer:
        seller = sellers.get(offer.seller_id)
        return offer if seller is None else replace(offer, seller_name=seller.display_name, seller_rating=seller.rating)

    return replace(stock, offers=tuple(shown(offer) for offer in stock.offers))


def _required(command: AddBook) -> Book:
    book = new_book(command)
    if not isinstance(book, Book):
        raise ValueError(f"{command.isbn!r}: {'; '.join(problem.message for problem in book)}")
    return book


def _added(book: Book) -> BookAdded:
    return BookAdded(
        book_isbn=book.isbn,
        title=book.title,
        authors=book.authors,
        year=book.year,
        language=book.language,
        version=book.version,
    )
