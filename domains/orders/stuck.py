"""Orders that should have come to their end: what operators look for, by its own few statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, String, case, exists, func, literal_column, select

from domains.orders.model import Order
from domains.orders.tables import PENDING, UNFINISHED, orders, receipts, timeline
from domains.orders.views import Parts, id_after, orders_with
from kernel.columns import Instant, in_seconds, param, params
from kernel.database import Reader, Statement
from kernel.pages import Page, PageRequest, encode_cursor

SLACK_SECONDS = 60
"""How long after a deadline whoever keeps it may take."""
QUIET_SECONDS = 300
"""How long an order that has ended may wait for the next report of another domain."""


class StuckReason(StrEnum):
    """What of an order is late."""

    PAYMENT = "PAYMENT"
    HOLD = "HOLD"
    REPORTS = "REPORTS"


@dataclass(frozen=True, slots=True)
class StuckOrder:
    """An order that is late, since when nothing has happened to it, and which reports are missing."""

    order: Order
    reason: StuckReason
    since: datetime
    missing: tuple[str, ...]


class StuckRow(NamedTuple):
    """An order that is late."""

    id: UUID
    reason: str
    since: datetime


class MissingRow(NamedTuple):
    """What somebody has not reported."""

    order_id: UUID
    what: str


def _said(reason: StuckReason) -> ColumnElement[str]:
    return literal_column(f"'{reason}'", String)


_STEPS = timeline.c.order_id == orders.c.id
_SLACK, _QUIET = in_seconds(-SLACK_SECONDS), in_seconds(-QUIET_SECONDS)
_IS_LATE = case(
    (orders.c.action_deadline.is_not(None), orders.c.action_deadline < _SLACK),
    (orders.c.charge_deadline.is_not(None), orders.c.charge_deadline < in_seconds(param(Integer, "charge_before"))),
    else_=orders.c.placed_at < in_seconds(param(Integer, "placed_before")),
)
_IS_STUCK = case((PENDING, _IS_LATE), else_=~exists().where(_STEPS, timeline.c.at >= _QUIET))
_REASON = case(
    (PENDING, _said(StuckReason.PAYMENT)),
    (orders.c.release_reason.is_not(None), _said(StuckReason.HOLD)),
    else_=_said(StuckReason.REPORTS),
)
_LAST_STEP = select(func.max(timeline.c.at)).where(_STEPS).scalar_subquery()

FIND_STUCK = Statement(
    select(
        orders.c.id,
        _REASON.label("reason"),
        func.coalesce(_LAST_STEP, orders.c.placed_at, type_=Instant).label("since"),
    )
    .where(UNFINISHED, orders.c.id > param(orders.c.id, "after"), _IS_STUCK)
    .order_by(orders.c.id)
    .limit(param(Integer, "count")),
    StuckRow,
)
FIND_MISSING = Statement(
    select(receipts.c.order_id, receipts.c.what)
    .where(receipts.c.order_id.in_(params(receipts.c.order_id, "ids")), receipts.c.received_at.is_(None))
    .order_by(receipts.c.order_id, receipts.c.what),
    MissingRow,
)


async def stuck_orders(
    reader: Reader, page: PageRequest, *, placing_seconds: int, late_seconds: int, parts: Parts
) -> Page[StuckOrder]:
    """A page of the orders that are late, oldest first; raises InvalidCursor.

    `placing_seconds` is from when an order is placed until its charge begins, `late_seconds` from the end of the charge
    until the provider is asked what became of it.
    """
    rows = await reader.all(
        FIND_STUCK,
        after=id_after(page.after),
        placed_before=-placing_seconds - SLACK_SECONDS,
        charge_before=-late_seconds - SLACK_SECONDS,
        count=page.first + 1,
    )
    shown = rows[: page.first]
    ids = [row.id for row in shown]
    found = await orders_with(reader, ids, parts)
    waiting = await reader.all(FIND_MISSING, ids=ids) if ids else []
    missing = {
        order_id: tuple(row.what for row in group) for order_id, group in groupby(waiting, key=lambda row: row.order_id)
    }
    stuck = [StuckOrder(found[row.id], StuckReason(row.reason), row.since, missing.get(row.id, ())) for row in shown]
    return Page(stuck, [encode_cursor(str(one)) for one in ids], has_next=len(rows) > page.first)
