"""The tables of the sellers' database."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
)

from kernel.books import Grade
from kernel.columns import Instant, enum_type, new_metadata
from messaging.tables import add_messaging_tables

metadata = new_metadata()
add_messaging_tables(metadata)

sellers = Table(
    "sellers",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner_id", String(255), nullable=False),
    Column("display_name", String(60), nullable=False),
    Column("name_key", String(180), nullable=False),
    Column("email", String(254)),
    Column("books_sold", Integer, nullable=False),
    Column("revenue", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("rating_hundredths", Integer),
    Column("version", Integer, nullable=False),
    Column("registered_at", Instant, nullable=False),
    UniqueConstraint("owner_id"),
    UniqueConstraint("name_key"),
    CheckConstraint("books_sold >= 0 AND revenue >= 0", name="earned"),
)

known_books = Table("known_books", metadata, Column("isbn", String(13), primary_key=True))

listings = Table(
    "listings",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("seller_id", Uuid, nullable=False),
    Column("owner_id", String(255), nullable=False),
    Column("isbn", String(13), nullable=False),
    Column("grade", enum_type(Grade), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("location", String(80), nullable=False),
    Column("published_quantity", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("on_hand", Integer),
    Column("stock_version", Integer),
    Column("idempotency_key", String(100)),
    Column("fingerprint", String(64), nullable=False),
    UniqueConstraint("seller_id", "idempotency_key"),
    CheckConstraint("price > 0 AND published_quantity > 0", name="offer"),
    Index("ix_listings_newest", "seller_id", "published_at", "id"),
    Index("ix_listings_offered", "seller_id", "isbn", "withdrawn"),
)

sold_orders = Table(
    "sold_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("buyer_id", String(255)),
    Column("paid_at", Instant),
    Column("cancelled", Boolean, nullable=False),
)

sales = Table(
    "sales",
    metadata,
    Column("order_item_id", Uuid, primary_key=True),
    Column("order_id", Uuid, nullable=False),
    Column("seller_id", Uuid, nullable=False),
    Column("listing_id", Uuid, nullable=False),
    Column("isbn", String(13), nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("recorded_at", Instant),
    Column("reversed", Boolean, nullable=False),
    Index("ix_sales_order", "order_id"),
    Index("ix_sales_newest", "seller_id", "recorded_at", "order_item_id"),
)

sale_refunds = Table(
    "sale_refunds",
    metadata,
    Column("refund_id", Uuid, primary_key=True),
    Column("order_item_id", Uuid, primary_key=True),
    Column("order_id", Uuid, nullable=False),
    Column("books", Integer, nullable=False),
    Column("revenue", BigInteger, nullable=False),
    Index("ix_sale_refunds_order", "order_id"),
)

last_copies = Table(
    "last_copies",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("listing_id", Uuid, primary_key=True),
)
