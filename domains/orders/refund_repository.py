"""Every SQL statement about payments and refunds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, select, update

from domains.orders.model import PaymentStatus
from domains.orders.refund import Refund, RefundCause, RefundedLine, RefundStatus, payment_status_of
from domains.orders.tables import REFUND_DUE, REFUND_FAILED, orders, payments, refund_lines, refunds
from domains.orders.views import id_after
from kernel.columns import in_seconds, insert_row, now, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.money import Money
from kernel.pages import Page, PageRequest, encode_cursor


class PaymentRow(NamedTuple):
    """The money of an order, in minor units: what was taken, is on its way back, and is back."""

    captured: int
    refunding: int
    refunded: int

    @property
    def left(self) -> int:
        """What can still be given back."""
        return self.captured - self.refunding - self.refunded


class RefundRow(NamedTuple):
    """A refund without its lines."""

    id: UUID
    order_id: UUID
    cause: RefundCause
    status: RefundStatus
    amount: int
    reason: str
    asked_at: datetime
    done_at: datetime | None
    failure_code: str | None
    attempts: int
    retries: int
    currency: str


class LineRow(NamedTuple):
    """A refund's share of a line."""

    refund_id: UUID
    order_line_id: UUID
    quantity: int
    amount: int
    restock: bool


class IdRow(NamedTuple):
    """The id of a refund."""

    id: UUID


class OrderRow(NamedTuple):
    """The order of a refund."""

    order_id: UUID


class KeyRow(NamedTuple):
    """The refund that an operator asked for under a key."""

    id: UUID
    fingerprint: str


class StatusRow(NamedTuple):
    """How far a refund has come."""

    status: RefundStatus


class DueRow(NamedTuple):
    """A refund that was claimed: so much of this charge; `attempts` counts this one."""

    id: UUID
    attempts: int
    amount: int
    currency: str
    reference: str
    retries: int


_PAYMENT = payments.c.order_id == param(payments.c.order_id)
_AMOUNT = param(payments.c.captured, "amount")
_ID = refunds.c.id == param(refunds.c.id)
_PENDING = refunds.c.status == RefundStatus.PENDING
_MINE = refunds.c.lease == param(refunds.c.lease, "mine")
_DUE = select(refunds.c.id).where(REFUND_DUE, refunds.c.next_at <= now()).order_by(refunds.c.next_at)
_REFUNDS = select(*(refunds.c[name] for name in RefundRow._fields[:-1]), orders.c.currency).join_from(refunds, orders)

ADD_PAYMENT = Statement(
    insert_row(payments).values(captured_at=now(), refunding=0, refunded=0).on_conflict_do_nothing()
)
FIND_PAYMENT = Statement(select(*(payments.c[name] for name in PaymentRow._fields)).where(_PAYMENT), PaymentRow)
RESERVE = Statement(
    update(payments)
    .where(_PAYMENT, payments.c.captured - payments.c.refunded - payments.c.refunding >= _AMOUNT)
    .values(refunding=payments.c.refunding + _AMOUNT)
)
GIVE_BACK = Statement(
    update(payments)
    .where(_PAYMENT)
    .values(refunding=payments.c.refunding - _AMOUNT, refunded=payments.c.refunded + _AMOUNT)
)
TAKE_BACK = Statement(
    update(payments)
    .where(_PAYMENT)
    .values(refunding=payments.c.refunding + _AMOUNT, refunded=payments.c.refunded - _AMOUNT)
)
SET_PAYMENT_STATUS = Statement(
    update(orders)
    .where(orders.c.id == param(orders.c.id, "order_id"))
    .values(payment_status=param(orders.c.payment_status))
)

ADD_REFUND = Statement(
    insert_row(refunds, without=("done_at", "failure_code", "lease"))
    .values(status=RefundStatus.PENDING, attempts=0, retries=0, asked_at=now(), next_at=now())
    .on_conflict_do_nothing()
    .returning(refunds.c.id),
    IdRow,
)
ADD_LINE = Statement(insert_row(refund_lines))
FIND_ORDER = Statement(select(refunds.c.order_id).where(_ID), OrderRow)
FIND_BY_KEY = Statement(
    select(refunds.c.id, refunds.c.fingerprint).where(
        refunds.c.operator_id == param(refunds.c.operator_id), refunds.c.key == param(refunds.c.key)
    ),
    KeyRow,
)
FIND_STATUSES = Statement(select(refunds.c.status).where(refunds.c.order_id == param(refunds.c.order_id)), StatusRow)
FIND_REFUNDS = Statement(_REFUNDS.where(refunds.c.id.in_(params(refunds.c.id, "ids"))), RefundRow)
FIND_OF_ORDERS = Statement(
    _REFUNDS.where(refunds.c.order_id.in_(params(refunds.c.order_id, "ids"))).order_by(
        refunds.c.order_id, refunds.c.id
    ),
    RefundRow,
)
FIND_FAILED = Statement(
    _REFUNDS.where(REFUND_FAILED, refunds.c.id > param(refunds.c.id, "after"))
    .order_by(refunds.c.id)
    .limit(param(Integer, "count")),
    RefundRow,
)
FIND_LINES = Statement(
    select(*(refund_lines.c[name] for name in LineRow._fields))
    .where(refund_lines.c.refund_id.in_(params(refund_lines.c.refund_id, "ids")))
    .order_by(refund_lines.c.refund_id, refund_lines.c.order_line_id),
    LineRow,
)

ANY_DUE = Statement(_DUE.limit(1), IdRow)
CLAIM = Statement(
    update(refunds)
    .where(refunds.c.id.in_(_DUE.limit(param(Integer, "most")).with_for_update(skip_locked=True)))
    .values(
        lease=param(refunds.c.lease, "mine"),
        next_at=in_seconds(param(Integer, "seconds")),
        attempts=refunds.c.attempts + 1,
    )
    .returning(refunds.c.id),
    IdRow,
)
FIND_DUE = Statement(
    select(
        refunds.c.id, refunds.c.attempts, refunds.c.amount, orders.c.currency, payments.c.reference, refunds.c.retries
    )
    .join_from(refunds, orders)
    .join(payments, payments.c.order_id == refunds.c.order_id)
    .where(refunds.c.id.in_(params(refunds.c.id, "ids"))),
    DueRow,
)
PUT_OFF = Statement(
    update(refunds).where(_ID, _PENDING, _MINE).values(next_at=in_seconds(param(Integer, "seconds")), lease=None)
)
RECLAIM = Statement(update(refunds).where(REFUND_DUE, refunds.c.lease.is_not(None)).values(next_at=now(), lease=None))
MARK_DONE = Statement(
    update(refunds)
    .where(_ID, refunds.c.status != RefundStatus.DONE)
    .values(status=RefundStatus.DONE, done_at=now(), next_at=None, lease=None, failure_code=None)
)
MARK_FAILED = Statement(
    update(refunds)
    .where(_ID, _PENDING)
    .values(status=RefundStatus.FAILED, failure_code=param(refunds.c.failure_code), next_at=None, lease=None)
)
MARK_RETURNED = Statement(
    update(refunds)
    .where(_ID, refunds.c.status == RefundStatus.DONE)
    .values(status=RefundStatus.FAILED, failure_code=param(refunds.c.failure_code), done_at=None)
)
MARK_RETRIED = Statement(
    update(refunds)
    .where(_ID, refunds.c.status == RefundStatus.FAILED)
    .values(status=RefundStatus.PENDING, next_at=now(), failure_code=None, retries=refunds.c.retries + 1)
)


async def claim(tx: Transaction, lease: UUID, *, most: int, seconds: int) -> list[DueRow]:
    """Takes refunds that are due, at most so many, for a number of seconds."""
    claimed = [row.id for row in await tx.all(CLAIM, mine=lease, most=most, seconds=seconds)]
    return await tx.all(FIND_DUE, ids=claimed) if claimed else []


async def payment_of(reader: Reader, order_id: UUID) -> PaymentRow:
    """The money of an order; nothing where nothing was taken."""
    return await reader.one(FIND_PAYMENT, order_id=order_id) or PaymentRow(0, 0, 0)


async def refresh_payment_status(tx: Transaction, order_id: UUID) -> PaymentStatus:
    """Where the money of a locked order is by its refunds; the order says so from now on."""
    payment = await payment_of(tx, order_id)
    statuses = [row.status for row in await tx.all(FIND_STATUSES, order_id=order_id)]
    status = payment_status_of(statuses, captured=payment.captured, refunded=payment.refunded)
    await tx.run(SET_PAYMENT_STATUS, order_id=order_id, payment_status=status)
    return status


async def find_refund(reader: Reader, refund_id: UUID) -> Refund | None:
    """A refund as it is now."""
    found = await _with_lines(reader, await reader.all(FIND_REFUNDS, ids=[refund_id]))
    return found[0] if found else None


async def refunds_of(reader: Reader, order_ids: Sequence[UUID]) -> dict[UUID, tuple[Refund, ...]]:
    """The refunds of these orders, oldest first; an order without any is absent."""
    rows = await reader.all(FIND_OF_ORDERS, ids=order_ids) if order_ids else []
    refunds_by_order = groupby(await _with_lines(reader, rows), key=lambda refund: refund.order_id)
    return {order_id: tuple(group) for order_id, group in refunds_by_order}


async def failed_refunds(reader: Reader, page: PageRequest) -> Page[Refund]:
    """A page of the refunds that failed, oldest first. Raises InvalidCursor."""
    rows = await reader.all(FIND_FAILED, after=id_after(page.after), count=page.first + 1)
    found = await _with_lines(reader, rows[: page.first])
    return Page(found, [encode_cursor(str(one.id)) for one in found], has_next=len(rows) > page.first)


async def _with_lines(reader: Reader, rows: Sequence[RefundRow]) -> list[Refund]:
    ids = [row.id for row in rows if row.cause is RefundCause.OPERATOR]
    lines = _by_refund(await reader.all(FIND_LINES, ids=ids)) if ids else {}
    return [_refund(row, lines.get(row.id, ())) for row in rows]


def _by_refund(rows: Iterable[LineRow]) -> dict[UUID, list[LineRow]]:
    return {refund_id: list(group) for refund_id, group in groupby(rows, key=lambda row: row.refund_id)}


def _refund(row: RefundRow, lines: Iterable[LineRow]) -> Refund:
    facts: dict[str, Any] = row._asdict()
    currency = facts.pop("currency")
    facts["amount"] = Money(row.amount, currency)
    shares = (RefundedLine(one.order_line_id, one.quantity, Money(one.amount, currency), one.restock) for one in lines)
    return Refund(**facts, lines=tuple(shares))
