"""The tables of the orders database: carts, orders with lines, payments and refunds, attempts, receipts, timeline."""

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
    UniqueConstraint,
    Uuid,
    literal_column,
)

from domains.orders.model import OrderStatus, PaymentStatus
from kernel.books import Grade
from kernel.columns import Instant, Json, enum_type, new_metadata
from messaging.tables import add_messaging_tables

SUBJECT = String(255)
ISBN = String(13)
TITLE = String(500)
WHAT = String(400)
"""An event and its subject, as `SaleRecorded:0192...`."""

metadata = new_metadata()
add_messaging_tables(metadata)

carts = Table(
    "carts",
    metadata,
    Column("buyer_id", SUBJECT, primary_key=True),
    Column("version", Integer, nullable=False),
)

cart_lines = Table(
    "cart_lines",
    metadata,
    Column("buyer_id", SUBJECT, ForeignKey(carts.c.buyer_id), primary_key=True),
    Column("listing_id", Uuid, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("isbn", ISBN, nullable=False),
    Column("title", TITLE),
    Column("unit_price", BigInteger, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", String(16), nullable=False, unique=True),
    Column("buyer_id", SUBJECT, nullable=False),
    Column("buyer_email", String(320)),
    Column("status", enum_type(OrderStatus), nullable=False),
    Column("payment_status", enum_type(PaymentStatus), nullable=False),
    Column("version", Integer, nullable=False),
    Column("settled", Boolean, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("address", Json, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("charge_reference", String(255)),
    Column("charge_deadline", Instant),
    Column("paid_at", Instant),
    Column("release_reason", String(32)),
    Column("look_at", Instant),
)
"""`charge_reference` is there once money may be taken; `release_reason` is set while the hold has to be given back;
once `look_at` is past the sweep acts on the order."""

# Written out, not bound: SQLite uses a partial index only where it sees the same condition.
PENDING = orders.c.status == literal_column("'PENDING'", String)
_LOOKED_AFTER = orders.c.look_at.is_not(None)
Index("uq_orders_pending", orders.c.buyer_id, unique=True, postgresql_where=PENDING, sqlite_where=PENDING)
Index("ix_orders_buyer", orders.c.buyer_id, orders.c.id)
Index("ix_orders_look_at", orders.c.look_at, postgresql_where=_LOOKED_AFTER, sqlite_where=_LOOKED_AFTER)

order_lines = Table(
    "order_lines",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey(orders.c.id), nullable=False),
    Column("position", Integer, nullable=False),
    Column("listing_id", Uuid, nullable=False),
    Column("isbn", ISBN, nullable=False),
    Column("title", TITLE, nullable=False),
    Column("seller_id", Uuid, nullable=False),
    Column("seller_owner_id", SUBJECT, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("unit_price", BigInteger, nullable=False),
    Column("grade", enum_type(Grade), nullable=False),
    UniqueConstraint("order_id", "listing_id"),
    CheckConstraint("quantity > 0", name="quantity"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("buyer_id", SUBJECT, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("order_id", Uuid, ForeignKey(orders.c.id), nullable=False, unique=True),
    Column("problems", Json),
)
"""What a buyer asked for under a key; `problems` is the answer, an empty list when the order was paid."""

payments = Table(
    "payments",
    metadata,
    Column("order_id", Uuid, ForeignKey(orders.c.id), primary_key=True),
    Column("reference", String(255), nullable=False),
    Column("captured", BigInteger, nullable=False),
    Column("refunding", BigInteger, nullable=False),
    Column("refunded", BigInteger, nullable=False),
    Column("captured_at", Instant, nullable=False),
    CheckConstraint("refunding >= 0 AND refunded >= 0 AND refunding + refunded <= captured", name="refunds"),
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("order_id", Uuid, ForeignKey(orders.c.id), nullable=False),
    Column("cause", String(32), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("asked_at", Instant, nullable=False),
    UniqueConstraint("order_id", "cause"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("order_id", Uuid, ForeignKey(orders.c.id), primary_key=True),
    Column("what", WHAT, primary_key=True),
    Column("received_at", Instant),
)
"""What the other domains have to tell before an order is settled; without `received_at` it is missing."""

timeline = Table(
    "timeline",
    metadata,
    Column("order_id", Uuid, ForeignKey(orders.c.id), primary_key=True),
    Column("what", WHAT, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", String(64), nullable=False),
    Column("domain", String(32), nullable=False),
    Column("detail", String(200)),
)
