"""Searching for books: the statement that a query becomes, and its keyset pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, FromClause, Integer, String, case, exists, func, or_, select, tuple_

from domains.catalog.model import EARLIEST_YEAR, LATEST_YEAR, Book, BookOrder, BookQuery, language_tag
from domains.catalog.repository import BOOK_COLUMNS, BookRow, book_of
from domains.catalog.tables import book_offers, book_words, books
from domains.catalog.words import words_of
from kernel.columns import param
from kernel.database import Reader, Statement
from kernel.pages import InvalidCursor, Page, decode_cursor, encode_cursor

MOST_WORDS = 16
"""Further words of a search are not looked at."""
SCORE_RANK = 1_000_000
"""One more point of a match counts more than any difference in `books.match_rank`."""

_AFTER_EVERY_WORD = "\U0010ffff"
_LARGEST_RANK = 2**63 - 1
_KNOWN_SHAPES = 512
_WORD_TYPE = book_words.c.word.type
_STORED_RANKS = {
    BookOrder.TITLE: books.c.title_rank,
    BookOrder.YEAR: books.c.year_rank,
    BookOrder.RATING: books.c.rating_rank,
    BookOrder.PRICE: book_offers.c.price_rank,
}


class FoundRow(NamedTuple):
    """A book that was found, and the key by which it is sorted."""

    isbn: str
    title: str
    authors: list[str]
    year: int | None
    language: str | None
    rating: int | None
    version: int
    rank: Any


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a query but its values: queries of one shape share a statement."""

    words: int
    author_words: int
    limits: frozenset[str]
    """Of language, year_from and year_to those that are given."""
    available: bool | None
    order_by: BookOrder
    after: bool


async def search(reader: Reader, query: BookQuery) -> Page[Book]:
    """A page of the books that a query asks for; raises InvalidCursor."""
    values: dict[str, Any] = {"count": query.page.first + 1}
    words, author_words = _words(query.search), _words(query.authors)
    limits = _limits(query)
    if words is None or author_words is None or limits is None:
        return Page((), (), has_next=False)
    order_by = query.order_by
    if order_by is BookOrder.RELEVANCE and not words:
        order_by = BookOrder.RATING
    if query.page.after is not None:
        values["after_rank"], values["after_isbn"] = _position(query.page.after, order_by)
    values |= limits | _word_values("word", words) | _word_values("author", author_words)
    after = query.page.after is not None
    shape = _Shape(len(words), len(author_words), frozenset(limits), query.available, order_by, after)
    return _page(await reader.all(_statement(shape), **values), order_by, query.page.first)


def _words(text: str | None) -> list[str] | None:
    """What to look for, the longest word first because it is the rarest; None where no book can match."""
    if text is None or not text.strip():
        return []
    return sorted(words_of(text)[:MOST_WORDS], key=len, reverse=True) or None


def _word_values(name: str, words: Sequence[str]) -> dict[str, str]:
    values = {f"{name}_{place}": word for place, word in enumerate(words)}
    return values | {f"{key}_end": word + _AFTER_EVERY_WORD for key, word in values.items()}


def _limits(query: BookQuery) -> dict[str, Any] | None:
    """The given limits in the form that books are stored in; None where no book can match."""
    years = {"year_from": query.year_from, "year_to": query.year_to}
    limits: dict[str, Any] = {
        name: max(EARLIEST_YEAR - 1, min(year, LATEST_YEAR + 1)) for name, year in years.items() if year is not None
    }
    if query.language is not None:
        tag = language_tag(query.language)
        if tag is None:
            return None
        limits |= {"language": tag, "narrower": f"{tag}-%"}
    return limits


def _position(cursor: str, order_by: BookOrder) -> tuple[str | int, str]:
    """The sort keys that a cursor of this order names; raises InvalidCursor."""
    order, rank, isbn = decode_cursor(cursor, str, str if order_by is BookOrder.TITLE else int, str)
    if order != order_by:
        raise InvalidCursor
    if "\0" in isbn or ("\0" in rank if isinstance(rank, str) else abs(rank) > _LARGEST_RANK):
        raise InvalidCursor
    return rank, isbn


def _page(rows: Sequence[FoundRow], order_by: BookOrder, first: int) -> Page[Book]:
    shown = rows[:first]
    return Page(
        items=[book_of(BookRow(*row[:-1])) for row in shown],
        cursors=[encode_cursor(order_by, row.rank, row.isbn) for row in shown],
        has_next=len(rows) > first,
    )


@lru_cache(_KNOWN_SHAPES)
def _statement(shape: _Shape) -> Statement[FoundRow]:
    """The statement of a shape; the first word drives it and the others are looked up book by book."""
    matches = [_Match(f"word_{place}") for place in range(shape.words)]
    stored_rank = _STORED_RANKS.get(shape.order_by)
    rank = _relevance(matches) if stored_rank is None else stored_rank
    by_price = shape.order_by is BookOrder.PRICE
    # Rank and ISBN of one table are one index, in which a page begins where the last one ended.
    isbn = book_offers.c.isbn if by_price else books.c.isbn
    conditions = [match.drives() if place == 0 else match.holds() for place, match in enumerate(matches)]
    conditions += [_Match(f"author_{place}").holds(in_authors=True) for place in range(shape.author_words)]
    conditions += _limit_conditions(shape)
    source: FromClause = books
    if shape.available is not None or by_price:
        source = books.join(book_offers, book_offers.c.isbn == books.c.isbn)
    found = select(isbn, *BOOK_COLUMNS[1:], rank.label("rank")).select_from(source).where(*conditions).subquery()
    page = select(found).order_by(found.c.rank, found.c.isbn).limit(param(Integer, "count"))
    if shape.after:
        kind = String if shape.order_by is BookOrder.TITLE else BigInteger
        place = tuple_(param(kind, "after_rank"), param(String, "after_isbn"))
        page = page.where(tuple_(found.c.rank, found.c.isbn) > place)
    return Statement(page, FoundRow, slow=True, name="page")


class _Match:
    """One word that must begin a word of a book; its binds are `name` and `name_end`."""

    def __init__(self, name: str) -> None:
        self._word = param(_WORD_TYPE, name)
        self._indexed = book_words.alias(name)
        self._begins = (self._indexed.c.word >= self._word, self._indexed.c.word < param(_WORD_TYPE, f"{name}_end"))
        self._of_book = self._indexed.c.isbn == books.c.isbn

    def drives(self) -> ColumnElement[bool]:
        """The books are those that have the word."""
        return books.c.isbn.in_(select(self._indexed.c.isbn).where(*self._begins))

    def holds(self, *, in_authors: bool = False) -> ColumnElement[bool]:
        """The book has the word."""
        where = (self._of_book, *self._begins, *([self._indexed.c.in_authors] if in_authors else []))
        return exists().where(*where)

    def score(self) -> ColumnElement[int]:
        """1 for a word that it begins in the authors; twice that in the title, and twice for the whole word."""
        whole = case((self._indexed.c.word == self._word, 2), else_=1)
        where = case((self._indexed.c.in_title, 2), else_=1)
        return select(func.max(whole * where)).where(self._of_book, *self._begins).scalar_subquery()


def _relevance(matches: Sequence[_Match]) -> ColumnElement[int]:
    rank: ColumnElement[int] = books.c.match_rank
    for match in matches:
        rank = rank - match.score() * SCORE_RANK
    return rank


def _limit_conditions(shape: _Shape) -> list[ColumnElement[bool]]:
    language, year = books.c.language, books.c.year
    conditions: dict[str, ColumnElement[bool]] = {
        "language": or_(language == param(language), language.like(param(language, "narrower"))),
        "year_from": year >= param(year, "year_from"),
        "year_to": year <= param(year, "year_to"),
    }
    chosen = [condition for name, condition in conditions.items() if name in shape.limits]
    if shape.available is not None:
        chosen.append(book_offers.c.total > 0 if shape.available else book_offers.c.total == 0)
    return chosen
