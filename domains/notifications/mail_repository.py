"""Every statement of the mail sweep: mails are added, claimed with a lease, and settled by who holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, select, update

from domains.notifications.model import DeliveryStatus
from domains.notifications.tables import PENDING, mails, notifications
from kernel.columns import in_seconds, insert_row, now, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.logging import correlation_id, traceparent
from messaging.events import NotificationKind


class IdRow(NamedTuple):
    """A mail that is due."""

    notification_id: UUID


class ClaimRow(NamedTuple):
    """A mail that was claimed."""

    notification_id: UUID
    address: str
    attempts: int
    correlation_id: str
    traceparent: str | None


class TextRow(NamedTuple):
    """What a mail says."""

    id: UUID
    recipient_id: str
    kind: NotificationKind
    subject: str
    body: str
    order_id: UUID | None


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A mail that nobody else sends until the lease is over; `attempts` counts this one."""

    lease: UUID
    claim: ClaimRow
    text: TextRow


_MINE = (
    mails.c.notification_id == param(mails.c.notification_id),
    mails.c.lease == param(mails.c.lease, "mine"),
    PENDING,
)
_DUE = select(mails.c.notification_id).where(PENDING, mails.c.due_at <= now()).order_by(mails.c.due_at)

ADD = Statement(
    insert_row(mails, without=("status", "attempts", "due_at", "lease", "settled_at", "reason")).values(
        status=DeliveryStatus.PENDING, attempts=0, due_at=now()
    )
)
ANY_DUE = Statement(_DUE.limit(1), IdRow)
CLAIM = Statement(
    update(mails)
    .where(mails.c.notification_id.in_(_DUE.limit(param(Integer, "most")).with_for_update(skip_locked=True)))
    .values(
        lease=param(mails.c.lease, "mine"),
        due_at=in_seconds(param(Integer, "seconds")),
        attempts=mails.c.attempts + 1,
    )
    .returning(*(mails.c[name] for name in ClaimRow._fields)),
    ClaimRow,
)
RECLAIM = Statement(update(mails).where(PENDING, mails.c.lease.is_not(None)).values(due_at=now(), lease=None))
TEXTS = Statement(
    select(*(notifications.c[name] for name in TextRow._fields)).where(
        notifications.c.id.in_(params(notifications.c.id, "ids"))
    ),
    TextRow,
)
SETTLE = Statement(
    update(mails)
    .where(*_MINE)
    .values(status=param(mails.c.status, "into"), reason=param(mails.c.reason), settled_at=now(), lease=None)
)
PUT_OFF = Statement(
    update(mails)
    .where(*_MINE)
    .values(due_at=in_seconds(param(Integer, "seconds")), reason=param(mails.c.reason), lease=None)
)


async def add(tx: Transaction, notification_id: UUID, address: str) -> None:
    """A mail that is due at once, for what is worked on now."""
    await tx.run(
        ADD,
        notification_id=notification_id,
        address=address,
        correlation_id=correlation_id(),
        traceparent=traceparent(),
    )


async def any_due(reader: Reader) -> bool:
    """Whether there is something to claim."""
    return await reader.one(ANY_DUE) is not None


async def claim(tx: Transaction, lease: UUID, *, most: int, seconds: int) -> Sequence[ClaimedMail]:
    """Takes mails that are due, at most so many, for a number of seconds."""
    claims = await tx.all(CLAIM, mine=lease, most=most, seconds=seconds)
    texts = {row.id: row for row in await tx.all(TEXTS, ids=[row.notification_id for row in claims])}
    return [ClaimedMail(lease, row, texts[row.notification_id]) for row in claims]


async def settle(tx: Transaction, mail: ClaimedMail, status: DeliveryStatus, reason: str | None) -> bool:
    """Ends a mail; False where the lease was lost."""
    return bool(
        await tx.run(SETTLE, notification_id=mail.claim.notification_id, mine=mail.lease, into=status, reason=reason)
    )


async def put_off(tx: Transaction, mail: ClaimedMail, seconds: int, reason: str) -> bool:
    """Leaves a mail for later; False where the lease was lost."""
    return bool(
        await tx.run(
            PUT_OFF, notification_id=mail.claim.notification_id, mine=mail.lease, seconds=seconds, reason=reason
        )
    )
