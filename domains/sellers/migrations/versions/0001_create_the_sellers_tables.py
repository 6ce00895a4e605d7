"""Create the sellers tables."""

import sqlalchemy as sa
from alembic import op

from kernel.columns import Instant
from messaging.migrations import create_messaging_tables, drop_messaging_tables

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    create_messaging_tables()
    op.create_table(
        "known_books",
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.PrimaryKeyConstraint("isbn", name=op.f("pk_known_books")),
    )
    op.create_table(
        "last_copies",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "listing_id", name=op.f("pk_last_copies")),
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.String(length=255), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column(
            "grade",
            sa.Enum("NEW", "LIKE_NEW", "VERY_GOOD", "GOOD", "ACCEPTABLE", name="grade", native_enum=False, length=32),
            nullable=False,
        ),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("location", sa.String(length=80), nullable=False),
        sa.Column("published_quantity", sa.Integer(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("published_at", Instant(), nullable=False),
        sa.Column("on_hand", sa.Integer(), nullable=True),
        sa.Column("stock_version", sa.Integer(), nullable=True),
        sa.Column("idempotency_key", sa.String(length=100), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.CheckConstraint("price > 0 AND published_quantity > 0", name=op.f("ck_listings_offer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("seller_id", "idempotency_key", name=op.f("uq_listings_seller_id_idempotency_key")),
    )
    with op.batch_alter_table("listings", schema=None) as batch_op:
        batch_op.create_index("ix_listings_newest", ["seller_id", "published_at", "id"], unique=False)

    op.create_table(
        "sale_refunds",
        sa.Column("refund_id", sa.Uuid(), nullable=False),
        sa.Column("order_item_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("books", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("refund_id", "order_item_id", name=op.f("pk_sale_refunds")),
    )
    with op.batch_alter_table("sale_refunds", schema=None) as batch_op:
        batch_op.create_index("ix_sale_refunds_order", ["order_id"], unique=False)

    op.create_table(
        "sales",
        sa.Column("order_item_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("seller_id", sa.Uuid(), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("isbn", sa.String(length=13), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=True),
        sa.Column("reversed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_item_id", name=op.f("pk_sales")),
    )
    with op.batch_alter_table("sales", schema=None) as batch_op:
        batch_op.create_index("ix_sales_newest", ["seller_id", "recorded_at", "order_item_id"], unique=False)
        batch_op.create_index("ix_sales_order", ["order_id"], unique=False)

    op.create_table(
        "sellers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.String(length=255), nullable=False),
        sa.Column("display_name", sa.String(length=60), nullable=False),
        sa.Column("name_key", sa.String(length=180), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("books_sold", sa.Integer(), nullable=False),
        sa.Column("revenue", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("rating_hundredths", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("registered_at", Instant(), nullable=False),
        sa.CheckConstraint("books_sold >= 0 AND revenue >= 0", name=op.f("ck_sellers_earned")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sellers")),
        sa.UniqueConstraint("name_key", name=op.f("uq_sellers_name_key")),
        sa.UniqueConstraint("owner_id", name=op.f("uq_sellers_owner_id")),
    )
    op.create_table(
        "sold_orders",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("buyer_id", sa.String(length=255), nullable=True),
        sa.Column("paid_at", Instant(), nullable=True),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pk_sold_orders")),
    )


def downgrade() -> None:
    op.drop_table("sold_orders")
    op.drop_table("sellers")
    with op.batch_alter_table("sales", schema=None) as batch_op:
        batch_op.drop_index("ix_sales_order")
        batch_op.drop_index("ix_sales_newest")

    op.drop_table("sales")
    with op.batch_alter_table("sale_refunds", schema=None) as batch_op:
        batch_op.drop_index("ix_sale_refunds_order")

    op.drop_table("sale_refunds")
    with op.batch_alter_table("listings", schema=None) as batch_op:
        batch_op.drop_index("ix_listings_newest")

    op.drop_table("listings")
    op.drop_table("last_copies")
    op.drop_table("known_books")
    drop_messaging_tables()
