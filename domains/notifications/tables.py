"""The tables of the notifications' database."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint, Uuid, literal_column

from domains.notifications.model import DeliveryStatus, NotificationChannel
from kernel.columns import Instant, enum_type, new_metadata
from messaging.events import NotificationKind
from messaging.tables import add_messaging_tables

metadata = new_metadata()
add_messaging_tables(metadata)

recipients = Table(
    "recipients",
    metadata,
    Column("recipient_id", String(255), primary_key=True),
    Column("last_sequence", Integer, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("seller_id", Uuid, primary_key=True),
    Column("owner_id", String(255), nullable=False),
    Column("display_name", String(255), nullable=False),
    Column("email", String(254)),
    Column("version", Integer, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("recipient_id", String(255), primary_key=True),
    Column("kind", enum_type(NotificationKind), primary_key=True),
    Column("channel", enum_type(NotificationChannel), primary_key=True),
    Column("enabled", Boolean, nullable=False),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("recipient_id", String(255), nullable=False),
    Column("kind", enum_type(NotificationKind), nullable=False),
    Column("about", String(80), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("body", Text, nullable=False),
    Column("order_id", Uuid),
    Column("sequence", Integer),
    Column("skipped", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("read_at", Instant),
    UniqueConstraint("kind", "about", "recipient_id"),
    UniqueConstraint("recipient_id", "sequence"),
)
_UNREAD = notifications.c.read_at.is_(None)
Index(
    "ix_notifications_unread",
    notifications.c.recipient_id,
    notifications.c.sequence,
    postgresql_where=_UNREAD,
    sqlite_where=_UNREAD,
)

mails = Table(
    "mails",
    metadata,
    Column("notification_id", Uuid, primary_key=True),
    Column("address", Text, nullable=False),
    Column("status", enum_type(DeliveryStatus), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("lease", Uuid),
    Column("settled_at", Instant),
    Column("reason", String(200)),
    Column("correlation_id", String(64), nullable=False),
    Column("traceparent", String(64)),
)
# A literal: PostgreSQL uses a partial index only where the statement shows that it fits.
PENDING = mails.c.status == literal_column("'PENDING'", String)
Index("ix_mails_pending", mails.c.due_at, postgresql_where=PENDING, sqlite_where=PENDING)
