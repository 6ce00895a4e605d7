"""Every statement on sellers and listings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Integer, case, func, select, tuple_, update

from domains.sellers.model import Listing, Seller, name_key
from domains.sellers.tables import known_books, listings, sellers
from kernel.books import Grade
from kernel.columns import insert_row, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.money import Money
from kernel.pages import InvalidCursor, Page, PageRequest, decode_cursor, encode_cursor

_NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))
"""Comes before every row of a list that begins with the newest."""


class SellerRow(NamedTuple):
    """A seller as it is stored."""

    id: UUID
    owner_id: str
    display_name: str
    email: str | None
    books_sold: int
    revenue: int
    currency: str
    rating_hundredths: int | None
    version: int
    registered_at: datetime


class ListingRow(NamedTuple):
    """A listing as it is stored."""

    id: UUID
    seller_id: UUID
    owner_id: str
    isbn: str
    grade: Grade
    price: int
    currency: str
    location: str
    published_quantity: int
    withdrawn: bool
    version: int
    published_at: datetime
    on_hand: int | None


class KeyRow(NamedTuple):
    """What an idempotency key published."""

    id: UUID
    fingerprint: str


class OfferedRow(NamedTuple):
    """How many listings of a book a seller has that are not withdrawn."""

    seller_id: UUID
    isbn: str
    offered: int


class BookRow(NamedTuple):
    """A book that can be listed."""

    isbn: str


_SELLER = [sellers.c[name] for name in SellerRow._fields]
_LISTING = [listings.c[name] for name in ListingRow._fields]
_BEFORE = tuple_(param(listings.c.published_at, "at"), param(listings.c.id, "id"))
_LIMIT = param(Integer, "limit")

FIND_SELLERS = Statement(select(*_SELLER).where(sellers.c.id.in_(params(sellers.c.id, "ids"))), SellerRow)
FIND_SELLER_OF = Statement(select(*_SELLER).where(sellers.c.owner_id == param(sellers.c.owner_id)), SellerRow)
LOCK_SELLERS_OF = Statement(
    select(*_SELLER)
    .where(sellers.c.owner_id.in_(params(sellers.c.owner_id, "owner_ids")))
    .order_by(sellers.c.id)
    .with_for_update(),
    SellerRow,
)
ADD_SELLER = Statement(insert_row(sellers))
ADD_SELLER_ONCE = Statement(insert_row(sellers).on_conflict_do_nothing())
EARN = Statement(
    update(sellers)
    .where(sellers.c.id == param(sellers.c.id, "seller_id"))
    .values(
        books_sold=sellers.c.books_sold + param(Integer, "books"),
        revenue=sellers.c.revenue + param(BigInteger, "minor"),
        version=sellers.c.version + 1,
    )
    .returning(*_SELLER),
    SellerRow,
)

KNOW_BOOK = Statement(insert_row(known_books).on_conflict_do_nothing())
KNOWN_BOOKS = Statement(
    select(known_books.c.isbn).where(known_books.c.isbn.in_(params(known_books.c.isbn, "isbns"))), BookRow
)

FIND_LISTINGS = Statement(select(*_LISTING).where(listings.c.id.in_(params(listings.c.id, "ids"))), ListingRow)
LOCK_LISTING = Statement(select(*_LISTING).where(listings.c.id == param(listings.c.id)).with_for_update(), ListingRow)
FIND_KEY = Statement(
    select(listings.c.id, listings.c.fingerprint).where(
        listings.c.seller_id == param(listings.c.seller_id),
        listings.c.idempotency_key == param(listings.c.idempotency_key),
    ),
    KeyRow,
)
OFFERED = Statement(
    select(listings.c.seller_id, listings.c.isbn, func.count().label("offered"))
    .where(
        listings.c.seller_id.in_(params(listings.c.seller_id, "seller_ids")),
        listings.c.isbn.in_(params(listings.c.isbn, "isbns")),
        ~listings.c.withdrawn,
    )
    .group_by(listings.c.seller_id, listings.c.isbn),
    OfferedRow,
)
_NEW_LISTING = insert_row(listings, without=("on_hand", "stock_version"))
ADD_LISTING = Statement(_NEW_LISTING)
ADD_LISTING_ONCE = Statement(_NEW_LISTING.on_conflict_do_nothing())
SAVE_LISTING = Statement(
    update(listings)
    .where(listings.c.id == param(listings.c.id, "listing_id"))
    .values({name: param(listings.c[name]) for name in ("price", "grade", "location", "withdrawn", "version")})
)
NOTE_STOCK = Statement(
    update(listings)
    .where(
        listings.c.id == param(listings.c.id, "listing_id"),
        case((listings.c.stock_version.is_(None), 0), else_=listings.c.stock_version)
        < param(listings.c.stock_version, "newer"),
    )
    .values(on_hand=param(listings.c.on_hand), stock_version=param(listings.c.stock_version, "newer"))
)
LISTINGS_OF = Statement(
    select(*_LISTING)
    .where(
        listings.c.seller_id == param(listings.c.seller_id),
        tuple_(listings.c.published_at, listings.c.id) < _BEFORE,
    )
    .order_by(listings.c.published_at.desc(), listings.c.id.desc())
    .limit(_LIMIT),
    ListingRow,
)


async def find_sellers(reader: Reader, ids: Iterable[UUID]) -> dict[UUID, Seller]:
    """The sellers that exist of these ids."""
    return {row.id: _seller(row) for row in await reader.all(FIND_SELLERS, ids=list(ids))}


async def find_seller_of(reader: Reader, owner_id: str) -> Seller | None:
    """The seller that somebody is."""
    row = await reader.one(FIND_SELLER_OF, owner_id=owner_id)
    return row and _seller(row)


async def lock_sellers_of(tx: Transaction, owner_ids: Iterable[str]) -> dict[str, Seller]:
    """The sellers that these owners are; nobody else publishes for one of them until the commit."""
    return {row.owner_id: _seller(row) for row in await tx.all(LOCK_SELLERS_OF, owner_ids=list(owner_ids))}


async def add_seller(tx: Transaction, seller: Seller) -> bool:
    """False where the id, the owner or the name is taken."""
    return bool(await tx.run(ADD_SELLER_ONCE, **_seller_values(seller)))


async def add_sellers(tx: Transaction, new: Sequence[Seller]) -> None:
    """Adds sellers; ConstraintViolated where an id, owner or name is taken."""
    await tx.many(ADD_SELLER, [_seller_values(seller) for seller in new])


async def earn(tx: Transaction, seller_id: UUID, *, books: int, revenue: int) -> Seller | None:
    """Adds to (or takes from) a seller's books and revenue; None where there is no such seller."""
    row = await tx.one(EARN, seller_id=seller_id, books=books, minor=revenue)
    return row and _seller(row)


async def know_book(tx: Transaction, isbn: str) -> None:
    """From now on this book can be listed."""
    await tx.run(KNOW_BOOK, isbn=isbn)


async def known_isbns(reader: Reader, isbns: Iterable[str]) -> set[str]:
    """Which of these books can be listed."""
    return {row.isbn for row in await reader.all(KNOWN_BOOKS, isbns=list(isbns))}


async def find_listings(reader: Reader, ids: Iterable[UUID]) -> dict[UUID, Listing]:
    """The listings that exist of these ids."""
    return {row.id: _listing(row) for row in await reader.all(FIND_LISTINGS, ids=list(ids))}


async def count_offered(reader: Reader, seller_ids: Iterable[UUID], isbns: Iterable[str]) -> Counter[tuple[UUID, str]]:
    """How many listings each of these sellers has of each of these books, without those that are withdrawn."""
    rows = await reader.all(OFFERED, seller_ids=list(seller_ids), isbns=list(isbns))
    return Counter({(row.seller_id, row.isbn): row.offered for row in rows})


async def lock_listing(tx: Transaction, listing_id: UUID) -> Listing | None:
    """The listing, which nobody else changes until the commit."""
    row = await tx.one(LOCK_LISTING, id=listing_id)
    return row and _listing(row)


async def find_key(reader: Reader, seller_id: UUID, idempotency_key: str) -> KeyRow | None:
    """What a seller published under this key."""
    return await reader.one(FIND_KEY, seller_id=seller_id, idempotency_key=idempotency_key)


async def add_listing(tx: Transaction, listing: Listing, *, fingerprint: str, idempotency_key: str | None) -> bool:
    """False where the key, or the id, has published already."""
    return bool(await tx.run(ADD_LISTING_ONCE, **_listing_values(listing, fingerprint, idempotency_key)))


async def add_listings(tx: Transaction, new: Sequence[tuple[Listing, str]]) -> None:
    """Adds listings, each with its fingerprint; ConstraintViolated where an id is taken."""
    await tx.many(ADD_LISTING, [_listing_values(listing, fingerprint, None) for listing, fingerprint in new])


async def save_listing(tx: Transaction, listing: Listing) -> None:
    """Stores what an edit may change."""
    await tx.run(
        SAVE_LISTING,
        listing_id=listing.id,
        price=listing.price.minor,
        grade=listing.grade,
        location=listing.location,
        withdrawn=listing.withdrawn,
        version=listing.version,
    )


async def note_stock(tx: Transaction, listing_id: UUID, *, on_hand: int, version: int) -> None:
    """Copies inventory's count unless a newer one is here."""
    await tx.run(NOTE_STOCK, listing_id=listing_id, on_hand=on_hand, newer=version)


async def listings_of(reader: Reader, seller_id: UUID, page: PageRequest) -> Page[Listing]:
    """A seller's listings, newest first; raises InvalidCursor."""
    at, before = position_after(page.after)
    rows = await reader.all(LISTINGS_OF, seller_id=seller_id, at=at, id=before, limit=page.first + 1)
    shown = rows[: page.first]
    cursors = [encode_cursor(row.published_at.isoformat(), str(row.id)) for row in shown]
    return Page([_listing(row) for row in shown], cursors, len(rows) > page.first)


def position_after(cursor: str | None) -> tuple[datetime, UUID]:
    """Time and id that a cursor of a newest-first list names; None comes before them all. Raises InvalidCursor."""
    if cursor is None:
        return _NEWEST
    at, identifier = decode_cursor(cursor, str, str)
    try:
        return datetime.fromisoformat(at).astimezone(UTC), UUID(identifier)
    except (OverflowError, ValueError):
        raise InvalidCursor from None


def _seller(row: SellerRow) -> Seller:
    return Seller(
        id=row.id,
        owner_id=row.owner_id,
        display_name=row.display_name,
        email=row.email,
        books_sold=row.books_sold,
        revenue=Money(row.revenue, row.currency),
        rating=None if row.rating_hundredths is None else row.rating_hundredths / 100,
        version=row.version,
        registered_at=row.registered_at,
    )


def _seller_values(seller: Seller) -> dict[str, Any]:
    return {
        "id": seller.id,
        "owner_id": seller.owner_id,
        "display_name": seller.display_name,
        "name_key": name_key(seller.display_name),
        "email": seller.email,
        "books_sold": seller.books_sold,
        "revenue": seller.revenue.minor,
        "currency": seller.revenue.currency,
        "rating_hundredths": None if seller.rating is None else round(seller.rating * 100),
        "version": seller.version,
        "registered_at": seller.registered_at,
    }


def _listing(row: ListingRow) -> Listing:
    fields = row._asdict()
    return Listing(price=Money(fields.pop("price"), fields.pop("currency")), **fields)


def _listing_values(listing: Listing, fingerprint: str, idempotency_key: str | None) -> dict[str, Any]:
    return {
        "id": listing.id,
        "seller_id": listing.seller_id,
        "owner_id": listing.owner_id,
        "isbn": listing.isbn,
        "grade": listing.grade,
        "price": listing.price.minor,
        "currency": listing.price.currency,
        "location": listing.location,
        "published_quantity": listing.published_quantity,
        "withdrawn": listing.withdrawn,
        "version": listing.version,
        "published_at": listing.published_at,
        "idempotency_key": idempotency_key,
        "fingerprint": fingerprint,
    }
