"""Orders of one buyer in any number, written straight into a database of orders: no purchase was ever made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from domains.orders import OrderStatus, PaymentStatus
from domains.orders.tables import order_lines, orders, timeline
from domains.sellers import Listing
from kernel.columns import insert_row
from kernel.database import Database, Statement, Transaction
from kernel.ids import new_id

ADD_ORDER, ADD_LINE, ADD_STEP = (Statement(insert_row(table)) for table in (orders, order_lines, timeline))
ROWS_AT_ONCE = 2000
STEPS = ("OrderCreated", "OrderPaid", "StockDeducted", "SaleRecorded")
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESS = {
    "name": "A Buyer", "line1": "1 Canal Street", "line2": None, "postal_code": "3511 AB", "city": "Utrecht",
    "region": None, "country": "NL",
}  # fmt: skip
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


async def place_orders(
    database: Database,
    buyer_id: str,
    count: int,
    listings: Sequence[Listing],
    *,
    first: int = 0,
    cancelled: Callable[[int], bool] = lambda place: False,
) -> None:
    """Places so many settled orders of two lines and four steps each, PAID but for those that are `cancelled`.

    Numbers begin with `first`, as no two orders of a database have the same.
    """
    placed = (_order(buyer_id, place, listings, cancelled=cancelled(place)) for place in range(first, first + count))
    while batch := list(islice(placed, ROWS_AT_ONCE)):
        await database.transact(lambda tx, batch=batch: _write(tx, batch))


async def _write(tx: Transaction, batch: Sequence[tuple[dict, list[dict], list[dict]]]) -> None:
    await tx.many(ADD_ORDER, [order for order, _, _ in batch])
    await tx.many(ADD_LINE, [line for _, lines, _ in batch for line in lines])
    await tx.many(ADD_STEP, [step for _, _, steps in batch for step in steps])


def _order(
    buyer_id: str, place: int, listings: Sequence[Listing], *, cancelled: bool
) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    order_id, at = new_id(), FIRST + timedelta(seconds=place)
    lines = list(_lines(order_id, [listings[(place + other) % len(listings)] for other in (0, 1)]))
    order = dict.fromkeys(column.name for column in orders.columns) | {
        "id": order_id,
        "number": _number(place),
        "buyer_id": buyer_id,
        "status": OrderStatus.CANCELLED if cancelled else OrderStatus.PAID,
        "payment_status": PaymentStatus.REFUNDED if cancelled else PaymentStatus.CAPTURED,
        "version": len(STEPS),
        "settled": True,
        "total": sum(line["unit_price"] for line in lines),
        "currency": "EUR",
        "address": ADDRESS,
        "placed_at": at,
        "paid_at": at,
        "cancel_reason": "CANCELLED_BY_BUYER" if cancelled else None,
    }
    steps = [
        {"order_id": order_id, "what": step, "version": version, "at": at, "event": step, "domain": "orders",
         "detail": None}
        for version, step in enumerate(STEPS, start=1)
    ]  # fmt: skip
    return order, lines, steps


def _lines(order_id: UUID, listings: Sequence[Listing]) -> Iterator[dict[str, Any]]:
    for position, listing in enumerate(listings):
        yield {
            "id": new_id(),
            "order_id": order_id,
            "position": position,
            "listing_id": listing.id,
            "isbn": listing.isbn,
            "title": "A Book",
            "seller_id": listing.seller_id,
            "seller_owner_id": listing.owner_id,
            "quantity": 1,
            "unit_price": listing.price.minor,
            "grade": listing.grade,
        }


def _number(place: int) -> str:
    letters = "".join(_LETTERS[place >> shift & 31] for shift in range(35, -1, -5))
    return f"M-{letters[:4]}-{letters[4:]}"
