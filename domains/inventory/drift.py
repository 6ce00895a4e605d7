"""Stock that does not add up: the counts of listings against their movements and the live holds. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Integer, cast, func, select

from domains.inventory.tables import stock_items, stock_lines, stock_movements, stock_orders
from kernel.columns import param
from kernel.database import Reader, Statement


@dataclass(frozen=True, slots=True)
class StockDrift:
    """A listing whose counts are not what its movements and the live holds add up to."""

    listing_id: UUID
    isbn: str
    on_hand: int
    moved: int
    held: int
    live: int


@dataclass(frozen=True, slots=True)
class StockCheck:
    """What was found among so many listings, in the order of their ids; `last` is None where none is left."""

    checked: int
    drifts: tuple[StockDrift, ...]
    last: UUID | None


class CountsRow(NamedTuple):
    """The counts of a listing, and what they should be."""

    listing_id: UUID
    isbn: str
    on_hand: int
    moved: int
    held: int
    live: int


_ITEMS = (
    select(stock_items.c.listing_id, stock_items.c.isbn, stock_items.c.on_hand, stock_items.c.held)
    .where(stock_items.c.listing_id > param(stock_items.c.listing_id, "after"))
    .order_by(stock_items.c.listing_id)
    .limit(param(Integer, "count"))
    .subquery("items")
)
_MOVED = (
    select(cast(func.sum(stock_movements.c.quantity), BigInteger))
    .where(stock_movements.c.listing_id == _ITEMS.c.listing_id)
    .scalar_subquery()
)
# A hold is live as long as it can expire: few are, and an index has them alone.
_LIVE = (
    select(stock_lines.c.listing_id, cast(func.sum(stock_lines.c.quantity), BigInteger).label("copies"))
    .where(stock_lines.c.order_id.in_(select(stock_orders.c.order_id).where(stock_orders.c.expires_at.is_not(None))))
    .group_by(stock_lines.c.listing_id)
    .cte("live")
)

COMPARE = Statement(
    select(
        _ITEMS.c.listing_id,
        _ITEMS.c.isbn,
        _ITEMS.c.on_hand,
        func.coalesce(_MOVED, 0, type_=BigInteger).label("moved"),
        _ITEMS.c.held,
        func.coalesce(_LIVE.c.copies, 0).label("live"),
    )
    .join_from(_ITEMS, _LIVE, _LIVE.c.listing_id == _ITEMS.c.listing_id, isouter=True)
    .order_by(_ITEMS.c.listing_id),
    CountsRow,
    slow=True,
)
"""One statement, so that all counts are of one moment."""


async def check_stock(reader: Reader, after: UUID | None, count: int) -> StockCheck:
    """Compares the next `count` listings after one, or the first ones."""
    rows = await reader.all(COMPARE, after=after or UUID(int=0), count=count)
    drifts = tuple(StockDrift(*row) for row in rows if (row.on_hand, row.held) != (row.moved, row.live))
    return StockCheck(len(rows), drifts, rows[-1].listing_id if len(rows) == count else None)
