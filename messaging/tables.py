"""The outbox and inbox tables, which every domain has in its own database."""

from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    Uuid,
    literal_column,
    text,
)

from kernel.columns import Instant, enum_type, new_metadata


class InboxState(StrEnum):
    """What became of a delivered event."""

    DONE = "done"
    PENDING = "pending"
    """Its handler failed and is tried again."""
    DEAD = "dead"
    """Nothing more is tried until an operator replays or discards it."""
    DISCARDED = "discarded"


metadata = new_metadata()

outbox = Table(
    "outbox",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("owner", String(32), nullable=False),
    Column("aggregate_id", String(64), nullable=False),
    Column("aggregate_version", BigInteger, nullable=False),
    Column("schema_version", Integer, nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("traceparent", String(64)),
    Column("written_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease", Uuid),
    Column("sent_at", Instant),
    # A process of the version before this column writes rows without it.
    Column("resent", Integer, nullable=False, server_default=text("0")),
)
_UNSENT = outbox.c.sent_at.is_(None)
_SENT = outbox.c.sent_at.is_not(None)
Index("ix_outbox_unsent", outbox.c.next_at, outbox.c.id, postgresql_where=_UNSENT, sqlite_where=_UNSENT)
Index("ix_outbox_sent_at", outbox.c.sent_at, postgresql_where=_SENT, sqlite_where=_SENT)

inbox = Table(
    "inbox",
    metadata,
    Column("event_id", Uuid, primary_key=True),
    Column("name", String(64), nullable=False),
    Column("state", enum_type(InboxState), nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("body", LargeBinary),
    Column("owner", String(32), nullable=False),
    Column("correlation_id", String(64), nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text),
    Column("note", Text),
    Column("next_at", Instant),
    Column("lease", Uuid),
    Column("traceparent", String(64)),
)
# Written out, not bound: a partial index is used only where the same condition is seen.
UNDONE = inbox.c.state != literal_column("'done'", String)
Index("ix_inbox_undone", inbox.c.state, inbox.c.next_at, postgresql_where=UNDONE, sqlite_where=UNDONE)
Index("ix_inbox_letters", inbox.c.state, inbox.c.event_id, postgresql_where=UNDONE, sqlite_where=UNDONE)
Index("ix_inbox_received_at", inbox.c.received_at)


def add_messaging_tables(target: MetaData) -> None:
    """Puts outbox and inbox into a domain's metadata."""
    for table in (outbox, inbox):
        table.to_metadata(target)
