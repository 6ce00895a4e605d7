"""Every statement on what sellers earned by an order."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, select, tuple_, update

from domains.sellers.ledger import Earned, RefundKey, SoldLine, SoldOrder
from domains.sellers.model import Sale
from domains.sellers.repository import position_after
from domains.sellers.tables import last_copies, sale_refunds, sales, sold_orders
from kernel.columns import insert_row, param
from kernel.database import Reader, Statement, Transaction
from kernel.money import Money
from kernel.pages import Page, PageRequest, encode_cursor


class OrderRow(NamedTuple):
    """An order as it is stored."""

    order_id: UUID
    buyer_id: str | None
    paid_at: datetime | None
    cancelled: bool


class RefundRow(NamedTuple):
    """One line of a refund as it is stored."""

    refund_id: UUID
    order_item_id: UUID
    books: int
    revenue: int


class ListingIdRow(NamedTuple):
    """A listing whose last copy was sold."""

    listing_id: UUID


class SaleRow(NamedTuple):
    """A sale as it is stored."""

    order_id: UUID
    order_item_id: UUID
    listing_id: UUID
    isbn: str
    quantity: int
    amount: int
    currency: str
    recorded_at: datetime
    reversed: bool


_OPEN = insert_row(sold_orders, without=("buyer_id", "paid_at", "cancelled")).values(cancelled=False)
LOCK_ORDER = Statement(
    _OPEN.on_conflict_do_update(index_elements=["order_id"], set_={"order_id": _OPEN.excluded.order_id}).returning(
        *(sold_orders.c[name] for name in OrderRow._fields)
    ),
    OrderRow,
)
SAVE_ORDER = Statement(
    update(sold_orders)
    .where(sold_orders.c.order_id == param(sold_orders.c.order_id, "order"))
    .values({name: param(sold_orders.c[name]) for name in ("buyer_id", "paid_at", "cancelled")})
)
LINES = Statement(
    select(*(sales.c[name] for name in SoldLine._fields)).where(sales.c.order_id == param(sales.c.order_id)), SoldLine
)
ADD_LINE = Statement(insert_row(sales))
MARK_LINES = Statement(
    update(sales)
    .where(sales.c.order_id == param(sales.c.order_id, "order"))
    .values(recorded_at=param(sales.c.recorded_at), reversed=param(sales.c.reversed, "cancelled"))
)
REFUNDS = Statement(
    select(*(sale_refunds.c[name] for name in RefundRow._fields)).where(
        sale_refunds.c.order_id == param(sale_refunds.c.order_id)
    ),
    RefundRow,
)
ADD_REFUND = Statement(insert_row(sale_refunds))
LAST_COPIES = Statement(
    select(last_copies.c.listing_id).where(last_copies.c.order_id == param(last_copies.c.order_id)), ListingIdRow
)
ADD_LAST_COPY = Statement(insert_row(last_copies))

SALES_OF = Statement(
    select(*(sales.c[name] for name in SaleRow._fields))
    .where(
        sales.c.seller_id == param(sales.c.seller_id),
        sales.c.recorded_at.is_not(None),
        tuple_(sales.c.recorded_at, sales.c.order_item_id)
        < tuple_(param(sales.c.recorded_at, "at"), param(sales.c.order_item_id, "id")),
    )
    .order_by(sales.c.recorded_at.desc(), sales.c.order_item_id.desc())
    .limit(param(Integer, "limit")),
    SaleRow,
)


async def lock_order(tx: Transaction, order_id: UUID) -> SoldOrder:
    """What is known of an order, which nobody else changes until the commit; nothing, where it is heard of first."""
    row = await tx.one(LOCK_ORDER, order_id=order_id)
    assert row is not None
    lines = await tx.all(LINES, order_id=order_id)
    refunds = await tx.all(REFUNDS, order_id=order_id)
    gone = await tx.all(LAST_COPIES, order_id=order_id)
    return SoldOrder(
        **row._asdict(),
        lines={line.order_item_id: line for line in lines},
        refunds={RefundKey(r.refund_id, r.order_item_id): Earned(r.books, r.revenue) for r in refunds},
        last_copies=frozenset(row.listing_id for row in gone),
    )


async def save_order(tx: Transaction, order: SoldOrder, before: SoldOrder) -> None:
    """Stores what is known now and was not before."""
    order_id = order.order_id
    await tx.many(
        ADD_LINE, [_line_values(order, order.lines[item]) for item in order.lines.keys() - before.lines.keys()]
    )
    if (order.paid_at, order.cancelled) != (before.paid_at, before.cancelled):
        await tx.run(
            SAVE_ORDER, order=order_id, buyer_id=order.buyer_id, paid_at=order.paid_at, cancelled=order.cancelled
        )
        if before.lines:
            await tx.run(MARK_LINES, order=order_id, recorded_at=order.paid_at, cancelled=order.cancelled)
    refunds = order.refunds.keys() - before.refunds.keys()
    await tx.many(ADD_REFUND, [{"order_id": order_id, **k._asdict(), **order.refunds[k]._asdict()} for k in refunds])
    gone = order.last_copies - before.last_copies
    await tx.many(ADD_LAST_COPY, [{"order_id": order_id, "listing_id": listing_id} for listing_id in gone])


async def sales_of(reader: Reader, seller_id: UUID, page: PageRequest) -> Page[Sale]:
    """A seller's sales, newest first; raises InvalidCursor."""
    at, before = position_after(page.after)
    rows = await reader.all(SALES_OF, seller_id=seller_id, at=at, id=before, limit=page.first + 1)
    shown = rows[: page.first]
    cursors = [encode_cursor(row.recorded_at.isoformat(), str(row.order_item_id)) for row in shown]
    return Page([_sale(row) for row in shown], cursors, len(rows) > page.first)


def _line_values(order: SoldOrder, line: SoldLine) -> dict:
    return {
        **line._asdict(),
        "order_id": order.order_id,
        "recorded_at": order.paid_at,
        "reversed": order.cancelled,
    }


def _sale(row: SaleRow) -> Sale:
    fields = row._asdict()
    return Sale(amount=Money(fields.pop("amount"), fields.pop("currency")), **fields)
