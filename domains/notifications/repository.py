"""Every statement on notifications but those of the mail sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, func, select, update

from domains.notifications.model import (
    Choices,
    Contact,
    Delivery,
    DeliveryStatus,
    Draft,
    Notification,
    NotificationChannel,
)
from domains.notifications.tables import contacts, mails, notifications, preferences, recipients
from kernel.columns import insert_row, now, param, params
from kernel.database import Database, Reader, Statement, Transaction
from kernel.pages import InvalidCursor, Page, PageRequest, decode_cursor, encode_cursor
from messaging.events import NotificationKind

_LAST_OF_ALL = 2**31 - 1
"""Comes before every sequence of a list that begins with the newest."""


class NotificationRow(NamedTuple):
    """A notification as it is stored, with what became of its mail."""

    id: UUID
    recipient_id: str
    kind: NotificationKind
    subject: str
    body: str
    order_id: UUID | None
    sequence: int | None
    created_at: datetime
    read_at: datetime | None
    mail_status: DeliveryStatus | None
    settled_at: datetime | None
    reason: str | None


class PreferenceRow(NamedTuple):
    """What somebody chose."""

    kind: NotificationKind
    channel: NotificationChannel
    enabled: bool


class ContactRow(NamedTuple):
    """A contact as it is stored."""

    seller_id: UUID
    owner_id: str
    display_name: str
    email: str | None


class CountRow(NamedTuple):
    """A number."""

    number: int


_RECIPIENT = param(notifications.c.recipient_id)
_SHOWN = notifications.c.sequence.is_not(None)
_UNREAD = notifications.c.read_at.is_(None)
_ALL = select(
    notifications.c.id,
    notifications.c.recipient_id,
    notifications.c.kind,
    notifications.c.subject,
    notifications.c.body,
    notifications.c.order_id,
    notifications.c.sequence,
    notifications.c.created_at,
    notifications.c.read_at,
    mails.c.status.label("mail_status"),
    mails.c.settled_at,
    mails.c.reason,
).select_from(notifications.outerjoin(mails, mails.c.notification_id == notifications.c.id))
_OF_RECIPIENT = _ALL.where(notifications.c.recipient_id == _RECIPIENT)
_BEFORE = (
    _OF_RECIPIENT.where(notifications.c.sequence < param(Integer, "before"))
    .order_by(notifications.c.sequence.desc())
    .limit(param(Integer, "limit"))
)

FIND = Statement(
    _ALL.where(notifications.c.id.in_(params(notifications.c.id, "ids")), notifications.c.skipped.is_(False)),
    NotificationRow,
)
NEWEST_FIRST = Statement(_BEFORE, NotificationRow)
UNREAD_NEWEST_FIRST = Statement(_BEFORE.where(_UNREAD), NotificationRow)
AFTER = Statement(
    _OF_RECIPIENT.where(notifications.c.sequence > param(Integer, "after"))
    .order_by(notifications.c.sequence)
    .limit(param(Integer, "limit")),
    NotificationRow,
)
UNREAD = Statement(
    select(func.count().label("number"))
    .select_from(notifications)
    .where(notifications.c.recipient_id == _RECIPIENT, _SHOWN, _UNREAD),
    CountRow,
)
_READ = update(notifications).where(notifications.c.recipient_id == _RECIPIENT, _SHOWN, _UNREAD).values(read_at=now())
MARK_ALL_READ = Statement(_READ)
MARK_READ = Statement(_READ.where(notifications.c.id.in_(params(notifications.c.id, "ids"))))

LAST_SEQUENCE = Statement(
    select(recipients.c.last_sequence.label("number")).where(
        recipients.c.recipient_id == param(recipients.c.recipient_id)
    ),
    CountRow,
)
_OPEN = insert_row(recipients, without=("last_sequence",)).values(last_sequence=0)
LOCK_RECIPIENT = Statement(
    _OPEN.on_conflict_do_update(
        index_elements=["recipient_id"], set_={"recipient_id": _OPEN.excluded.recipient_id}
    ).returning(recipients.c.last_sequence.label("number")),
    CountRow,
)
COUNT_ON = Statement(
    update(recipients)
    .where(recipients.c.recipient_id == param(recipients.c.recipient_id))
    .values(last_sequence=param(recipients.c.last_sequence))
)
ADD = Statement(
    insert_row(notifications, without=("created_at", "read_at"))
    .values(created_at=now())
    .on_conflict_do_nothing(index_elements=["kind", "about", "recipient_id"])
)

CHOICES = Statement(
    select(preferences.c.kind, preferences.c.channel, preferences.c.enabled).where(
        preferences.c.recipient_id == param(preferences.c.recipient_id)
    ),
    PreferenceRow,
)
_CHOOSE = insert_row(preferences)
CHOOSE = Statement(
    _CHOOSE.on_conflict_do_update(
        index_elements=["recipient_id", "kind", "channel"], set_={"enabled": _CHOOSE.excluded.enabled}
    )
)

FIND_CONTACTS = Statement(
    select(contacts.c.seller_id, contacts.c.owner_id, contacts.c.display_name, contacts.c.email).where(
        contacts.c.seller_id.in_(params(contacts.c.seller_id, "seller_ids"))
    ),
    ContactRow,
)
_LEARN = insert_row(contacts)
LEARN_CONTACT = Statement(
    _LEARN.on_conflict_do_update(
        index_elements=["seller_id"],
        set_={name: _LEARN.excluded[name] for name in ("owner_id", "display_name", "email", "version")},
        where=contacts.c.version < _LEARN.excluded.version,
    )
)


async def find(reader: Reader, ids: Iterable[UUID]) -> dict[UUID, Notification]:
    """The notifications that exist of these ids."""
    return {row.id: _notification(row) for row in await reader.all(FIND, ids=list(ids))}


async def newest_first(
    reader: Reader, recipient_id: str, *, unread_only: bool, page: PageRequest
) -> Page[Notification]:
    """What is shown to somebody, newest first; raises InvalidCursor."""
    rows = await reader.all(
        UNREAD_NEWEST_FIRST if unread_only else NEWEST_FIRST,
        recipient_id=recipient_id,
        before=_position(page.after),
        limit=page.first + 1,
    )
    shown = [_notification(row) for row in rows[: page.first]]
    return Page(shown, [encode_cursor(shown_one.sequence) for shown_one in shown], len(rows) > page.first)


async def after(reader: Reader, recipient_id: str, sequence: int, limit: int) -> list[Notification]:
    """What came after a sequence, oldest first."""
    rows = await reader.all(AFTER, recipient_id=recipient_id, after=max(0, min(sequence, _LAST_OF_ALL)), limit=limit)
    return [_notification(row) for row in rows]


async def unread_count(reader: Reader, recipient_id: str) -> int:
    """How many somebody has not read."""
    row = await reader.one(UNREAD, recipient_id=recipient_id)
    return row.number if row else 0


async def last_sequence(reader: Reader, recipient_id: str) -> int:
    """The newest sequence of somebody, 0 where there is none."""
    row = await reader.one(LAST_SEQUENCE, recipient_id=recipient_id)
    return row.number if row else 0


async def mark_read(tx: Transaction, recipient_id: str, ids: Sequence[UUID] | None) -> int:
    """How many of somebody's notifications (all for None) became read."""
    if ids is None:
        return await tx.run(MARK_ALL_READ, recipient_id=recipient_id)
    return await tx.run(MARK_READ, recipient_id=recipient_id, ids=list(ids))


async def lock_recipient(tx: Transaction, recipient_id: str) -> int:
    """The recipient's last sequence, which nobody else counts on until the commit."""
    row = await tx.one(LOCK_RECIPIENT, recipient_id=recipient_id)
    assert row is not None
    return row.number


async def add(tx: Transaction, draft: Draft, *, id: UUID, sequence: int | None, skipped: bool) -> bool:
    """False where the recipient was written to about this before."""
    added = await tx.run(
        ADD,
        id=id,
        recipient_id=draft.recipient_id,
        kind=draft.kind,
        about=draft.about,
        subject=draft.subject,
        body=draft.body,
        order_id=draft.order_id,
        sequence=sequence,
        skipped=skipped,
    )
    if added and sequence is not None:
        await tx.run(COUNT_ON, recipient_id=draft.recipient_id, last_sequence=sequence)
    return bool(added)


async def choices(reader: Reader, recipient_id: str) -> Choices:
    """What somebody chose."""
    rows = await reader.all(CHOICES, recipient_id=recipient_id)
    return {(row.kind, row.channel): row.enabled for row in rows}


async def choose(
    database: Database, recipient_id: str, kind: NotificationKind, channel: NotificationChannel, *, enabled: bool
) -> None:
    """Stores a choice."""
    await database.write(CHOOSE, recipient_id=recipient_id, kind=kind, channel=channel, enabled=enabled)


async def find_contacts(reader: Reader, seller_ids: Iterable[UUID]) -> dict[UUID, Contact]:
    """The sellers that are known of these ids."""
    rows = await reader.all(FIND_CONTACTS, seller_ids=list(seller_ids))
    return {row.seller_id: Contact(**row._asdict()) for row in rows}


async def learn_contact(tx: Transaction, contact: Contact, *, version: int) -> None:
    """Stores a seller's contact unless a newer one is here."""
    await tx.run(
        LEARN_CONTACT,
        seller_id=contact.seller_id,
        owner_id=contact.owner_id,
        display_name=contact.display_name,
        email=contact.email,
        version=version,
    )


def _position(cursor: str | None) -> int:
    if cursor is None:
        return _LAST_OF_ALL
    (sequence,) = decode_cursor(cursor, int)
    if not 0 <= sequence <= _LAST_OF_ALL:
        raise InvalidCursor
    return sequence


def _notification(row: NotificationRow) -> Notification:
    deliveries = []
    if row.sequence is not None:
        deliveries.append(_in_app(row.created_at))
    if row.mail_status is not None:
        mail = Delivery(channel=NotificationChannel.MAIL, status=row.mail_status, at=row.settled_at, reason=row.reason)
        deliveries.append(mail)
    return Notification(
        id=row.id,
        recipient_id=row.recipient_id,
        kind=row.kind,
        subject=row.subject,
        body=row.body,
        order_id=row.order_id,
        sequence=row.sequence or 0,
        created_at=row.created_at,
        read_at=row.read_at,
        deliveries=tuple(deliveries),
    )


def _in_app(at: datetime) -> Delivery:
    return Delivery(channel=NotificationChannel.IN_APP, status=DeliveryStatus.SENT, at=at, reason=None)
