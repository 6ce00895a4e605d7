"""The outbox and inbox in a domain's migrations: one call in its first version, one for each later change."""

from alembic import op

from messaging.tables import inbox, outbox


def create_messaging_tables() -> None:
    """Creates outbox and inbox with their indexes."""
    for table in (outbox, inbox):
        table.create(op.get_bind())


def drop_messaging_tables() -> None:
    """Drops inbox and outbox."""
    for table in (inbox, outbox):
        table.drop(op.get_bind())
