"""Orders by themselves: attempts, ends, receipts, timelines."""

from app.audit.rule import Rule

_EXPECTED = """
    SELECT order_id, 'StockDeducted' AS what FROM orders.payments JOIN orders.orders ON id = order_id
    WHERE status = 'PAID'
    UNION ALL
    SELECT order_id, CASE status WHEN 'PAID' THEN 'SaleRecorded:' ELSE 'SaleReversed:' END || dashed(order_lines.id)
    FROM orders.order_lines JOIN orders.orders ON orders.id = order_id WHERE status IN ('PAID', 'CANCELLED')
    UNION ALL
    SELECT id, CASE status WHEN 'PAID' THEN 'Notice:ORDER_PAID:' ELSE 'Notice:ORDER_CANCELLED:' END || buyer_id
    FROM orders.orders WHERE status IN ('PAID', 'CANCELLED')
    UNION
    SELECT order_id, CASE status WHEN 'PAID' THEN 'Notice:COPY_SOLD:' ELSE 'Notice:SALE_CANCELLED:' END
        || seller_owner_id
    FROM orders.order_lines JOIN orders.orders ON orders.id = order_id WHERE status IN ('PAID', 'CANCELLED')
    UNION ALL
    SELECT id, 'StockReleased' FROM orders.orders WHERE status = 'CANCELLED'"""

_REFUNDS = "SELECT order_id, 'OrderRefunded:' || dashed(id) AS what, status FROM orders.refunds"

ORDERS = (
    Rule(
        name="orders.attempt",
        domains=("orders",),
        sentence="An order belongs to one attempt, whose key is kept while it may be asked for.",
        query="""
            SELECT number AS "order", COUNT(order_id) AS attempts
            FROM limits, orders.orders LEFT JOIN orders.attempts ON order_id = id
            WHERE status = 'PENDING' OR placed_at > keys_kept_since
            GROUP BY id HAVING COUNT(order_id) <> 1""",
        always=True,
    ),
    Rule(
        name="orders.one-pending",
        domains=("orders",),
        sentence="A buyer waits for one order at most.",
        query="""
            SELECT buyer_id AS buyer, COUNT(*) AS pending FROM orders.orders
            WHERE status = 'PENDING' GROUP BY buyer_id HAVING COUNT(*) > 1""",
        always=True,
    ),
    Rule(
        name="orders.answered",
        domains=("orders",),
        sentence="An attempt has its answer as soon as its order has ended, and not before.",
        query="""
            SELECT number AS "order", status FROM orders.orders JOIN orders.attempts ON order_id = id
            WHERE (status = 'PENDING') <> (problems IS NULL)""",
        always=True,
    ),
    Rule(
        name="orders.total",
        domains=("orders",),
        sentence="An order costs what its lines cost.",
        query="""
            SELECT number AS "order", money(total) AS total, money(COALESCE(SUM(quantity * unit_price), 0)) AS lines
            FROM orders.orders LEFT JOIN orders.order_lines ON order_id = orders.id
            GROUP BY orders.id HAVING total <> COALESCE(SUM(quantity * unit_price), 0)""",
        always=True,
    ),
    Rule(
        name="orders.in-time",
        domains=("orders",),
        sentence="An order comes to its end in its time.",
        query="""
            SELECT number AS "order", moment(placed_at) AS placed, charge_reference AS charge FROM orders.orders, limits
            WHERE status = 'PENDING'
                AND COALESCE(action_deadline, charge_deadline + late, placed_at + placing) < due""",
        hint="Is a worker of orders running, does the payment provider answer? The sweep of stale orders ends it.",
    ),
    Rule(
        name="orders.hold-given-back",
        domains=("orders",),
        sentence="An order that ended without money gives back what it holds.",
        query="""
            SELECT number AS "order", status FROM orders.orders, limits
            WHERE release_reason IS NOT NULL AND look_at < due""",
        hint="Is a worker of orders running? The sweep of stale orders gives it back.",
    ),
    Rule(
        name="orders.receipts",
        domains=("orders",),
        sentence="Every domain reports its part of an order.",
        query="""
            SELECT number AS "order", what AS missing FROM orders.receipts JOIN orders.orders ON orders.id = order_id
            WHERE received_at IS NULL AND what NOT LIKE 'OrderRefunded:%'""",
        hint="The domain that reports it: is its worker running, has it a dead letter of this order?",
    ),
    Rule(
        name="orders.receipts-expected",
        domains=("orders",),
        sentence="An order waits for the receipts of what it is, and for no others.",
        query=f"""
            SELECT number AS "order", what AS receipt, 'not expected' AS wrong FROM (
                SELECT order_id, what FROM ({_EXPECTED})
                UNION ALL SELECT order_id, what FROM ({_REFUNDS}) WHERE status <> 'DONE'
                EXCEPT SELECT order_id, what FROM orders.receipts)
            JOIN orders.orders ON id = order_id
            UNION ALL
            SELECT number, what, 'too much' FROM (
                SELECT order_id, what FROM orders.receipts
                EXCEPT SELECT order_id, what FROM ({_EXPECTED})
                EXCEPT SELECT order_id, what FROM ({_REFUNDS}))
            JOIN orders.orders ON id = order_id""",
        always=True,
    ),
    Rule(
        name="orders.settled",
        domains=("orders",),
        sentence="An order is settled when it has ended and no receipt is missing, and not before.",
        query="""
            SELECT number AS "order", status, settled FROM orders.orders
            WHERE settled <> (status <> 'PENDING' AND NOT EXISTS (
                SELECT 1 FROM orders.receipts WHERE order_id = id AND received_at IS NULL))""",
        always=True,
    ),
    Rule(
        name="orders.timeline",
        domains=("orders",),
        sentence="Every version of an order is a step on its timeline.",
        query="""
            SELECT number AS "order", orders.version, COUNT(what) AS steps
            FROM orders.orders LEFT JOIN orders.timeline ON order_id = id
            GROUP BY id HAVING COUNT(what) <> orders.version OR COALESCE(MAX(timeline.version), 0) <> orders.version""",
        always=True,
    ),
)
