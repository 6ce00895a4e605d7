"""The inbox: which events a domain has seen; those whose handling failed are kept until it succeeds or is given up."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Integer, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from kernel.columns import in_seconds, now, param, params
from kernel.database import Statement
from messaging.tables import UNDONE, InboxState, inbox

SIGNAL = "inbox"
"""Set after each commit that left an event to be tried again."""


class PendingRow(NamedTuple):
    """An event whose handling failed and is due again."""

    event_id: UUID
    name: str
    body: bytes
    correlation_id: str
    traceparent: str | None
    attempts: int


class LetterRow(NamedTuple):
    """An event that is not handled: what it is, what went wrong and how often."""

    event_id: UUID
    name: str
    owner: str
    state: InboxState
    received_at: datetime
    attempts: int
    error: str | None
    note: str | None
    correlation_id: str
    body: bytes | None


class StateCount(NamedTuple):
    """How many inbox rows are in a state."""

    state: InboxState
    rows: int


_SECONDS = param(Integer, "seconds")
_THIS = inbox.c.event_id == param(inbox.c.event_id, "id")
_MINE = inbox.c.lease == param(inbox.c.lease, "mine")
_IS_PENDING = inbox.c.state == InboxState.PENDING
_IS_DEAD = inbox.c.state == InboxState.DEAD
_LETTER = [inbox.c[name] for name in LetterRow._fields]
_DUE = select(inbox.c.event_id).where(UNDONE, _IS_PENDING, inbox.c.next_at <= now()).order_by(inbox.c.next_at)

_COMMON = {name: param(inbox.c[name]) for name in ("event_id", "name", "owner", "correlation_id", "written_at")}

MARK_DONE = Statement(
    insert(inbox)
    .values(**_COMMON, state=InboxState.DONE, received_at=now(), attempts=1)
    .on_conflict_do_nothing(index_elements=["event_id"])
)
KEEP = Statement(
    insert(inbox)
    .values(
        **_COMMON,
        state=param(inbox.c.state),
        received_at=now(),
        attempts=1,
        body=param(inbox.c.body),
        traceparent=param(inbox.c.traceparent),
        error=param(inbox.c.error),
        next_at=in_seconds(_SECONDS),
    )
    .on_conflict_do_nothing(index_elements=["event_id"])
)
KNOWN = Statement(
    select(inbox.c.event_id).where(inbox.c.event_id.in_(params(inbox.c.event_id, "ids"))),
    NamedTuple("KnownEvent", [("event_id", UUID)]),
)
ANY_DUE = Statement(_DUE.limit(1), NamedTuple("DueEvent", [("event_id", UUID)]))
CLAIM_DUE = Statement(
    update(inbox)
    .where(inbox.c.event_id.in_(_DUE.limit(param(Integer, "count")).with_for_update(skip_locked=True)))
    .values(lease=param(inbox.c.lease, "mine"), next_at=in_seconds(_SECONDS))
    .returning(*[inbox.c[name] for name in PendingRow._fields]),
    PendingRow,
)
RECLAIM = Statement(
    update(inbox).where(UNDONE, _IS_PENDING, inbox.c.lease.is_not(None)).values(next_at=now(), lease=None)
)
"""Makes due what a consumer had claimed that is known to be dead."""
TRY = Statement(update(inbox).where(_THIS, _MINE, _IS_PENDING).values(attempts=inbox.c.attempts + 1))
FINISH = Statement(
    update(inbox)
    .where(_THIS, _MINE, _IS_PENDING)
    .values(state=InboxState.DONE, lease=None, error=None, next_at=None, body=None)
)
FAIL_AGAIN = Statement(
    update(inbox)
    .where(_THIS, _MINE, _IS_PENDING)
    .values(
        state=param(inbox.c.state, "into"),
        error=param(inbox.c.error, "reason"),
        next_at=in_seconds(_SECONDS),
        lease=None,
    )
)
LETTERS = Statement(
    select(*_LETTER)
    .where(UNDONE, inbox.c.state == param(inbox.c.state), inbox.c.event_id <= param(inbox.c.event_id, "until"))
    .order_by(inbox.c.event_id.desc())
    .limit(param(Integer, "count")),
    LetterRow,
)
FIND_LETTER = Statement(select(*_LETTER).where(_THIS, UNDONE), LetterRow)
REPLAY = Statement(
    update(inbox).where(_THIS, _IS_DEAD).values(state=InboxState.PENDING, attempts=0, next_at=now(), lease=None)
)
DISCARD = Statement(
    update(inbox)
    .where(_THIS, _IS_DEAD)
    .values(state=InboxState.DISCARDED, note=param(inbox.c.note, "why"), next_at=None, lease=None)
)
COUNT = Statement(
    select(inbox.c.state, func.count().label("rows")).where(UNDONE).group_by(inbox.c.state),
    StateCount,
)
_OLD = (
    select(inbox.c.event_id)
    .where(inbox.c.state == InboxState.DONE, inbox.c.received_at < in_seconds(_SECONDS))
    .order_by(inbox.c.received_at)
)
PURGE = Statement(delete(inbox).where(inbox.c.event_id.in_(_OLD.limit(param(Integer, "count")))))
