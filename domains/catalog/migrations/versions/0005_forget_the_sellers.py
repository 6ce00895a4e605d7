"""Forget the sellers.

A downgrade has a table without any: each comes back with the next of its SellerUpdated.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"

LAGS = sa.text("cached_version < version")


def upgrade() -> None:
    op.drop_table("sellers")


def downgrade() -> None:
    op.create_table(
        "sellers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("display_name", sa.String(length=200), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("cached_version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sellers")),
    )
    op.create_index("ix_sellers_lagging", "sellers", ["id"], unique=False, postgresql_where=LAGS, sqlite_where=LAGS)
