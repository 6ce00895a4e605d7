"""Every SQL statement about attempts: what buyers asked for under their idempotency keys, and what was answered."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Integer, String, delete, literal_column, select, union_all, update

from domains.orders.model import UNPAID_ENDS
from domains.orders.tables import PENDING, attempts, orders
from kernel.columns import in_seconds, insert_row, now, param
from kernel.database import Database, Statement

FORGOTTEN = 500
"""Keys that are forgotten in one statement."""


class EarlierRow(NamedTuple):
    """An order that a buyer began before: of the key that was asked for, without an outcome, or ended with a hold.

    The first alone has a `fingerprint`, the last alone a `release_reason`: until its hold is given back.
    """

    order_id: UUID
    fingerprint: str | None
    release_reason: str | None


class ProblemsRow(NamedTuple):
    """The stored answer of an attempt."""

    problems: list[dict[str, Any]] | None


class IdRow(NamedTuple):
    """The id of an order."""

    id: UUID


_NOTHING = literal_column("NULL", String)
_OF_BUYER = orders.c.buyer_id == param(orders.c.buyer_id)
_ATTEMPT = (attempts.c.buyer_id == param(attempts.c.buyer_id), attempts.c.key == param(attempts.c.key))

ADD_ATTEMPT = Statement(
    insert_row(attempts, without=("problems",))
    .values(created_at=now())
    .on_conflict_do_nothing()
    .returning(attempts.c.order_id.label("id")),
    IdRow,
)
FIND_EARLIER = Statement(
    union_all(
        select(attempts.c.order_id, attempts.c.fingerprint, _NOTHING.label("release_reason")).where(*_ATTEMPT),
        select(orders.c.id, _NOTHING, _NOTHING).where(_OF_BUYER, PENDING),
        select(orders.c.id, _NOTHING, orders.c.release_reason).where(
            _OF_BUYER, orders.c.status.in_(sorted(UNPAID_ENDS)), orders.c.release_reason.is_not(None)
        ),
    ),
    EarlierRow,
)
FIND_ATTEMPT = Statement(select(attempts.c.order_id.label("id")).where(*_ATTEMPT), IdRow)
ANSWER_ATTEMPT = Statement(
    update(attempts)
    .where(attempts.c.order_id == param(attempts.c.order_id))
    .values(problems=param(attempts.c.problems))
)
FIND_PROBLEMS = Statement(
    select(attempts.c.problems).where(attempts.c.order_id == param(attempts.c.order_id)), ProblemsRow
)

FORGET_ATTEMPTS = Statement(
    delete(attempts).where(
        attempts.c.order_id.in_(
            select(attempts.c.order_id)
            .join_from(attempts, orders)
            .where(attempts.c.created_at <= in_seconds(param(Integer, "seconds")), ~PENDING)
            .order_by(attempts.c.created_at)
            .limit(param(Integer, "count"))
            .with_for_update(skip_locked=True, of=attempts)
        )
    )
)


async def forget_old(database: Database, *, hours: int) -> int:
    """Forget keys that are so old, but those of orders without an outcome; how many were forgotten."""
    return await database.transact(lambda tx: tx.run(FORGET_ATTEMPTS, seconds=-hours * 3600, count=FORGOTTEN))
