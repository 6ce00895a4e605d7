"""The tables of the orders database: carts, orders with lines, payments and refunds, attempts, receipts, timeline."""

from enum import StrEnum

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
    not_,
    or_,
)

from domains.orders.model import OrderStatus, PaymentStatus
from domains.orders.refund import RefundCause, RefundStatus
from kernel.books import Grade
from kernel.columns import Instant, Json, enum_type, new_metadata
from messaging.tables import add_messaging_tables

SUBJECT = String(255)
ISBN = String(13)
TITLE = String(500)
WHAT = String(400)
"""An event and its subject, as `SaleRecorded:0192...`."""
REASON = String(200)
KEY = String(255)
CODE = String(64)


def _one_of(column: str, members: type[StrEnum]) -> CheckConstraint:
    """The column has one of these values."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(one.value) for one in members)})", name=column)


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
    Column("next_action", Json),
    Column("action_deadline", Instant),
    Column("paid_at", Instant),
    Column("cancel_until", Instant),
    Column("cancel_reason", REASON),
    Column("release_reason", String(32)),
    Column("look_at", Instant),
    CheckConstraint("total >= 0", name="total"),
    _one_of("status", OrderStatus),
    _one_of("payment_status", PaymentStatus),
    CheckConstraint("(status = 'PENDING') = (payment_status = 'PENDING')", name="pending"),
    CheckConstraint("(status IN ('PAID', 'CANCELLED')) = (paid_at IS NOT NULL)", name="paid"),
    CheckConstraint("status <> 'CANCELLED' OR cancel_reason IS NOT NULL", name="cancelled"),
    CheckConstraint("status = 'PENDING' OR next_action IS NULL", name="next_action"),
    CheckConstraint("release_reason IS NULL OR status NOT IN ('PENDING', 'PAID', 'CANCELLED')", name="release"),
)
"""`charge_reference` is there once money may be taken, `next_action` while the buyer has to do something for it;
`release_reason` is set while the hold has to be given back; once `look_at` is past the sweep acts on the order."""

# Written out, not bound: SQLite uses a partial index only where it sees the same condition.
PENDING = orders.c.status == literal_column("'PENDING'", String)
_LOOKED_AFTER = orders.c.look_at.is_not(None)
Index("uq_orders_pending", orders.c.buyer_id, unique=True, postgresql_where=PENDING, sqlite_where=PENDING)
Index("ix_orders_buyer", orders.c.buyer_id, orders.c.id)
Index("ix_orders_look_at", orders.c.look_at, postgresql_where=_LOOKED_AFTER, sqlite_where=_LOOKED_AFTER)
Index("ix_orders_buyer_status", orders.c.buyer_id, orders.c.status, orders.c.id)
UNFINISHED = or_(_LOOKED_AFTER, not_(orders.c.settled))
Index("ix_orders_unfinished", orders.c.id, postgresql_where=UNFINISHED, sqlite_where=UNFINISHED)

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
    Column("key", KEY, primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("order_id", Uuid, ForeignKey(orders.c.id), nullable=False, unique=True),
    Column("problems", Json),
    Column("created_at", Instant, nullable=False),
)
"""What a buyer asked for under a key; `problems` is the answer, an empty list when the order was paid."""
Index("ix_attempts_created_at", attempts.c.created_at)

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
    Column("cause", enum_type(RefundCause), nullable=False),
    Column("status", enum_type(RefundStatus), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("reason", REASON, nullable=False),
    Column("operator_id", SUBJECT),
    Column("key", KEY),
    Column("fingerprint", String(64)),
    Column("asked_at", Instant, nullable=False),
    Column("done_at", Instant),
    Column("failure_code", CODE),
    Column("attempts", Integer, nullable=False),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("next_at", Instant),
    Column("lease", Uuid),
    CheckConstraint("amount > 0", name="amount"),
    _one_of("cause", RefundCause),
    _one_of("status", RefundStatus),
    CheckConstraint("(status = 'PENDING') = (next_at IS NOT NULL)", name="pending"),
    CheckConstraint("(status = 'DONE') = (done_at IS NOT NULL)", name="done"),
    CheckConstraint("(status = 'FAILED') = (failure_code IS NOT NULL)", name="failed"),
    CheckConstraint("cause <> 'OPERATOR' OR (operator_id IS NOT NULL AND key IS NOT NULL)", name="operator"),
)
"""`key` and `fingerprint` are of the operator's request; a PENDING one is due at `next_at`. `attempts` counts how often
the provider was asked, `retries` how often an operator had a FAILED one tried again."""

REFUND_DUE = refunds.c.status == literal_column("'PENDING'", String)
REFUND_FAILED = refunds.c.status == literal_column("'FAILED'", String)
_ONCE = refunds.c.cause != literal_column("'OPERATOR'", String)
Index("uq_refunds_once", refunds.c.order_id, refunds.c.cause, unique=True, postgresql_where=_ONCE, sqlite_where=_ONCE)
Index("uq_refunds_key", refunds.c.operator_id, refunds.c.key, unique=True)
Index("ix_refunds_order", refunds.c.order_id, refunds.c.id)
Index("ix_refunds_due", refunds.c.next_at, postgresql_where=REFUND_DUE, sqlite_where=REFUND_DUE)
Index("ix_refunds_failed", refunds.c.id, postgresql_where=REFUND_FAILED, sqlite_where=REFUND_FAILED)

refund_lines = Table(
    "refund_lines",
    metadata,
    Column("refund_id", Uuid, ForeignKey(refunds.c.id), primary_key=True),
    Column("order_line_id", Uuid, ForeignKey(order_lines.c.id), primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("restock", Boolean, nullable=False),
    CheckConstraint("quantity >= 0 AND amount >= 0", name="share"),
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
