"""Stock: inventory by itself, and against the orders and the sellers' listings."""

from app.audit.rule import Rule

STOCK = (
    Rule(
        name="stock.held-fits",
        domains=("inventory",),
        sentence="Nothing is held that is not there.",
        query="SELECT listing_id AS listing, on_hand, held FROM inventory.stock_items WHERE held < 0 OR held > on_hand",
        always=True,
    ),
    Rule(
        name="stock.held",
        domains=("inventory",),
        sentence="What is held of a listing are the live holds.",
        query="""
            SELECT item.listing_id AS listing, held, COALESCE(live.copies, 0) AS live
            FROM inventory.stock_items AS item LEFT JOIN (
                SELECT listing_id, SUM(quantity) AS copies
                FROM inventory.stock_lines JOIN inventory.stock_orders USING (order_id)
                WHERE state = 'HELD' GROUP BY listing_id) AS live ON live.listing_id = item.listing_id
            WHERE held BETWEEN 0 AND on_hand AND held <> COALESCE(live.copies, 0)""",
        always=True,
    ),
    Rule(
        name="stock.on-hand",
        domains=("inventory",),
        sentence="What is on hand of a listing is the sum of its movements.",
        query="""
            SELECT item.listing_id AS listing, on_hand, COALESCE(moved.copies, 0) AS moved
            FROM inventory.stock_items AS item LEFT JOIN (
                SELECT listing_id, SUM(quantity) AS copies FROM inventory.stock_movements GROUP BY listing_id) AS moved
            ON moved.listing_id = item.listing_id
            WHERE on_hand <> COALESCE(moved.copies, 0)""",
        always=True,
    ),
    Rule(
        name="stock.taken",
        domains=("inventory",),
        sentence="What left the shelf went to orders, and what they gave back is on it again.",
        query="""
            SELECT listing_id AS listing, SUM(moved) AS moved, SUM(kept) AS orders_keep FROM (
                SELECT listing_id, -quantity AS moved, 0 AS kept FROM inventory.stock_movements
                WHERE cause IN ('DEDUCTED', 'CANCELLED', 'REFUNDED')
                UNION ALL
                SELECT listing_id, 0, quantity - returned
                FROM inventory.stock_lines JOIN inventory.stock_orders USING (order_id)
                WHERE state IN ('DEDUCTED', 'RESTOCKED'))
            GROUP BY listing_id HAVING SUM(moved) <> SUM(kept)""",
        always=True,
    ),
    Rule(
        name="stock.of-order",
        domains=("inventory", "orders"),
        sentence="The copies of an order are where its status says.",
        query="""
            SELECT number AS "order", status, COALESCE(state, 'NONE') AS copies
            FROM orders.orders LEFT JOIN inventory.stock_orders ON order_id = id
            WHERE NOT CASE status
                WHEN 'PENDING' THEN COALESCE(state, 'NONE') IN ('NONE', 'HELD', 'EXPIRED')
                WHEN 'PAID' THEN COALESCE(state, '') = 'DEDUCTED'
                WHEN 'CANCELLED' THEN COALESCE(state, '') IN ('RESTOCKED', 'CANCELLED')
                ELSE COALESCE(state, 'NONE') IN ('NONE', 'RELEASED', 'EXPIRED') END
            UNION ALL
            SELECT dashed(order_id), 'unknown', state
            FROM inventory.stock_orders LEFT JOIN orders.orders ON id = order_id
            WHERE id IS NULL AND state <> 'NONE'""",
        hint="Has inventory a dead letter of this order, or lags its worker?",
    ),
    Rule(
        name="stock.lines-of-order",
        domains=("inventory", "orders"),
        sentence="What was taken for an order is what was ordered.",
        query="""
            SELECT number AS "order", listing_id AS listing, SUM(ordered) AS ordered, SUM(taken) AS taken FROM (
                SELECT order_id, listing_id, quantity AS ordered, 0 AS taken
                FROM orders.order_lines JOIN inventory.stock_orders USING (order_id)
                WHERE state IN ('DEDUCTED', 'RESTOCKED')
                UNION ALL
                SELECT order_id, listing_id, 0, quantity
                FROM inventory.stock_lines JOIN inventory.stock_orders USING (order_id)
                WHERE state IN ('DEDUCTED', 'RESTOCKED'))
            LEFT JOIN orders.orders ON id = order_id
            GROUP BY order_id, listing_id HAVING SUM(ordered) <> SUM(taken)""",
    ),
    Rule(
        name="stock.hold-in-time",
        domains=("inventory",),
        sentence="A hold ends in its time.",
        query="""
            SELECT COALESCE(number, dashed(order_id)) AS "order", moment(expires_at) AS until
            FROM limits, inventory.stock_orders LEFT JOIN orders.orders ON id = order_id
            WHERE state = 'HELD' AND expires_at < due""",
        hint="Is a worker of inventory running? The sweep of expired holds ends it.",
    ),
    Rule(
        name="stock.published",
        domains=("inventory", "sellers"),
        sentence="The copies that a listing was published with came to the shelf.",
        query="""
            SELECT listings.id AS listing, published_quantity AS published, quantity AS came
            FROM sellers.listings LEFT JOIN inventory.stock_movements
                ON listing_id = listings.id AND cause = 'PUBLISHED'
            WHERE quantity IS NOT published_quantity""",
        hint="Has inventory a dead letter of this listing?",
    ),
    Rule(
        name="stock.listing",
        domains=("inventory", "sellers"),
        sentence="Inventory knows a listing as its seller wrote it.",
        query="""
            SELECT listings.id AS listing, listings.version, listing_version AS known
            FROM sellers.listings JOIN inventory.stock_items AS item ON listing_id = listings.id
            WHERE (listings.version, listings.price, listings.grade, listings.location, listings.withdrawn)
                IS NOT (item.listing_version, item.price, item.grade, item.location, item.withdrawn)""",
        hint="Has inventory a dead letter of this listing?",
    ),
)
