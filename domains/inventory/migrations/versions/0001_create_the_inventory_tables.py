"""Create the inventory tables."""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant
from messaging.migrations import create_messaging_tables, drop_messaging_tables

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    create_messaging_tables()
    op.create_table(
        "stock_books",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_stock_books")),
    )
    op.create_table(
        "stock_items",
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.String(length=255), nullable=False),
        sa.Column(
            "grade",
            sa.Enum("NEW", "LIKE_NEW", "VERY_GOOD", "GOOD", "ACCEPTABLE", name="grade", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("listing_version", sa.BigInteger(), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.CheckConstraint("0 <= held AND held <= on_hand", name=op.f("ck_stock_items_held_within_on_hand")),
        sa.PrimaryKeyConstraint("listing_id", name=op.f("pk_stock_items")),
    )
    with op.batch_alter_table("stock_items", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stock_items_isbn"), ["isbn"], unique=False)

    op.create_table(
        "stock_orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "NONE",
                "HELD",
                "EXPIRED",
                "RELEASED",
                "DEDUCTED",
                "FAILED",
                "CANCELLED",
                "RESTOCKED",
                name="stockstate",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.CheckConstraint(
            "(state = 'HELD') = (expires_at IS NOT NULL)", name=op.f("ck_stock_orders_only_a_hold_expires")
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_stock_orders")),
    )
    with op.batch_alter_table("stock_orders", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stock_orders_expires_at",
            ["expires_at"],
            unique=False,
            postgresql_where=sa.text("expires_at IS NOT NULL"),
            sqlite_where=sa.text("expires_at IS NOT NULL"),
        )

    op.create_table(
        "stock_lines",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("returned", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 < quantity AND 0 <= returned AND returned <= quantity",
            name=op.f("ck_stock_lines_returned_within_quantity"),
        ),
        sa.ForeignKeyConstraint(["listing_id"], ["stock_items.listing_id"], name=op.f("fk_stock_lines_listing_id")),
        sa.ForeignKeyConstraint(["order_id"], ["stock_orders.order_id"], name=op.f("fk_stock_lines_order_id")),
        sa.PrimaryKeyConstraint("order_id", "listing_id", name=op.f("pk_stock_lines")),
    )
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "cause",
            sa.Enum(
                "PUBLISHED",
                "CHANGED",
                "WITHDRAWN",
                "ADJUSTED",
                "HELD",
                "RELEASED",
                "EXPIRED",
                "DEDUCTED",
                "CANCELLED",
                "REFUNDED",
                name="cause",
                native_enum=False,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reference", sa.Uuid(), nullable=True),
        sa.Column("moved_at", Instant(), nullable=False),
        sa.CheckConstraint("quantity <> 0", name=op.f("ck_stock_movements_quantity_is_not_zero")),
        sa.ForeignKeyConstraint(["listing_id"], ["stock_items.listing_id"], name=op.f("fk_stock_movements_listing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_movements")),
        sa.UniqueConstraint(
            "reference", "listing_id", "cause", name=op.f("uq_stock_movements_reference_listing_id_cause")
        ),
    )
    with op.batch_alter_table("stock_movements", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stock_movements_listing_id"), ["listing_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("stock_movements", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stock_movements_listing_id"))

    op.drop_table("stock_movements")
    op.drop_table("stock_lines")
    with op.batch_alter_table("stock_orders", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_stock_orders_expires_at",
            postgresql_where=sa.text("expires_at IS NOT NULL"),
            sqlite_where=sa.text("expires_at IS NOT NULL"),
        )

    op.drop_table("stock_orders")
    with op.batch_alter_table("stock_items", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stock_items_isbn"))

    op.drop_table("stock_items")
    op.drop_table("stock_books")
    drop_messaging_tables()
