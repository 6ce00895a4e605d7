"""Inventory's tables."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from domains.inventory.model import Cause, StockState
from kernel.books import Grade
from kernel.columns import Instant, enum_type, new_metadata
from messaging.tables import add_messaging_tables

metadata = new_metadata()
add_messaging_tables(metadata)

stock_items = Table(
    "stock_items",
    metadata,
    Column("listing_id", Uuid, primary_key=True),
    Column("isbn", String(13), nullable=False, index=True),
    Column("seller_id", Uuid, nullable=False),
    Column("owner_id", String(255), nullable=False),
    Column("grade", enum_type(Grade), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("location", Text, nullable=False),
    Column("on_hand", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("listing_version", BigInteger, nullable=False),
    Column("published", Boolean, nullable=False),
    CheckConstraint("0 <= held AND held <= on_hand", name="held_within_on_hand"),
    CheckConstraint("published OR on_hand = 0", name="unpublished_has_no_copies"),
    CheckConstraint("price > 0", name="price_is_positive"),
)

stock_orders = Table(
    "stock_orders",
    metadata,
    Column("order_id", Uuid, primary_key=True),
    Column("state", enum_type(StockState), nullable=False),
    Column("expires_at", Instant),
    Column("reason", Text),
    Column("changed_at", Instant, nullable=False),
    CheckConstraint("(state = 'HELD') = (expires_at IS NOT NULL)", name="only_a_hold_expires"),
)
Index(
    "ix_stock_orders_expires_at",
    stock_orders.c.expires_at,
    postgresql_where=stock_orders.c.expires_at.is_not(None),
    sqlite_where=stock_orders.c.expires_at.is_not(None),
)

stock_lines = Table(
    "stock_lines",
    metadata,
    Column("order_id", Uuid, ForeignKey("stock_orders.order_id"), primary_key=True),
    Column("listing_id", Uuid, ForeignKey("stock_items.listing_id"), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("returned", Integer, nullable=False),
    CheckConstraint("0 < quantity AND 0 <= returned AND returned <= quantity", name="returned_within_quantity"),
)

stock_books = Table(
    "stock_books",
    metadata,
    Column("isbn", String(13), primary_key=True),
    Column("currency", String(3), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

stock_movements = Table(
    "stock_movements",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("listing_id", Uuid, ForeignKey("stock_items.listing_id"), nullable=False, index=True),
    Column("quantity", Integer, nullable=False),
    Column("cause", enum_type(Cause), nullable=False),
    Column("reference", Uuid),
    Column("moved_at", Instant, nullable=False),
    CheckConstraint("quantity <> 0", name="quantity_is_not_zero"),
    CheckConstraint("(cause = 'ADJUSTED') = (reference IS NULL)", name="done_for_somebody"),
    CheckConstraint(
        "CASE WHEN cause IN ('PUBLISHED', 'CANCELLED', 'REFUNDED') THEN quantity > 0"
        " WHEN cause = 'DEDUCTED' THEN quantity < 0 ELSE cause = 'ADJUSTED' END",
        name="moved_as_its_cause_says",
    ),
    UniqueConstraint("reference", "listing_id", "cause"),
)
