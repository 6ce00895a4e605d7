"""Find unfinished orders, and the orders of a buyer in one state."""

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_buyer_status", ["buyer_id", "status", "id"], unique=False)
        batch_op.create_index(
            "ix_orders_unfinished",
            ["id"],
            unique=False,
            postgresql_where=sa.text("look_at IS NOT NULL OR NOT settled"),
            sqlite_where=sa.text("look_at IS NOT NULL OR settled = 0"),
        )


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_unfinished")
        batch_op.drop_index("ix_orders_buyer_status")
