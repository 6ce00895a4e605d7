"""Create the orders tables."""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant, Json
from messaging.migrations import create_messaging_tables, drop_messaging_tables

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    create_messaging_tables()
    op.create_table(
        "carts",
        sa.Column("buyer_id", sa.String(length=255), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("buyer_id", name=op.f("pk_carts")),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("buyer_id", sa.String(length=255), nullable=False),
        sa.Column("buyer_email", sa.String(length=320), nullable=True),
        sa.Column(
            "status",
            sa.Enum(
                "PENDING",
                "PAID",
                "REJECTED",
                "PAYMENT_FAILED",
                "EXPIRED",
                "CANCELLED",
                name="orderstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "payment_status",
            sa.Enum(
                "PENDING",
                "CAPTURED",
                "FAILED",
                "REFUND_PENDING",
                "PARTLY_REFUNDED",
                "REFUNDED",
                "REFUND_FAILED",
                name="paymentstatus",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("address", Json, nullable=False),
        sa.Column("placed_at", Instant(), nullable=False),
        sa.Column("charge_deadline", Instant(), nullable=True),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.Column("release_reason", sa.String(length=32), nullable=True),
        sa.Column("look_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("number", name=op.f("uq_orders_number")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_buyer", ["buyer_id", "id"], unique=False)
        batch_op.create_index(
            "ix_orders_look_at",
            ["look_at"],
            unique=False,
            postgresql_where=sa.text("look_at IS NOT NULL"),
            sqlite_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.create_index(
            "uq_orders_pending",
            ["buyer_id"],
            unique=True,
            postgresql_where=sa.text("status = 'PENDING'"),
            sqlite_where=sa.text("status = 'PENDING'"),
        )

    op.create_table(
        "attempts",
        sa.Column("buyer_id", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("problems", Json, nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_attempts_order_id")),
        sa.PrimaryKeyConstraint("buyer_id", "key", name=op.f("pk_attempts")),
        sa.UniqueConstraint("order_id", name=op.f("uq_attempts_order_id")),
    )
    op.create_table(
        "cart_lines",
        sa.Column("buyer_id", sa.String(length=255), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=True),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_cart_lines_quantity")),
        sa.ForeignKeyConstraint(["buyer_id"], ["carts.buyer_id"], name=op.f("fk_cart_lines_buyer_id")),
        sa.PrimaryKeyConstraint("buyer_id", "listing_id", name=op.f("pk_cart_lines")),
    )
    op.create_table(
        "order_lines",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("title", sa.String(length=500), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("seller_owner_id", sa.String(length=255), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.BigInteger(), nullable=False),
        sa.Column(
            "grade",
            sa.Enum("NEW", "LIKE_NEW", "VERY_GOOD", "GOOD", "ACCEPTABLE", name="grade", native_enum=False, length=32),
            nullable=False,
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_order_lines_quantity")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_order_lines_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_order_lines")),
        sa.UniqueConstraint("order_id", "listing_id", name=op.f("uq_order_lines_order_id_listing_id")),
    )
    op.create_table(
        "payments",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(length=255), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False),
        sa.Column("refunding", sa.BigInteger(), nullable=False),
        sa.Column("refunded", sa.BigInteger(), nullable=False),
        sa.Column("captured_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "refunding >= 0 AND refunded >= 0 AND refunding + refunded <= captured", name=op.f("ck_payments_refunds")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_payments_order_id")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_payments")),
    )
    op.create_table(
        "receipts",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(length=400), nullable=False),
        sa.Column("received_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_receipts_order_id")),
        sa.PrimaryKeyConstraint("order_id", "what", name=op.f("pk_receipts")),
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(length=32), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_refunds_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("order_id", "cause", name=op.f("uq_refunds_order_id_cause")),
    )
    op.create_table(
        "timeline",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("what", sa.String(length=400), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("domain", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("fk_timeline_order_id")),
        sa.PrimaryKeyConstraint("order_id", "what", name=op.f("pk_timeline")),
    )


def downgrade() -> None:
    op.drop_table("timeline")
    op.drop_table("refunds")
    op.drop_table("receipts")
    op.drop_table("payments")
    op.drop_table("order_lines")
    op.drop_table("cart_lines")
    op.drop_table("attempts")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_orders_pending",
            postgresql_where=sa.text("status = 'PENDING'"),
            sqlite_where=sa.text("status = 'PENDING'"),
        )
        batch_op.drop_index(
            "ix_orders_look_at",
            postgresql_where=sa.text("look_at IS NOT NULL"),
            sqlite_where=sa.text("look_at IS NOT NULL"),
        )
        batch_op.drop_index("ix_orders_buyer")

    op.drop_table("orders")
    op.drop_table("carts")
    drop_messaging_tables()
