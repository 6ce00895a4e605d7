"""Books, what is offered of them, and the rules for what a book's description may say; no I/O."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from babel.core import get_global

from kernel.books import Grade, InvalidIsbn, parse_isbn
from kernel.errors import InvalidField, Problem
from kernel.money import Money
from kernel.pages import PageRequest

TITLE_LENGTH = 500
AUTHOR_LENGTH = 200
AUTHORS = 100
EARLIEST_YEAR = -3000
LATEST_YEAR = 2100
HIGHEST_RATING = 5.0
LANGUAGE_LENGTH = 35


@dataclass(frozen=True, slots=True)
class Book:
    """A book's description. `language` is a BCP 47 tag, `rating` the readers' average from 0 to 5."""

    isbn: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    language: str | None
    rating: float | None
    version: int


@dataclass(frozen=True, slots=True)
class BookOffer:
    """One listing of a book that can be bought; `quantity` counts copies that are neither sold nor held."""

    listing_id: UUID
    seller_id: UUID
    price: Money
    quantity: int
    grade: Grade
    location: str


@dataclass(frozen=True, slots=True)
class BookOffers:
    """What can be bought of a book as of a version of its stock; prices are None when nothing is left."""

    isbn: str
    total: int
    sellers: int
    min_price: Money | None
    max_price: Money | None
    average_price: Money | None
    version: int
    updated_at: datetime
    offers: tuple[BookOffer, ...] = ()
    """By price and listing."""


class BookOrder(StrEnum):
    """How books are sorted; within equal ones by ISBN."""

    RELEVANCE = "RELEVANCE"
    """Best match first; best rated first where nothing is searched for."""
    TITLE = "TITLE"
    YEAR = "YEAR"
    """Newest first, unknown years last."""
    RATING = "RATING"
    """Best first, unrated books last."""
    PRICE = "PRICE"
    """Cheapest offer first, books without one last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookQuery:
    """Which books, in which order.

    Every word of `search` must begin a word of the title or the authors, every word of `authors` one of the authors.
    `language` is a tag that also stands for its narrower ones (`en` for `en-GB`), the years are inclusive, and
    `available` asks for books that can, or cannot, be bought now.
    """

    search: str | None = None
    authors: str | None = None
    language: str | None = None
    year_from: int | None = None
    year_to: int | None = None
    available: bool | None = None
    order_by: BookOrder = BookOrder.RELEVANCE
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddBook:
    """A book for the catalog, as it was typed in."""

    isbn: str
    title: str
    authors: tuple[str, ...]
    year: int | None = None
    language: str | None = None
    rating: float | None = None


def new_book(command: AddBook) -> Book | tuple[Problem, ...]:
    """The first version of a book, or everything that is wrong with its description."""
    problems: list[Problem] = []
    isbn = _isbn(command.isbn, problems)
    title = _text("title", command.title, TITLE_LENGTH, problems)
    authors = tuple(_text("authors", name, AUTHOR_LENGTH, problems) for name in command.authors)
    if not 1 <= len(authors) <= AUTHORS:
        problems.append(_invalid("authors", f"a book has 1 to {AUTHORS} authors"))
    language = _language(command.language, problems)
    if command.year is not None and not EARLIEST_YEAR <= command.year <= LATEST_YEAR:
        problems.append(_invalid("year", f"a year lies between {EARLIEST_YEAR} and {LATEST_YEAR}"))
    if command.rating is not None and not 0 <= command.rating <= HIGHEST_RATING:
        problems.append(_invalid("rating", f"a rating lies between 0 and {HIGHEST_RATING:g}"))
    if problems:
        return tuple(problems)
    rating = None if command.rating is None else round(command.rating, 2)
    return Book(isbn, title, authors, command.year, language, rating, version=1)


def language_tag(text: str) -> str | None:
    """A language code in its BCP 47 form: `eng` is `en`, `en_us` is `en-US`; None where it is no code."""
    primary, *narrower = text.strip().replace("_", "-").split("-")
    parts = [primary, *narrower]
    if not 2 <= len(primary) <= 3 or not all(part.isascii() and part.isalnum() and len(part) <= 8 for part in parts):
        return None
    if not primary.isalpha() or len(text) > LANGUAGE_LENGTH:
        return None
    known = get_global("language_aliases").get(primary.lower(), primary.lower())
    return "-".join([known, *(part.upper() if len(part) == 2 else part for part in narrower)])


def _isbn(text: str, problems: list[Problem]) -> str:
    try:
        return parse_isbn(text)
    except InvalidIsbn as error:
        problems.append(_invalid("isbn", str(error)))
        return ""


def _text(name: str, value: str, longest: int, problems: list[Problem]) -> str:
    text = value.strip()
    if not 1 <= len(text) <= longest:
        problems.append(_invalid(name, f"{name} must have 1 to {longest} characters"))
    elif any(unicodedata.category(letter) in ("Cc", "Cs") for letter in text):
        problems.append(_invalid(name, f"{name} must not contain control characters"))
    return text


def _language(text: str | None, problems: list[Problem]) -> str | None:
    if text is None:
        return None
    tag = language_tag(text)
    if tag is None:
        problems.append(_invalid("language", "a language is a code such as en or pt-BR"))
    return tag


def _invalid(name: str, reason: str) -> InvalidField:
    return InvalidField(path=("input", name), reason=reason)
