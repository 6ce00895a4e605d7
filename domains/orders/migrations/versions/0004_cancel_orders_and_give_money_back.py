"""Cancel orders and give money back.

A downgrade loses which lines were refunded, by whom, why and whether it was done, for how long an order may be
cancelled and why it was, and what a payment waits for: let no payment or refund be under way. It is refused where
operators refunded an order more than once.
"""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant, Json

revision: str = "0004"
down_revision: str | None = "0003"

ORDERS_CHECKS = {
    "total": "total >= 0",
    "status": "status IN ('PENDING', 'PAID', 'REJECTED', 'PAYMENT_FAILED', 'EXPIRED', 'CANCELLED')",
    "payment_status": "payment_status IN ('PENDING', 'CAPTURED', 'FAILED', 'REFUND_PENDING', 'PARTLY_REFUNDED', "
    "'REFUNDED', 'REFUND_FAILED')",
    "pending": "(status = 'PENDING') = (payment_status = 'PENDING')",
    "paid": "(status IN ('PAID', 'CANCELLED')) = (paid_at IS NOT NULL)",
    "cancelled": "status <> 'CANCELLED' OR cancel_reason IS NOT NULL",
    "next_action": "status = 'PENDING' OR next_action IS NULL",
    "release": "release_reason IS NULL OR status NOT IN ('PENDING', 'PAID', 'CANCELLED')",
}
REFUNDS_CHECKS = {
    "amount": "amount > 0",
    "cause": "cause IN ('CANCELLATION', 'LATE_CHARGE', 'OPERATOR')",
    "status": "status IN ('PENDING', 'DONE', 'FAILED')",
    "pending": "(status = 'PENDING') = (next_at IS NOT NULL)",
    "done": "(status = 'DONE') = (done_at IS NOT NULL)",
    "failed": "(status = 'FAILED') = (failure_code IS NOT NULL)",
    "operator": "cause <> 'OPERATOR' OR (operator_id IS NOT NULL AND key IS NOT NULL)",
}


def upgrade() -> None:
    op.create_table(
        "refund_lines",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("restock", sa.Boolean(), nullable=False),
        sa.CheckConstraint("quantity >= 0 AND amount >= 0", name=op.f("ck_refund_lines_share")),
        sa.ForeignKeyConstraint(["order_line_id"], ["order_lines.id"], name=op.f("fk_refund_lines_order_line_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refunds.id"], name=op.f("fk_refund_lines_refund_id")),
        sa.PrimaryKeyConstraint("refund_id", "order_line_id", name=op.f("pk_refund_lines")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("created_at", Instant(), nullable=True))
    op.execute("UPDATE attempts SET created_at = (SELECT placed_at FROM orders WHERE orders.id = attempts.order_id)")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.alter_column("created_at", nullable=False)
        batch_op.create_index("ix_attempts_created_at", ["created_at"], unique=False)

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.add_column(sa.Column("next_action", Json, nullable=True))
        batch_op.add_column(sa.Column("action_deadline", Instant(), nullable=True))
        batch_op.add_column(sa.Column("cancel_until", Instant(), nullable=True))
        batch_op.add_column(sa.Column("cancel_reason", sa.String(length=200), nullable=True))
        for name, condition in ORDERS_CHECKS.items():
            batch_op.create_check_constraint(op.f(f"ck_orders_{name}"), condition)

    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "status",
                sa.Enum("PENDING", "DONE", "FAILED", name="refundstatus", native_enum=False, length=32),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("reason", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("operator_id", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("key", sa.String(length=255), nullable=True))
        batch_op.add_column(sa.Column("fingerprint", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("done_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("failure_code", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("attempts", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("next_at", Instant(), nullable=True))
        batch_op.add_column(sa.Column("lease", sa.Uuid(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_refunds_order_id_cause"), type_="unique")
    # Nothing carried refunds out before: what was written down is due now.
    op.execute("UPDATE refunds SET status = 'PENDING', reason = cause, attempts = 0, next_at = asked_at")
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        for column in ("status", "reason", "attempts"):
            batch_op.alter_column(column, nullable=False)
        for name, condition in REFUNDS_CHECKS.items():
            batch_op.create_check_constraint(op.f(f"ck_refunds_{name}"), condition)
        batch_op.create_index(
            "ix_refunds_due",
            ["next_at"],
            unique=False,
            postgresql_where=sa.text("status = 'PENDING'"),
            sqlite_where=sa.text("status = 'PENDING'"),
        )
        batch_op.create_index(
            "ix_refunds_failed",
            ["id"],
            unique=False,
            postgresql_where=sa.text("status = 'FAILED'"),
            sqlite_where=sa.text("status = 'FAILED'"),
        )
        batch_op.create_index("ix_refunds_order", ["order_id", "id"], unique=False)
        batch_op.create_index("uq_refunds_key", ["operator_id", "key"], unique=True)
        batch_op.create_index(
            "uq_refunds_once",
            ["order_id", "cause"],
            unique=True,
            postgresql_where=sa.text("cause != 'OPERATOR'"),
            sqlite_where=sa.text("cause != 'OPERATOR'"),
        )


def downgrade() -> None:
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_refunds_once",
            postgresql_where=sa.text("cause != 'OPERATOR'"),
            sqlite_where=sa.text("cause != 'OPERATOR'"),
        )
        batch_op.drop_index("uq_refunds_key")
        batch_op.drop_index("ix_refunds_order")
        batch_op.drop_index(
            "ix_refunds_failed",
            postgresql_where=sa.text("status = 'FAILED'"),
            sqlite_where=sa.text("status = 'FAILED'"),
        )
        batch_op.drop_index(
            "ix_refunds_due", postgresql_where=sa.text("status = 'PENDING'"), sqlite_where=sa.text("status = 'PENDING'")
        )
        for name in REFUNDS_CHECKS:
            batch_op.drop_constraint(op.f(f"ck_refunds_{name}"), type_="check")
        batch_op.create_unique_constraint(batch_op.f("uq_refunds_order_id_cause"), ["order_id", "cause"])
        batch_op.drop_column("lease")
        batch_op.drop_column("next_at")
        batch_op.drop_column("attempts")
        batch_op.drop_column("failure_code")
        batch_op.drop_column("done_at")
        batch_op.drop_column("fingerprint")
        batch_op.drop_column("key")
        batch_op.drop_column("operator_id")
        batch_op.drop_column("reason")
        batch_op.drop_column("status")

    with op.batch_alter_table("orders", schema=None) as batch_op:
        for name in ORDERS_CHECKS:
            batch_op.drop_constraint(op.f(f"ck_orders_{name}"), type_="check")
        batch_op.drop_column("cancel_reason")
        batch_op.drop_column("cancel_until")
        batch_op.drop_column("action_deadline")
        batch_op.drop_column("next_action")

    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index("ix_attempts_created_at")
        batch_op.drop_column("created_at")

    op.drop_table("refund_lines")
