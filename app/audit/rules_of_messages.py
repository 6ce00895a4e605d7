"""Messages: who has to be told of an order is told, once, and mails go out."""

from app.audit.rule import Rule

_DUE = """
    SELECT id AS order_id, 'ORDER_PAID' AS kind, buyer_id AS recipient FROM orders.orders
    WHERE status IN ('PAID', 'CANCELLED')
    UNION
    SELECT order_id, 'COPY_SOLD', seller_owner_id FROM orders.order_lines JOIN orders.orders ON orders.id = order_id
    WHERE status IN ('PAID', 'CANCELLED')
    UNION
    SELECT id, 'ORDER_CANCELLED', buyer_id FROM orders.orders WHERE status = 'CANCELLED'
    UNION
    SELECT order_id, 'SALE_CANCELLED', seller_owner_id
    FROM orders.order_lines JOIN orders.orders ON orders.id = order_id WHERE status = 'CANCELLED'
    UNION
    SELECT id, 'PAYMENT_FAILED', buyer_id FROM orders.orders WHERE status = 'PAYMENT_FAILED'"""

MESSAGES = (
    Rule(
        name="messages.told",
        domains=("notifications", "orders"),
        sentence="Buyers and sellers are told what becomes of an order.",
        query=f"""
            SELECT number AS "order", due.kind, recipient
            FROM ({_DUE}) AS due JOIN orders.orders ON orders.id = due.order_id
            LEFT JOIN notifications.notifications AS told
                ON told.kind = due.kind AND about = dashed(due.order_id) AND recipient_id = recipient
            WHERE told.id IS NULL""",
        hint="Has notifications a dead letter of this order?",
    ),
    Rule(
        name="messages.once",
        domains=("notifications",),
        sentence="Nobody is told the same of an order twice.",
        query="""
            SELECT COALESCE(number, dashed(order_id)) AS "order", kind, recipient_id AS recipient, COUNT(*) AS times
            FROM notifications.notifications LEFT JOIN orders.orders ON orders.id = order_id
            WHERE order_id IS NOT NULL AND kind <> 'ORDER_REFUNDED'
            GROUP BY order_id, kind, recipient_id HAVING COUNT(*) > 1""",
        always=True,
    ),
    Rule(
        name="messages.mail-in-time",
        domains=("notifications",),
        sentence="A mail that is due is sent, or put off.",
        query="""
            SELECT notification_id AS notification, attempts, moment(due_at) AS due FROM notifications.mails, limits
            WHERE status = 'PENDING' AND due_at < limits.due""",
        hint="Is a worker of notifications running?",
    ),
    Rule(
        name="messages.sellers",
        domains=("notifications", "sellers"),
        sentence="Sellers are written to as they are registered.",
        query="""
            SELECT seller.display_name AS seller, seller.id, seller.version, contact.version AS known
            FROM sellers.sellers AS seller LEFT JOIN notifications.contacts AS contact ON seller_id = seller.id
            WHERE (contact.version, contact.display_name, contact.email)
                IS NOT (seller.version, seller.display_name, seller.email)""",
        hint="Has notifications a dead letter of this seller?",
    ),
)
