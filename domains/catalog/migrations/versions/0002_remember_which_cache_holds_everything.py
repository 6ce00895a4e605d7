"""Remember which cache holds everything."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "filled_cache",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("incarnation", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_filled_cache")),
    )


def downgrade() -> None:
    op.drop_table("filled_cache")
