"""Every SQL statement that reads whole orders."""

from collections.abc import Iterable, Sequence, Set
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, and_, false, func, or_, select

from domains.orders.model import Address, Order, OrderLine, OrderStatus, PaymentStatus, TimelineEntry
from domains.orders.tables import order_lines, orders, payments, timeline
from kernel.books import Grade
from kernel.columns import now, param, params
from kernel.database import Reader, Statement
from kernel.money import Money
from kernel.pages import Page, PageRequest, encode_cursor, id_in


class OrderRow(NamedTuple):
    """An order without its lines and timeline."""

    id: UUID
    number: str
    buyer_id: str
    status: OrderStatus
    payment_status: PaymentStatus
    version: int
    settled: bool
    total: int
    currency: str
    address: dict[str, Any]
    placed_at: datetime
    paid_at: datetime | None
    cancel_reason: str | None
    refunded: int
    can_cancel: bool


class LineRow(NamedTuple):
    """A line of an order."""

    order_id: UUID
    id: UUID
    listing_id: UUID
    isbn: str
    title: str
    seller_id: UUID
    seller_owner_id: str
    quantity: int
    unit_price: int
    grade: Grade


class EntryRow(NamedTuple):
    """A step of an order's timeline."""

    order_id: UUID
    at: datetime
    event: str
    domain: str
    detail: str | None


class IdRow(NamedTuple):
    """The id of an order."""

    id: UUID


class OrderPart(StrEnum):
    """What of an order is read by a statement of its own, and may be left out."""

    LINES = "LINES"
    TIMELINE = "TIMELINE"


Parts = Set[OrderPart]
WHOLE: Parts = frozenset(OrderPart)


_BEFORE_ALL = UUID(int=2**128 - 1)
_CANCELLABLE = and_(orders.c.status == OrderStatus.PAID, orders.c.cancel_until > now())

FIND_ORDERS = Statement(
    select(
        *(orders.c[name] for name in OrderRow._fields[:-2]),
        func.coalesce(payments.c.refunded, 0).label("refunded"),
        func.coalesce(or_(orders.c.next_action.is_not(None), _CANCELLABLE), false()).label("can_cancel"),
    )
    .join_from(orders, payments, payments.c.order_id == orders.c.id, isouter=True)
    .where(orders.c.id.in_(params(orders.c.id, "ids"))),
    OrderRow,
)
FIND_LINES = Statement(
    select(*(order_lines.c[name] for name in LineRow._fields))
    .where(order_lines.c.order_id.in_(params(order_lines.c.order_id, "ids")))
    .order_by(order_lines.c.order_id, order_lines.c.position),
    LineRow,
)
FIND_ENTRIES = Statement(
    select(*(timeline.c[name] for name in EntryRow._fields))
    .where(timeline.c.order_id.in_(params(timeline.c.order_id, "ids")))
    .order_by(timeline.c.order_id, timeline.c.version, timeline.c.what),
    EntryRow,
)
FIND_BY_NUMBER = Statement(select(orders.c.id).where(orders.c.number == param(orders.c.number)), IdRow)
_OF_BUYER = (
    select(orders.c.id)
    .where(orders.c.buyer_id == param(orders.c.buyer_id), orders.c.id < param(orders.c.id, "before"))
    .order_by(orders.c.id.desc())
    .limit(param(Integer, "count"))
)
FIND_OF_BUYER = Statement(_OF_BUYER, IdRow)
FIND_OF_BUYER_IN = Statement(_OF_BUYER.where(orders.c.status == param(orders.c.status)), IdRow)


async def orders_with(reader: Reader, ids: Sequence[UUID], parts: Parts = WHOLE) -> dict[UUID, Order]:
    """The orders with these ids, in one statement and one for each part; a part that is not read is empty."""
    if not ids:
        return {}
    rows = await reader.all(FIND_ORDERS, ids=ids)
    lines = _by_order(await reader.all(FIND_LINES, ids=ids)) if OrderPart.LINES in parts else {}
    entries = _by_order(await reader.all(FIND_ENTRIES, ids=ids)) if OrderPart.TIMELINE in parts else {}
    return {row.id: _order(row, lines.get(row.id, ()), entries.get(row.id, ())) for row in rows}


async def order_with(reader: Reader, order_id: UUID) -> Order:
    """An order that is known to be there; LookupError otherwise."""
    return (await orders_with(reader, [order_id]))[order_id]


async def lines_of(reader: Reader, order_id: UUID, currency: str) -> tuple[OrderLine, ...]:
    """The lines of one order."""
    return tuple(_line(row, currency) for row in await reader.all(FIND_LINES, ids=[order_id]))


async def orders_of(
    reader: Reader, buyer_id: str, status: OrderStatus | None, page: PageRequest, parts: Parts = WHOLE
) -> Page[Order]:
    """A page of a buyer's orders, newest first: ids sort by the time they were made. Raises InvalidCursor."""
    before = _BEFORE_ALL if page.after is None else id_in(page.after)
    position = {"buyer_id": buyer_id, "before": before, "count": page.first + 1}
    if status is None:
        rows = await reader.all(FIND_OF_BUYER, **position)
    else:
        rows = await reader.all(FIND_OF_BUYER_IN, **position, status=status)
    ids = [row.id for row in rows[: page.first]]
    found = await orders_with(reader, ids, parts)
    return Page([found[one] for one in ids], [encode_cursor(str(one)) for one in ids], has_next=len(rows) > page.first)


def id_after(cursor: str | None) -> UUID:
    """The id that a cursor of an oldest-first list names; None comes before them all. Raises InvalidCursor."""
    return UUID(int=0) if cursor is None else id_in(cursor)


def _line(row: LineRow, currency: str) -> OrderLine:
    """A line as the domain sees it."""
    return OrderLine(
        id=row.id,
        listing_id=row.listing_id,
        isbn=row.isbn,
        title=row.title,
        seller_id=row.seller_id,
        seller_owner_id=row.seller_owner_id,
        quantity=row.quantity,
        unit_price=Money(row.unit_price, currency),
        grade=row.grade,
    )


def _by_order(rows: Iterable[Any]) -> dict[UUID, list[Any]]:
    return {order_id: list(group) for order_id, group in groupby(rows, key=lambda row: row.order_id)}


def _order(row: OrderRow, lines: Iterable[LineRow], entries: Iterable[EntryRow]) -> Order:
    return Order(
        id=row.id,
        number=row.number,
        buyer_id=row.buyer_id,
        status=row.status,
        payment_status=row.payment_status,
        version=row.version,
        settled=row.settled,
        placed_at=row.placed_at,
        paid_at=row.paid_at,
        lines=tuple(_line(line, row.currency) for line in lines),
        total=Money(row.total, row.currency),
        refunded=Money(row.refunded, row.currency),
        address=Address(**row.address),
        timeline=tuple(TimelineEntry(entry.at, entry.event, entry.domain, entry.detail) for entry in entries),
        cancel_reason=row.cancel_reason,
        can_cancel=row.can_cancel,
    )
