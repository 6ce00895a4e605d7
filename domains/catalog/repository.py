"""Every SQL statement of the catalog but those that a search composes (search.py)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Integer, select, update
from sqlalchemy.dialects.postgresql import insert

from domains.catalog.model import Book, BookOffer, BookOffers
from domains.catalog.tables import (
    OFFERS_LAG,
    TITLE_RANK_LENGTH,
    book_offers,
    book_words,
    books,
    filled_cache,
)
from domains.catalog.words import index_words_of, sort_key, words_of
from kernel.columns import insert_row, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.money import Money

NOTHING_TO_BUY_RANK = 2**62
YEAR_UNKNOWN_RANK = 2**30
UNRATED_RANK = 1
LONGEST_TITLE_WORDS = 99
TITLE_WORD_RANK = 1000
"""One more word in the title counts more than any difference in rating, which is at most 500."""

_OFFERS: TypeAdapter[tuple[BookOffer, ...]] = TypeAdapter(tuple[BookOffer, ...])


class BookRow(NamedTuple):
    """A book as it is stored; the rating in hundredths."""

    isbn: str
    title: str
    authors: list[str]
    year: int | None
    language: str | None
    rating: int | None
    version: int


class OffersRow(NamedTuple):
    """What is offered of a book, as it is stored; prices in minor units."""

    isbn: str
    version: int
    updated_at: datetime
    total: int
    sellers: int
    currency: str
    min_price: int | None
    max_price: int | None
    average_price: int | None
    offers: list[dict[str, Any]]


class IncarnationRow(NamedTuple):
    """Which cache holds everything that does not lag."""

    incarnation: str


BOOK_COLUMNS = [books.c[name] for name in BookRow._fields]
_OFFERS_COLUMNS = [book_offers.c[name] for name in OffersRow._fields]
_COUNT = param(Integer, "count")

FIND_BOOKS = Statement(select(*BOOK_COLUMNS).where(books.c.isbn.in_(params(books.c.isbn, "isbns"))), BookRow)
ADD_BOOK = Statement(insert_row(books).on_conflict_do_nothing(index_elements=["isbn"]))
ADD_WORD = Statement(insert_row(book_words).on_conflict_do_nothing(index_elements=["word", "isbn"]))
OPEN_OFFERS = Statement(
    insert(book_offers)
    .values(
        isbn=param(book_offers.c.isbn),
        version=0,
        cached_version=0,
        total=0,
        sellers=0,
        offers=[],
        price_rank=NOTHING_TO_BUY_RANK,
    )
    .on_conflict_do_nothing(index_elements=["isbn"])
)

_NEW_OFFERS = insert_row(book_offers)
STORE_OFFERS = Statement(
    _NEW_OFFERS.on_conflict_do_update(
        index_elements=["isbn"],
        set_={
            column.name: _NEW_OFFERS.excluded[column.name]
            for column in book_offers.columns
            if column.name not in ("isbn", "cached_version")
        },
        where=book_offers.c.version < _NEW_OFFERS.excluded.version,
    )
)
FIND_OFFERS = Statement(
    select(*_OFFERS_COLUMNS).where(
        book_offers.c.isbn.in_(params(book_offers.c.isbn, "isbns")), book_offers.c.version > 0
    ),
    OffersRow,
)
LAGGING_OFFERS = Statement(
    select(*_OFFERS_COLUMNS).where(OFFERS_LAG).order_by(book_offers.c.isbn).limit(_COUNT), OffersRow
)
OFFERS_FROM = Statement(
    select(*_OFFERS_COLUMNS)
    .where(book_offers.c.isbn > param(book_offers.c.isbn, "after"), book_offers.c.version > 0)
    .order_by(book_offers.c.isbn)
    .limit(_COUNT),
    OffersRow,
)
MARK_OFFERS_CACHED = Statement(
    update(book_offers)
    .where(
        book_offers.c.isbn == param(book_offers.c.isbn, "of_isbn"),
        book_offers.c.cached_version < param(book_offers.c.version, "cached"),
    )
    .values(cached_version=param(book_offers.c.version, "cached"))
)

_THE_CACHE = "read model"
_NEW_FILLED_CACHE = insert_row(filled_cache)
FIND_FILLED_CACHE = Statement(
    select(filled_cache.c.incarnation).where(filled_cache.c.name == param(filled_cache.c.name)), IncarnationRow
)
STORE_FILLED_CACHE = Statement(
    _NEW_FILLED_CACHE.on_conflict_do_update(
        index_elements=["name"], set_={"incarnation": _NEW_FILLED_CACHE.excluded.incarnation}
    )
)


async def add_books(tx: Transaction, added: Sequence[Book]) -> list[Book]:
    """Store the books that are not known yet, with their search words and empty offers; those that were stored."""
    new = [book for book in added if await tx.run(ADD_BOOK, **_book_values(book))]
    await tx.many(ADD_WORD, [values for book in new for values in _word_values(book)])
    await tx.many(OPEN_OFFERS, [{"isbn": book.isbn} for book in new])
    return new


async def find_books(reader: Reader, isbns: Sequence[str]) -> list[Book]:
    """The books that are known."""
    return [book_of(row) for row in await reader.all(FIND_BOOKS, isbns=isbns)]


async def store_offers(tx: Transaction, stock: BookOffers, currency: str) -> bool:
    """Store what is offered of a book unless something as new is stored already; whether it was stored."""
    changed = await tx.run(
        STORE_OFFERS,
        isbn=stock.isbn,
        version=stock.version,
        cached_version=0,
        updated_at=stock.updated_at,
        total=stock.total,
        sellers=stock.sellers,
        currency=currency,
        min_price=_minor(stock.min_price),
        max_price=_minor(stock.max_price),
        average_price=_minor(stock.average_price),
        offers=_OFFERS.dump_python(stock.offers, mode="json"),
        price_rank=NOTHING_TO_BUY_RANK if stock.min_price is None else stock.min_price.minor,
    )
    return bool(changed)


async def find_offers(reader: Reader, isbns: Sequence[str]) -> list[BookOffers]:
    """What is offered of the books that ever had stock."""
    return [_offers_of(row) for row in await reader.all(FIND_OFFERS, isbns=isbns)]


async def lagging_offers(reader: Reader, count: int) -> list[BookOffers]:
    """At most `count` books whose offers are newer than what is known to be cached."""
    return [_offers_of(row) for row in await reader.all(LAGGING_OFFERS, count=count)]


async def offers_after(reader: Reader, isbn: str, count: int) -> list[BookOffers]:
    """The next `count` books that ever had stock, in the order of their ISBNs."""
    return [_offers_of(row) for row in await reader.all(OFFERS_FROM, after=isbn, count=count)]


async def find_filled_cache(reader: Reader) -> str | None:
    """The incarnation of the cache to which everything was copied."""
    row = await reader.one(FIND_FILLED_CACHE, name=_THE_CACHE)
    return None if row is None else row.incarnation


async def store_filled_cache(tx: Transaction, incarnation: str) -> None:
    """Remember the incarnation of the cache to which everything was copied."""
    await tx.run(STORE_FILLED_CACHE, name=_THE_CACHE, incarnation=incarnation)


async def mark_cached(tx: Transaction, offers: Sequence[BookOffers]) -> None:
    """Remember which versions the cache holds."""
    await tx.many(MARK_OFFERS_CACHED, [{"of_isbn": stock.isbn, "cached": stock.version} for stock in offers])


def book_of(row: BookRow) -> Book:
    """The book that a row stores."""
    return Book(
        row.isbn, row.title, tuple(row.authors), row.year, row.language, _from_hundredths(row.rating), row.version
    )


def _book_values(book: Book) -> dict[str, Any]:
    rating = _hundredths(book.rating)
    title_words = min(len(words_of(book.title)), LONGEST_TITLE_WORDS)
    return {
        "isbn": book.isbn,
        "title": book.title,
        "authors": list(book.authors),
        "year": book.year,
        "language": book.language,
        "rating": rating,
        "version": book.version,
        "title_rank": sort_key(book.title)[:TITLE_RANK_LENGTH],
        "year_rank": YEAR_UNKNOWN_RANK if book.year is None else -book.year,
        "rating_rank": UNRATED_RANK if rating is None else -rating,
        "match_rank": title_words * TITLE_WORD_RANK - (rating or 0),
    }


def _word_values(book: Book) -> list[dict[str, Any]]:
    in_title, in_authors = index_words_of(book.title), index_words_of("\n".join(book.authors))
    return [
        {"word": word, "isbn": book.isbn, "in_title": word in in_title, "in_authors": word in in_authors}
        for word in sorted(in_title | in_authors)
    ]


def _offers_of(row: OffersRow) -> BookOffers:
    def money(minor: int | None) -> Money | None:
        return None if minor is None else Money(minor, row.currency)

    return BookOffers(
        isbn=row.isbn,
        total=row.total,
        sellers=row.sellers,
        min_price=money(row.min_price),
        max_price=money(row.max_price),
        average_price=money(row.average_price),
        version=row.version,
        updated_at=row.updated_at,
        offers=_OFFERS.validate_python(row.offers),
    )


def _minor(money: Money | None) -> int | None:
    return None if money is None else money.minor


def _hundredths(rating: float | None) -> int | None:
    return None if rating is None else round(rating * 100)


def _from_hundredths(rating: int | None) -> float | None:
    return None if rating is None else rating / 100
