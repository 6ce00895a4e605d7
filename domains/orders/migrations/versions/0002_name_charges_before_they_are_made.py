"""Name charges before they are made.

A downgrade loses the names: let no payment be under way.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("charge_reference", sa.String(length=255), nullable=True))
    # What was charged before charges had names of their own was charged under `mock-` and the order's id.
    text = "CAST(id AS TEXT)"
    if op.get_bind().dialect.name == "sqlite":
        text = "substr(id,1,8)||'-'||substr(id,9,4)||'-'||substr(id,13,4)||'-'||substr(id,17,4)||'-'||substr(id,21)"
    op.execute(
        f"UPDATE orders SET charge_reference = 'mock-' || {text} "  # noqa: S608 - nothing in it comes from outside
        "WHERE status = 'PENDING' AND charge_deadline IS NOT NULL"
    )


def downgrade() -> None:
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_column("charge_reference")
