"""The outbox: events are rows, written in the transaction of the change that they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, delete, func, or_, select, update

from kernel.columns import in_seconds, insert_row, now, param, params
from kernel.database import Reader, Statement, Transaction
from kernel.ids import new_id
from kernel.logging import correlation_id, traceparent
from messaging.event import Event
from messaging.message import Message
from messaging.tables import outbox

SIGNAL = "outbox"
"""Set after each commit that wrote events; the relay waits on it."""


class MessageRow(NamedTuple):
    """An outbox row as it is sent."""

    id: UUID
    name: str
    body: bytes
    owner: str
    written_at: datetime
    correlation_id: str
    aggregate_id: str
    aggregate_version: int
    schema_version: int
    traceparent: str | None


class Lag(NamedTuple):
    """How many events wait to be sent, since when the oldest does, and the time that it is there."""

    waiting: int
    oldest: datetime | None
    now: datetime

    @property
    def seconds(self) -> float:
        """How long the oldest has waited."""
        return (self.now - self.oldest).total_seconds() if self.oldest else 0.0


class SentRow(NamedTuple):
    """An event that was sent, and how often it was sent again."""

    id: UUID
    name: str
    sent_at: datetime
    resent: int


_MESSAGE = [outbox.c[name] for name in MessageRow._fields]
_UNSENT = outbox.c.sent_at.is_(None)
_BY_ID = outbox.c.id.in_(params(outbox.c.id, "ids"))
_MINE = outbox.c.lease == param(outbox.c.lease, "mine")
_SECONDS = param(Integer, "seconds")
_DUE = select(outbox.c.id).where(_UNSENT, outbox.c.next_at <= now()).order_by(outbox.c.next_at, outbox.c.id)

ADD = Statement(
    insert_row(outbox, without=("written_at", "next_at", "attempts", "lease", "sent_at", "resent")).values(
        written_at=now(), next_at=now(), attempts=0
    )
)
UNSENT = Statement(select(*_MESSAGE).where(_UNSENT).order_by(outbox.c.id), MessageRow)
ANY_DUE = Statement(_DUE.limit(1), NamedTuple("DueRow", [("id", UUID)]))
CLAIM = Statement(
    update(outbox)
    .where(outbox.c.id.in_(_DUE.limit(param(Integer, "count")).with_for_update(skip_locked=True)))
    .values(lease=param(outbox.c.lease, "mine"), next_at=in_seconds(_SECONDS), attempts=outbox.c.attempts + 1)
    .returning(*_MESSAGE),
    MessageRow,
)
MARK_SENT = Statement(update(outbox).where(_BY_ID, _MINE).values(sent_at=now(), lease=None))
PUT_BACK = Statement(update(outbox).where(_BY_ID, _MINE, _UNSENT).values(next_at=in_seconds(_SECONDS), lease=None))
RECLAIM = Statement(update(outbox).where(_UNSENT, outbox.c.lease.is_not(None)).values(next_at=now(), lease=None))
"""Makes due what a relay had claimed that is known to be dead."""
LAG = Statement(
    select(func.count().label("waiting"), func.min(outbox.c.written_at).label("oldest"), now().label("now")).where(
        _UNSENT
    ),
    Lag,
)
CLOCK = Statement(select(now().label("now")), NamedTuple("Clock", [("now", datetime)]))
_SENT = [outbox.c[name] for name in SentRow._fields]
_SINCE = param(outbox.c.sent_at, "since")
_BEFORE = outbox.c.sent_at <= param(outbox.c.sent_at, "until")
SENT = Statement(
    select(*_SENT)
    .where(
        outbox.c.name.in_(params(outbox.c.name, "names")),
        outbox.c.sent_at >= _SINCE,
        or_(outbox.c.sent_at > _SINCE, outbox.c.id > param(outbox.c.id, "after")),
        _BEFORE,
    )
    .order_by(outbox.c.sent_at, outbox.c.id)
    .limit(param(Integer, "count")),
    SentRow,
)
FIND_SENT = Statement(select(*_SENT).where(_BY_ID, _BEFORE), SentRow)
SEND_AGAIN = Statement(
    update(outbox)
    .where(_BY_ID, _BEFORE)
    .values(sent_at=None, next_at=now(), lease=None, resent=outbox.c.resent + 1)
    .returning(*_SENT[:2]),
    NamedTuple("DueAgain", [("id", UUID), ("name", str)]),
)
_OLD = select(outbox.c.id).where(outbox.c.sent_at < in_seconds(_SECONDS)).order_by(outbox.c.sent_at)
PURGE = Statement(delete(outbox).where(outbox.c.id.in_(_OLD.limit(param(Integer, "count")))))


async def add(tx: Transaction, *events: Event) -> None:
    """Writes the events into the outbox of the open transaction; the relay sends them after the commit."""
    correlation, trace = correlation_id(), traceparent()
    rows = [
        {
            "id": new_id(),
            "name": type(event).__name__,
            "body": event.to_wire(),
            "owner": event.owner,
            "aggregate_id": event.aggregate_id,
            "aggregate_version": event.aggregate_version,
            "schema_version": event.schema_version,
            "correlation_id": correlation,
            "traceparent": trace,
        }
        for event in events
    ]
    if rows:
        await tx.many(ADD, rows)
        tx.wake(SIGNAL)


async def pending(reader: Reader) -> Sequence[Message]:
    """Every event that was not sent yet, oldest first."""
    return [Message(**row._asdict()) for row in await reader.all(UNSENT)]


async def lag(reader: Reader) -> Lag:
    """How far sending is behind."""
    row = await reader.one(LAG)
    assert row is not None, "a count has a row"
    return row
