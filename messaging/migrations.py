"""The outbox and inbox in a domain's migrations: one call for each of their versions, frozen as it was."""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant

_UNSENT = sa.text("sent_at IS NULL")
_SENT = sa.text("sent_at IS NOT NULL")
_UNDONE = sa.text("state != 'done'")


def create_messaging_tables() -> None:
    """Creates outbox and inbox in their first version."""
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("aggregate_id", sa.String(64), nullable=False),
        sa.Column("aggregate_version", sa.BigInteger(), nullable=False),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("traceparent", sa.String(64)),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("next_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Uuid()),
        sa.Column("sent_at", Instant()),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
    )
    op.create_index("ix_outbox_unsent", "outbox", ["next_at", "id"], sqlite_where=_UNSENT, postgresql_where=_UNSENT)
    op.create_index("ix_outbox_sent_at", "outbox", ["sent_at"], sqlite_where=_SENT, postgresql_where=_SENT)
    op.create_table(
        "inbox",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("owner", sa.String(32), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("written_at", Instant(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("next_at", Instant()),
        sa.Column("lease", sa.Uuid()),
        sa.PrimaryKeyConstraint("event_id", name="pk_inbox"),
    )
    op.create_index("ix_inbox_undone", "inbox", ["state", "next_at"], sqlite_where=_UNDONE, postgresql_where=_UNDONE)
    op.create_index("ix_inbox_received_at", "inbox", ["received_at"])


def drop_messaging_tables() -> None:
    """Drops inbox and outbox with their indexes."""
    op.drop_table("inbox")
    op.drop_table("outbox")


def count_resent_and_trace_inbox() -> None:
    """Lets the outbox count how often an event was sent again, and the inbox keep the trace that it belongs to."""
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("resent", sa.Integer(), server_default=sa.text("0"), nullable=False))
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("traceparent", sa.String(64)))


def forget_resent_and_trace() -> None:
    """Takes both columns away."""
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_column("traceparent")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("resent")


def page_letters() -> None:
    """Lets a page of dead letters begin where the last one ended."""
    op.create_index("ix_inbox_letters", "inbox", ["state", "event_id"], sqlite_where=_UNDONE, postgresql_where=_UNDONE)


def forget_pages_of_letters() -> None:
    """Takes the index away."""
    op.drop_index("ix_inbox_letters", "inbox")
