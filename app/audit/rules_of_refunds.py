"""Refunds: what is reserved and given back, in the orders' books, in the provider's and in those who hear of it."""

from app.audit.rule import Rule

REFUNDS = (
    Rule(
        name="refunds.sum",
        domains=("orders",),
        sentence="A payment has reserved what is on its way back, and given back what went back.",
        query="""
            SELECT number AS "order", money(refunding) AS reserved, money(refunded) AS refunded,
                money(SUM(CASE WHEN refunds.status <> 'DONE' THEN amount ELSE 0 END)) AS on_its_way,
                money(SUM(CASE WHEN refunds.status = 'DONE' THEN amount ELSE 0 END)) AS went_back
            FROM orders.payments JOIN orders.orders ON orders.id = payments.order_id
            LEFT JOIN orders.refunds ON refunds.order_id = payments.order_id
            GROUP BY orders.id
            HAVING refunding <> SUM(CASE WHEN refunds.status <> 'DONE' THEN amount ELSE 0 END)
                OR refunded <> SUM(CASE WHEN refunds.status = 'DONE' THEN amount ELSE 0 END)""",
        always=True,
    ),
    Rule(
        name="refunds.payment",
        domains=("orders",),
        sentence="Money goes back of what was paid.",
        query="""
            SELECT number AS "order", refunds.id AS refund, money(amount) AS amount
            FROM orders.refunds JOIN orders.orders ON orders.id = refunds.order_id
            LEFT JOIN orders.payments ON payments.order_id = refunds.order_id WHERE payments.order_id IS NULL""",
        always=True,
    ),
    Rule(
        name="refunds.status",
        domains=("orders",),
        sentence="The payment status of an order says where its money is.",
        query="""
            SELECT number AS "order", payment_status, expected FROM (
                SELECT number, payment_status, CASE
                    WHEN orders.status = 'PENDING' THEN 'PENDING'
                    WHEN captured IS NULL THEN CASE WHEN orders.status IN ('PAID', 'CANCELLED') THEN payment_status
                        ELSE 'FAILED' END
                    WHEN MAX(refunds.status = 'FAILED') THEN 'REFUND_FAILED'
                    WHEN MAX(refunds.status = 'PENDING') THEN 'REFUND_PENDING'
                    WHEN COUNT(refunds.id) = 0 THEN 'CAPTURED'
                    WHEN SUM(amount) = captured THEN 'REFUNDED' ELSE 'PARTLY_REFUNDED' END AS expected
                FROM orders.orders LEFT JOIN orders.payments ON payments.order_id = orders.id
                LEFT JOIN orders.refunds ON refunds.order_id = orders.id
                GROUP BY orders.id)
            WHERE payment_status <> expected""",
        always=True,
    ),
    Rule(
        name="refunds.whole",
        domains=("orders",),
        sentence="Of an order that is cancelled, or ended before its money came, all money goes back.",
        query="""
            SELECT number AS "order", status, money(captured) AS captured, money(refunding + refunded) AS going_back
            FROM orders.orders JOIN orders.payments ON order_id = id
            WHERE status NOT IN ('PAID', 'PENDING') AND captured <> refunding + refunded""",
        hint="Nothing here gives the rest back: do so at the provider.",
        always=True,
    ),
    Rule(
        name="refunds.lines",
        domains=("orders",),
        sentence="The lines of a refund are its amount, and no line gives back more than it was.",
        query="""
            SELECT number AS "order", refunds.id AS "of", money(refunds.amount) AS amount,
                money(SUM(refund_lines.amount)) AS lines
            FROM orders.refund_lines JOIN orders.refunds ON refunds.id = refund_id
            JOIN orders.orders ON orders.id = refunds.order_id
            GROUP BY refunds.id HAVING refunds.amount <> SUM(refund_lines.amount)
            UNION ALL
            SELECT number, line.id, money(line.quantity * unit_price), money(SUM(refund_lines.amount))
            FROM orders.refund_lines JOIN orders.order_lines AS line ON line.id = order_line_id
            JOIN orders.orders ON orders.id = line.order_id
            GROUP BY line.id
            HAVING line.quantity * unit_price < SUM(refund_lines.amount)
                OR line.quantity < SUM(refund_lines.quantity)""",
        always=True,
    ),
    Rule(
        name="refunds.in-time",
        domains=("orders",),
        sentence="A refund is made in its time.",
        query="""
            SELECT number AS "order", refunds.id AS refund, money(amount) AS amount, moment(asked_at) AS asked,
                failure_code AS failure
            FROM limits, orders.refunds JOIN orders.orders ON orders.id = order_id
            WHERE refunds.status = 'PENDING' AND asked_at + late < due""",
        hint="Is a worker of orders running, does the payment provider answer?",
    ),
    Rule(
        name="refunds.failed",
        domains=("orders",),
        sentence="The provider makes every refund.",
        query="""
            SELECT number AS "order", refunds.id AS refund, money(amount) AS amount, failure_code AS failure
            FROM orders.refunds JOIN orders.orders ON orders.id = order_id WHERE refunds.status = 'FAILED'""",
        hint="Somebody has to decide: mend the cause at the provider, then retryRefund.",
    ),
    Rule(
        name="refunds.given",
        domains=("orders",),
        sentence="A refund that is done is in the provider's books.",
        query="""
            SELECT number AS "order", refunds.id AS refund, money(refunds.amount) AS amount,
                money(returned.amount) AS given
            FROM limits, orders.refunds JOIN orders.orders ON orders.id = refunds.order_id
            LEFT JOIN returned ON refund_id = refunds.id
            WHERE refunds.status = 'DONE' AND refunds.amount IS NOT returned.amount AND ledger""",
        hint="Do all processes, and this command, have the provider's ledger in their data folder?",
        always=True,
    ),
    Rule(
        name="refunds.known",
        domains=("orders",),
        sentence="What the provider gave back is a refund that is done, once.",
        query="""
            SELECT COALESCE(number, dashed(returned.order_id)) AS "order", refund_id AS refund, refunds.status,
                money(returned.amount) AS given, COUNT(*) AS times
            FROM returned LEFT JOIN orders.refunds ON refunds.id = refund_id
            LEFT JOIN orders.orders ON orders.id = returned.order_id
            GROUP BY refund_id HAVING COUNT(*) > 1 OR refunds.status IS NOT 'DONE'""",
        hint="Is a worker of orders running? The sweep of refunds hears of it.",
    ),
    Rule(
        name="refunds.restocked",
        domains=("inventory", "orders"),
        sentence="Copies that were refunded to be sold again are on the shelf, and no others.",
        query="""
            SELECT number AS "order", listing_id AS listing, SUM(refunded) AS refunded, SUM(moved) AS returned FROM (
                SELECT refunds.id AS refund, listing_id, refund_lines.quantity AS refunded, 0 AS moved
                FROM orders.refund_lines JOIN orders.refunds ON refunds.id = refund_id
                JOIN orders.order_lines ON order_lines.id = order_line_id
                WHERE restock AND cause = 'OPERATOR' AND (refunds.status = 'DONE'
                    OR (refunds.status = 'FAILED' OR retries > 0) AND EXISTS (
                    SELECT 1 FROM inventory.stock_movements AS moved WHERE cause = 'REFUNDED'
                        AND reference = refunds.id AND moved.listing_id = order_lines.listing_id))
                UNION ALL
                SELECT reference, listing_id, 0, quantity FROM inventory.stock_movements WHERE cause = 'REFUNDED')
            LEFT JOIN orders.refunds ON refunds.id = refund LEFT JOIN orders.orders ON orders.id = refunds.order_id
            LEFT JOIN inventory.stock_orders ON stock_orders.order_id = orders.id
            GROUP BY refund, listing_id
            HAVING SUM(moved) > SUM(refunded) OR SUM(moved) < SUM(refunded) AND state = 'DEDUCTED'""",
        hint="Has inventory a dead letter of this order?",
    ),
    Rule(
        name="refunds.cancelled-stock",
        domains=("inventory", "orders"),
        sentence="A cancelled order keeps no copies but those that were refunded before and not put back.",
        query="""
            SELECT number AS "order", listing_id AS listing, quantity, returned, lost FROM (
                SELECT number, stock.listing_id, stock.quantity, returned, COALESCE(SUM(share.quantity), 0) AS lost
                FROM inventory.stock_orders AS held JOIN inventory.stock_lines AS stock USING (order_id)
                LEFT JOIN orders.orders ON orders.id = held.order_id
                LEFT JOIN orders.order_lines AS line
                    ON line.order_id = held.order_id AND line.listing_id = stock.listing_id
                LEFT JOIN orders.refund_lines AS share ON order_line_id = line.id AND NOT restock
                WHERE state = 'RESTOCKED' GROUP BY held.order_id, stock.listing_id)
            WHERE returned <> quantity - lost""",
    ),
    Rule(
        name="refunds.statistics",
        domains=("sellers", "orders"),
        sentence="What was given back of a line is known to its seller.",
        query="""
            SELECT number AS "order", order_line_id AS line, shares.refund_id AS refund, shares.quantity AS copies,
                money(shares.amount) AS amount, books AS known_copies, money(revenue) AS known_amount
            FROM orders.refund_lines AS shares JOIN orders.refunds ON refunds.id = shares.refund_id
            JOIN orders.orders ON orders.id = refunds.order_id
            LEFT JOIN sellers.sale_refunds AS known
                ON known.refund_id = shares.refund_id AND order_item_id = order_line_id
            WHERE refunds.status = 'DONE' AND cause = 'OPERATOR'
                AND (books, revenue) IS NOT (shares.quantity, shares.amount)""",
        hint="Has sellers a dead letter of this order?",
    ),
    Rule(
        name="refunds.told",
        domains=("notifications", "orders"),
        sentence="A buyer is told of every refund.",
        query="""
            SELECT number AS "order", refunds.id AS refund, buyer_id AS recipient
            FROM orders.refunds JOIN orders.orders ON orders.id = refunds.order_id
            LEFT JOIN notifications.notifications AS told
                ON told.kind = 'ORDER_REFUNDED' AND about = dashed(refunds.id) AND recipient_id = buyer_id
            WHERE refunds.status = 'DONE' AND told.id IS NULL""",
        hint="Has notifications a dead letter of this order?",
    ),
)
