"""What others may ask of the catalog: books, searches, and what is offered of a book."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from domains.catalog import repository
from domains.catalog.copies import Copies
from domains.catalog.errors import BookAlreadyKnown
from domains.catalog.model import AddBook, Book, BookOffers, BookQuery, new_book
from domains.catalog.search import search
from kernel.cache import Cache, CacheUnavailable
from kernel.database import Database, Transaction
from kernel.errors import Problem
from kernel.pages import Page
from messaging import outbox
from messaging.events import BookAdded

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
        found: dict[str, BookOffers] = {}
        with suppress(CacheUnavailable):
            found = await self._copies.offers(isbns)
        missing = [isbn for isbn in isbns if isbn not in found]
        if not missing:
            return found
        stored = await repository.find_offers(self._database.read(), missing)
        with suppress(CacheUnavailable):
            for stock in stored:
                await self._copies.keep_offers(stock)
        return found | {stock.isbn: stock for stock in stored}

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
        for stock in offers:
            await self._copies.keep_offers(stock)
        if offers:
            await self._copies.begin_generation()
            await self._database.transact(lambda tx: repository.mark_cached(tx, offers))
        return len(offers)

    async def rebuild_cache(self) -> int:
        """Copy everything, whatever is known to be copied; how much that was. Raises CacheUnavailable."""
        incarnation = await self._copies.incarnation()
        reader, copied, isbn = self._database.read(), 0, ""
        while offers := await repository.offers_after(reader, isbn, COPIES_AT_ONCE):
            for stock in offers:
                await self._copies.keep_offers(stock)
            copied, isbn = copied + len(offers), offers[-1].isbn
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
