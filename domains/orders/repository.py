"""Every SQL statement that changes orders: their state, receipts, timeline."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    Integer,
    and_,
    delete,
    exists,
    false,
    func,
    null,
    select,
    update,
)

from domains.orders.model import OrderStatus, PaymentStatus
from domains.orders.tables import PENDING, order_lines, orders, receipts, timeline
from kernel.columns import in_seconds, insert_row, now, param
from kernel.database import Statement, Transaction

T = TypeVar("T")


class OrderHead(NamedTuple):
    """What a change of a locked order goes by."""

    id: UUID
    number: str
    buyer_id: str
    buyer_email: str | None
    status: OrderStatus
    version: int
    total: int
    currency: str
    placed_at: datetime
    charge_reference: str | None
    charge_deadline: datetime | None
    next_action: dict[str, Any] | None
    cancel_reason: str | None
    may_cancel: bool


class StateRow(NamedTuple):
    """An order's state after a step."""

    version: int
    status: OrderStatus
    payment_status: PaymentStatus
    settled: bool


class StaleRow(NamedTuple):
    """An order that the sweep looks after: to give back its hold where there is a reason, to finish it otherwise.

    `action_over` says that its buyer had time enough for what the provider requires.
    """

    id: UUID
    release_reason: str | None
    charge_reference: str | None
    action_over: bool


class IdRow(NamedTuple):
    """The id of an order."""

    id: UUID


class MomentRow(NamedTuple):
    """When it happened."""

    at: datetime


class SellerRow(NamedTuple):
    """A seller of an order."""

    seller_id: UUID


class ActionRow(NamedTuple):
    """What an order's buyer has to do for the payment."""

    next_action: dict[str, Any] | None


_ID = orders.c.id == param(orders.c.id)
_LATER = (
    "charge_reference",
    "charge_deadline",
    "next_action",
    "action_deadline",
    "paid_at",
    "cancel_until",
    "cancel_reason",
    "release_reason",
)
"""What an order does not have when it is placed."""
_NO_ACTION = {"next_action": null(), "action_deadline": None}
_MISSING = exists().where(receipts.c.order_id == orders.c.id, receipts.c.received_at.is_(None))

FIND_SELLERS = Statement(
    select(order_lines.c.seller_id)
    .where(order_lines.c.order_id == param(order_lines.c.order_id))
    .distinct()
    .order_by(order_lines.c.seller_id),
    SellerRow,
)
ADD_ORDER = Statement(
    insert_row(orders, without=_LATER)
    .values(placed_at=now(), look_at=in_seconds(param(Integer, "seconds")))
    .on_conflict_do_nothing()
    .returning(orders.c.id),
    IdRow,
)
ADD_LINE = Statement(insert_row(order_lines))
LOCK_ORDER = Statement(
    select(
        *(orders.c[name] for name in OrderHead._fields[:-1]),
        func.coalesce(orders.c.cancel_until > now(), false()).label("may_cancel"),
    )
    .where(_ID)
    .with_for_update(key_share=True),
    OrderHead,
)
BEGIN_CHARGE = Statement(
    update(orders)
    .where(_ID, PENDING)
    .values(
        charge_reference=param(orders.c.charge_reference),
        charge_deadline=in_seconds(param(Integer, "deadline_seconds")),
        look_at=in_seconds(param(Integer, "look_seconds")),
    )
    .returning(orders.c.id),
    IdRow,
)
MARK_PAID = Statement(
    update(orders)
    .where(_ID)
    .values(
        status=OrderStatus.PAID,
        payment_status=PaymentStatus.CAPTURED,
        paid_at=now(),
        cancel_until=in_seconds(param(Integer, "cancel_seconds")),
        look_at=None,
        **_NO_ACTION,
    )
    .returning(orders.c.paid_at.label("at")),
    MomentRow,
)
MARK_ENDED = Statement(
    update(orders)
    .where(_ID)
    .values(
        status=param(orders.c.status),
        payment_status=PaymentStatus.FAILED,
        release_reason=param(orders.c.release_reason),
        cancel_reason=param(orders.c.cancel_reason),
        look_at=in_seconds(param(Integer, "seconds")),
        **_NO_ACTION,
    )
)
MARK_CANCELLED = Statement(
    update(orders).where(_ID).values(status=OrderStatus.CANCELLED, cancel_reason=param(orders.c.cancel_reason))
)
AWAIT_ACTION = Statement(
    update(orders)
    .where(_ID)
    .values(
        next_action=param(orders.c.next_action),
        action_deadline=func.coalesce(orders.c.action_deadline, in_seconds(param(Integer, "action_seconds"))),
        look_at=in_seconds(param(Integer, "look_seconds")),
    )
)
MARK_RELEASED = Statement(update(orders).where(_ID).values(release_reason=None, look_at=None))
CLAIM_STALE = Statement(
    update(orders)
    .where(
        orders.c.id.in_(
            select(orders.c.id)
            .where(orders.c.look_at <= now())
            .order_by(orders.c.look_at)
            .limit(param(Integer, "count"))
            .with_for_update(skip_locked=True, key_share=True)
        )
    )
    .values(look_at=in_seconds(param(Integer, "seconds")))
    .returning(
        *(orders.c[name] for name in StaleRow._fields[:-1]),
        func.coalesce(orders.c.action_deadline <= now(), false()).label("action_over"),
    ),
    StaleRow,
)
STEP = Statement(
    update(orders)
    .where(_ID)
    .values(version=orders.c.version + 1, settled=and_(orders.c.status != OrderStatus.PENDING, ~_MISSING))
    .returning(*(orders.c[name] for name in StateRow._fields)),
    StateRow,
)

FIND_ACTION = Statement(select(orders.c.next_action).where(_ID), ActionRow)
_RECEIPT = insert_row(receipts, without=("received_at",))
EXPECT = Statement(_RECEIPT.on_conflict_do_nothing())
EXPECT_AGAIN = Statement(
    _RECEIPT.on_conflict_do_update(index_elements=[receipts.c.order_id, receipts.c.what], set_={"received_at": null()})
)
FORGET_RECEIPTS = Statement(delete(receipts).where(receipts.c.order_id == param(receipts.c.order_id)))
TICK = Statement(
    update(receipts)
    .where(
        receipts.c.order_id == param(receipts.c.order_id),
        receipts.c.what == param(receipts.c.what),
        receipts.c.received_at.is_(None),
    )
    .values(received_at=now())
)
ADD_ENTRY = Statement(
    insert_row(timeline).values(at=now()).on_conflict_do_nothing().returning(timeline.c.at), MomentRow
)


async def lock_order(tx: Transaction, order_id: UUID) -> OrderHead | None:
    """An order that nobody else changes before this transaction ends."""
    return await tx.one(LOCK_ORDER, id=order_id)


async def add_entry(
    tx: Transaction, order_id: UUID, version: int, *, event: str, domain: str, what: str, detail: str | None = None
) -> datetime | None:
    """Write a step onto an order's timeline; when it happened, None if it is there already."""
    row = await tx.one(
        ADD_ENTRY, order_id=order_id, version=version, event=event, domain=domain, what=what, detail=detail
    )
    return row.at if row else None


async def sellers_of(tx: Transaction, order_id: UUID) -> tuple[UUID, ...]:
    """The sellers of an order's lines."""
    return tuple(row.seller_id for row in await tx.all(FIND_SELLERS, order_id=order_id))


async def expect(tx: Transaction, order_id: UUID, receipts: Iterable[str]) -> None:
    """The order is not settled before these receipts have come."""
    await tx.many(EXPECT, [{"order_id": order_id, "what": what} for what in receipts])


async def next_state(tx: Transaction, order_id: UUID) -> StateRow:
    """A locked order's state, one version on and settled if no receipt is missing."""
    return _there(await tx.one(STEP, id=order_id))


async def mark_paid(tx: Transaction, order_id: UUID, *, cancel_seconds: int) -> datetime:
    """A locked order is paid from this moment on, and its buyer may cancel it for so long."""
    return _there(await tx.one(MARK_PAID, id=order_id, cancel_seconds=cancel_seconds)).at


def _there(row: T | None) -> T:
    if row is None:
        raise LookupError("a locked order is gone")
    return row
