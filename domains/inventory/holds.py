"""The rows of orders: the state of each one's stock, and what it has of which listing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Integer, cast, delete, func, select, update

from domains.inventory.model import StockLine, StockState
from domains.inventory.tables import stock_lines, stock_orders
from kernel.columns import in_seconds, insert_row, now, param, params
from kernel.database import Database, Reader, Statement, Transaction


class StateRow(NamedTuple):
    """The state of an order's stock."""

    state: StockState


class OrderRow(NamedTuple):
    """An order."""

    order_id: UUID


class HeldRow(NamedTuple):
    """How many copies of a listing several orders hold together."""

    listing_id: UUID
    copies: int


class LineRow(NamedTuple):
    """What an order has of a listing."""

    listing_id: UUID
    quantity: int
    returned: int


_orders, _lines = stock_orders.c, stock_lines.c

_NEW_ORDER = insert_row(stock_orders, without=("state", "expires_at", "reason", "changed_at")).values(
    state=StockState.NONE, changed_at=now()
)
LOCK_ORDER = Statement(
    _NEW_ORDER.on_conflict_do_update(
        index_elements=[_orders.order_id], set_={"order_id": _NEW_ORDER.excluded.order_id}
    ).returning(_orders.state),
    StateRow,
)
_OF_ORDER = _orders.order_id == param(_orders.order_id)
SET_HELD = Statement(
    update(stock_orders)
    .where(_OF_ORDER)
    .values(state=StockState.HELD, expires_at=in_seconds(param(Integer, "seconds")), changed_at=now())
)
SET_STATE = Statement(
    update(stock_orders)
    .where(_OF_ORDER)
    .values(state=param(_orders.state), reason=param(_orders.reason), expires_at=None, changed_at=now())
)
_IN_SECONDS = in_seconds(param(Integer, "seconds"))
RENEW = Statement(
    update(stock_orders)
    .where(
        _OF_ORDER,
        _orders.state == StockState.HELD,
        _orders.expires_at < _IN_SECONDS,
    )
    .values(expires_at=_IN_SECONDS)
)
_DUE = (
    select(_orders.order_id)
    .where(_orders.state == StockState.HELD, _orders.expires_at <= now())
    .order_by(_orders.expires_at)
)
FIND_DUE = Statement(_DUE.limit(param(Integer, "count")), OrderRow)
CLAIM_DUE = Statement(_DUE.limit(param(Integer, "count")).with_for_update(skip_locked=True), OrderRow)
CLAIM_ONE_DUE = Statement(_DUE.where(_OF_ORDER).with_for_update(skip_locked=True), OrderRow)
PUT_OFF = Statement(
    update(stock_orders)
    .where(_OF_ORDER, _orders.state == StockState.HELD, _orders.expires_at <= now())
    .values(expires_at=_IN_SECONDS)
)
SET_EXPIRED = Statement(
    update(stock_orders)
    .where(_orders.order_id.in_(params(_orders.order_id, "ids")))
    .values(state=StockState.EXPIRED, expires_at=None, changed_at=now())
)
HELD_BY = Statement(
    select(_lines.listing_id, cast(func.sum(_lines.quantity), BigInteger).label("copies"))
    .where(_lines.order_id.in_(params(_lines.order_id, "ids")))
    .group_by(_lines.listing_id),
    HeldRow,
)
LINES = Statement(
    select(*(_lines[name] for name in LineRow._fields))
    .where(_lines.order_id == param(_lines.order_id))
    .order_by(_lines.listing_id),
    LineRow,
)
DROP_LINES = Statement(delete(stock_lines).where(_lines.order_id == param(_lines.order_id)))
ADD_LINE = Statement(insert_row(stock_lines))
RETURN_LINE = Statement(
    update(stock_lines)
    .where(_lines.order_id == param(_lines.order_id), _lines.listing_id == param(_lines.listing_id))
    .values(returned=_lines.returned + param(_lines.quantity))
)


async def lock_order(tx: Transaction, order_id: UUID) -> StockState:
    """The state of the order's stock, locked until the transaction ends; NONE for an order that was not known."""
    row = await tx.one(LOCK_ORDER, order_id=order_id)
    assert row is not None, "an upsert returns its row"
    return row.state


async def set_held(tx: Transaction, order_id: UUID, seconds: int) -> None:
    """The order's stock is held, from now on for so many seconds."""
    await tx.run(SET_HELD, order_id=order_id, seconds=seconds)


async def set_state(tx: Transaction, order_id: UUID, state: StockState, reason: str | None = None) -> None:
    """The order's stock is in a state other than held."""
    await tx.run(SET_STATE, order_id=order_id, state=state, reason=reason)


async def renew_hold(database: Database, order_id: UUID, seconds: int) -> None:
    """A hold lasts at least so many seconds from now; commits."""
    await database.write(RENEW, order_id=order_id, seconds=seconds)


async def find_due(reader: Reader, count: int) -> list[UUID]:
    """So many orders whose hold is past its time, the longest past first."""
    return [row.order_id for row in await reader.all(FIND_DUE, count=count)]


async def claim_due(tx: Transaction, count: int) -> list[UUID]:
    """So many orders whose hold is past its time, locked until the transaction ends; none that somebody else locks."""
    return [row.order_id for row in await tx.all(CLAIM_DUE, count=count)]


async def claim_one_due(tx: Transaction, order_id: UUID) -> list[UUID]:
    """The same of one order alone."""
    return [row.order_id for row in await tx.all(CLAIM_ONE_DUE, order_id=order_id)]


async def put_off(database: Database, order_id: UUID, seconds: int) -> None:
    """A hold past its time is due again in so many seconds; commits."""
    await database.write(PUT_OFF, order_id=order_id, seconds=seconds)


async def held_by(tx: Transaction, order_ids: Sequence[UUID]) -> dict[UUID, int]:
    """What these orders hold together."""
    return {row.listing_id: row.copies for row in await tx.all(HELD_BY, ids=list(order_ids))}


async def set_expired(tx: Transaction, order_ids: Sequence[UUID]) -> None:
    """The holds of these orders are over."""
    await tx.run(SET_EXPIRED, ids=list(order_ids))


async def lines_of(tx: Transaction, order_id: UUID) -> list[StockLine]:
    """What the order has, or had before it was given back, in the order of the listings' ids."""
    return [StockLine(*row) for row in await tx.all(LINES, order_id=order_id)]


async def set_lines(tx: Transaction, order_id: UUID, quantities: Iterable[tuple[UUID, int]]) -> None:
    """The order has exactly these copies."""
    await tx.run(DROP_LINES, order_id=order_id)
    await tx.many(
        ADD_LINE,
        [
            {"order_id": order_id, "listing_id": listing_id, "quantity": quantity, "returned": 0}
            for listing_id, quantity in quantities
        ],
    )


async def return_lines(tx: Transaction, order_id: UUID, quantities: Iterable[tuple[UUID, int]]) -> None:
    """So many of the order's copies are back on the shelf, beside those that were before."""
    await tx.many(
        RETURN_LINE,
        [{"order_id": order_id, "listing_id": listing_id, "quantity": quantity} for listing_id, quantity in quantities],
    )
