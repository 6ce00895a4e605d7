"""Listings, their movements and their books. Rows are locked in one order: the order (`holds`), listings, books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, String, Uuid, bindparam, case, column, func, select, type_coerce, update

from domains.inventory.model import (
    BookStock,
    Cause,
    StockChange,
    StockItem,
    StockOffer,
    book_stock,
)
from domains.inventory.tables import stock_books, stock_items, stock_movements
from kernel.books import Grade
from kernel.columns import Json, insert_row, now, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.ids import new_id
from kernel.money import Money


class ItemRow(NamedTuple):
    """A stock item as it lies in its table."""

    listing_id: UUID
    isbn: str
    seller_id: UUID
    owner_id: str
    grade: Grade
    price: int
    currency: str
    location: str
    on_hand: int
    held: int
    withdrawn: bool
    version: int
    listing_version: int
    published: bool


class MovementRow(NamedTuple):
    """A movement that was recorded."""

    id: UUID


class OfferRow(NamedTuple):
    """A book with one of its offers; a book without any has one row whose listing is None."""

    isbn: str
    currency: str
    version: int
    updated_at: datetime
    listing_id: UUID | None
    seller_id: UUID
    price: int
    price_currency: str
    available: int
    grade: Grade
    location: str


_items, _books, _moves = stock_items.c, stock_books.c, stock_movements.c
_ITEM = [_items[name] for name in ItemRow._fields]

# --- stock items ------------------------------------------------------------------------------------------------

FIND_ITEMS = Statement(select(*_ITEM).where(_items.listing_id.in_(params(_items.listing_id, "ids"))), ItemRow)
LOCK_ITEMS = Statement(
    select(*_ITEM)
    .where(_items.listing_id.in_(params(_items.listing_id, "ids")))
    .order_by(_items.listing_id)
    .with_for_update(),
    ItemRow,
)
INSERT_ITEM = Statement(insert_row(stock_items).on_conflict_do_nothing(index_elements=[_items.listing_id]))
WRITE_ITEM = Statement(
    update(stock_items)
    .where(_items.listing_id == param(_items.listing_id))
    .values(
        {
            name: param(_items[name])
            for name in ItemRow._fields
            if name not in ("listing_id", "isbn", "seller_id", "held")
        }
    )
)


def _moved(changes: Any) -> Any:
    """One UPDATE over a list of changes (listing_id, on_hand, held)."""
    return (
        update(stock_items)
        .where(_items.listing_id == changes.c.listing_id)
        .values(
            on_hand=_items.on_hand + changes.c.on_hand,
            held=_items.held + changes.c.held,
            version=_items.version + 1,
        )
        .returning(*_ITEM)
    )


def _sqlite_changes() -> Any:
    listed = func.json_each(bindparam("changes", type_=Json)).table_valued(column("value", String))
    return select(
        type_coerce(func.json_extract(listed.c.value, "$.listing_id"), Uuid).label("listing_id"),
        type_coerce(func.json_extract(listed.c.value, "$.on_hand"), Integer).label("on_hand"),
        type_coerce(func.json_extract(listed.c.value, "$.held"), Integer).label("held"),
    ).cte("changes")


def _locked_changes() -> Any:
    """PostgreSQL updates in the order of its plan; locking first, in id order, is what keeps it from deadlocks."""
    listed = (
        func.jsonb_to_recordset(bindparam("changes", type_=Json))
        .table_valued(column("listing_id", Uuid), column("on_hand", Integer), column("held", Integer), name="listed")
        .render_derived(with_types=True)
    )
    return (
        select(_items.listing_id, listed.c.on_hand, listed.c.held)
        .join_from(stock_items, listed, _items.listing_id == listed.c.listing_id)
        .order_by(_items.listing_id)
        .with_for_update(of=stock_items)
        .cte("locked")
    )


MOVE_ITEMS = Statement(_moved(_sqlite_changes()), ItemRow, postgresql=_moved(_locked_changes()))
ADD_MOVEMENT = Statement(insert_row(stock_movements, without=("moved_at",)).values(moved_at=now()))
FIND_MOVEMENT = Statement(
    select(_moves.id).where(_moves.reference == param(_moves.reference), _moves.cause == param(_moves.cause)).limit(1),
    MovementRow,
)

# --- books ------------------------------------------------------------------------------------------------------

INSERT_BOOK = Statement(
    insert_row(stock_books, without=("version", "updated_at"))
    .values(version=0, updated_at=now())
    .on_conflict_do_nothing(index_elements=[_books.isbn])
)
_AMONG_BOOKS = _books.isbn.in_(params(_books.isbn, "isbns"))
_LOCKED_BOOKS = select(_books.isbn).where(_AMONG_BOOKS).order_by(_books.isbn).with_for_update().cte("locked")
_RAISED = {"version": _books.version + 1, "updated_at": now()}
RAISE_BOOKS = Statement(
    update(stock_books).where(_AMONG_BOOKS).values(_RAISED),
    postgresql=update(stock_books).where(_books.isbn == _LOCKED_BOOKS.c.isbn).values(_RAISED),
)
_AVAILABLE = case((_items.withdrawn, 0), else_=_items.on_hand - _items.held)
BOOK_OFFERS = Statement(
    select(
        _books.isbn,
        _books.currency,
        _books.version,
        _books.updated_at,
        _items.listing_id,
        _items.seller_id,
        _items.price,
        _items.currency.label("price_currency"),
        _AVAILABLE.label("available"),
        _items.grade,
        _items.location,
    )
    .select_from(stock_books)
    .join(stock_items, (_items.isbn == _books.isbn) & (_AVAILABLE > 0), isouter=True)
    .where(_AMONG_BOOKS)
    .order_by(_books.isbn, _items.price, _items.listing_id),
    OfferRow,
)


# --- stock items ------------------------------------------------------------------------------------------------


async def find_items(reader: Reader, listing_ids: Collection[UUID]) -> dict[UUID, StockItem]:
    """The listings that are known among these."""
    return {row.listing_id: _item(row) for row in await reader.all(FIND_ITEMS, ids=list(listing_ids))}


async def lock_items(tx: Transaction, listing_ids: Collection[UUID]) -> dict[UUID, StockItem]:
    """The listings that are known among these, locked until the transaction ends."""
    return {row.listing_id: _item(row) for row in await tx.all(LOCK_ITEMS, ids=list(listing_ids))}


async def insert_item(tx: Transaction, item: StockItem) -> bool:
    """Whether the listing was not known before, and now is."""
    return bool(await tx.run(INSERT_ITEM, **_row(item)._asdict()))


async def write_item(tx: Transaction, item: StockItem) -> StockItem:
    """Writes everything of a locked listing but what is held; the listing at its next version."""
    written = replace(item, version=item.version + 1)
    values = _row(written)._asdict()
    for fixed in ("isbn", "seller_id", "held"):
        del values[fixed]
    await tx.run(WRITE_ITEM, **values)
    return written


async def move_items(tx: Transaction, changes: Sequence[StockChange]) -> list[StockItem]:
    """Adds to the counts of several listings, each named once; the listings by id, as they are now."""
    listed = [
        {"listing_id": change.listing_id.hex, "on_hand": change.on_hand, "held": change.held} for change in changes
    ]
    rows = await tx.all(MOVE_ITEMS, changes=listed)
    return sorted(map(_item, rows), key=lambda item: item.listing_id)


async def add_movements(tx: Transaction, changes: Iterable[StockChange], cause: Cause, reference: UUID | None) -> None:
    """Records what came on the shelf or left it; what was only held or given back did neither."""
    await tx.many(
        ADD_MOVEMENT,
        [
            {
                "id": new_id(),
                "listing_id": change.listing_id,
                "quantity": change.on_hand,
                "cause": cause,
                "reference": reference,
            }
            for change in changes
            if change.on_hand
        ],
    )


async def was_moved(tx: Transaction, cause: Cause, reference: UUID) -> bool:
    """Whether movements of this cause were recorded for an order or a refund."""
    return await tx.one(FIND_MOVEMENT, cause=cause, reference=reference) is not None


# --- books ------------------------------------------------------------------------------------------------------


async def insert_book(tx: Transaction, isbn: str, currency: str) -> None:
    """The book has listings from now on."""
    await tx.run(INSERT_BOOK, isbn=isbn, currency=currency)


async def raise_book_versions(tx: Transaction, isbns: Collection[str]) -> None:
    """Raises the books' versions, and locks them; what is summed up afterwards belongs to these versions."""
    await tx.run(RAISE_BOOKS, isbns=sorted(isbns))


async def find_stock(reader: Reader, isbns: Collection[str]) -> dict[str, BookStock]:
    """What can be bought of each book that has, or once had, a listing."""
    books: dict[str, list[OfferRow]] = defaultdict(list)
    for row in await reader.all(BOOK_OFFERS, isbns=list(isbns)):
        books[row.isbn].append(row)
    return {
        isbn: book_stock(isbn, rows[0].currency, rows[0].version, rows[0].updated_at, _offers(rows))
        for isbn, rows in books.items()
    }


def _offers(rows: Iterable[OfferRow]) -> list[StockOffer]:
    return [
        StockOffer(
            listing_id=row.listing_id,
            seller_id=row.seller_id,
            price=Money(row.price, row.price_currency),
            quantity=row.available,
            grade=row.grade,
            location=row.location,
        )
        for row in rows
        if row.listing_id is not None
    ]


def _item(row: ItemRow) -> StockItem:
    return StockItem(
        listing_id=row.listing_id,
        isbn=row.isbn,
        seller_id=row.seller_id,
        owner_id=row.owner_id,
        grade=row.grade,
        price=Money(row.price, row.currency),
        location=row.location,
        on_hand=row.on_hand,
        held=row.held,
        withdrawn=row.withdrawn,
        version=row.version,
        listing_version=row.listing_version,
        published=row.published,
    )


def _row(item: StockItem) -> ItemRow:
    same = {name: getattr(item, name) for name in ItemRow._fields if name not in ("price", "currency")}
    return ItemRow(price=item.price.minor, currency=item.price.currency, **same)
