"""Money: the provider's own books against the orders', and the orders' against themselves."""

from app.audit.rule import Rule

_CAPTURED = "charges.order_id = orders.id AND verdict = 'captured'"

MONEY = (
    Rule(
        name="money.one-charge",
        domains=("orders",),
        sentence="An order is charged once at most.",
        query="""
            SELECT COALESCE(number, dashed(order_id)) AS "order", COUNT(*) AS charges
            FROM charges LEFT JOIN orders.orders ON id = order_id
            WHERE verdict = 'captured' GROUP BY order_id HAVING COUNT(*) > 1""",
        hint="Give back at the provider all charges but the one whose reference the order knows.",
        always=True,
    ),
    Rule(
        name="money.charge-amount",
        domains=("orders",),
        sentence="A charge is what its order costs.",
        query=f"""
            SELECT number AS "order", money(amount) AS charged, money(total) AS total
            FROM orders.orders JOIN charges ON {_CAPTURED} WHERE amount <> total""",
        always=True,
    ),
    Rule(
        name="money.charge-of-payment",
        domains=("orders",),
        sentence="A payment has its charge in the provider's books.",
        query=f"""
            SELECT number AS "order", reference, money(captured) AS captured
            FROM orders.orders JOIN orders.payments ON payments.order_id = id LEFT JOIN charges ON {_CAPTURED}
            WHERE charges.order_id IS NULL AND EXISTS (SELECT 1 FROM limits WHERE ledger)""",
        hint="Do all processes, and this command, have the provider's ledger in their data folder?",
        always=True,
    ),
    Rule(
        name="money.charge-kept",
        domains=("orders",),
        sentence="Money that the provider took belongs to a payment.",
        query=f"""
            SELECT COALESCE(number, dashed(charges.order_id)) AS "order", status, money(amount) AS charged
            FROM charges LEFT JOIN orders.orders ON {_CAPTURED} LEFT JOIN orders.payments ON payments.order_id = id
            WHERE verdict = 'captured' AND payments.order_id IS NULL
                AND (status IS NULL OR status NOT IN ('PENDING', 'PAID', 'CANCELLED'))""",
        hint="Nobody will give it back: do so at the provider.",
    ),
    Rule(
        name="money.payment",
        domains=("orders",),
        sentence="A paid order has a payment of what it costs, and a pending one has none.",
        query="""
            SELECT number AS "order", status, money(captured) AS captured, money(total) AS total
            FROM orders.orders LEFT JOIN orders.payments ON order_id = id
            WHERE status IN ('PAID', 'CANCELLED') AND captured IS NOT total
                OR status = 'PENDING' AND captured IS NOT NULL OR captured <> total""",
        always=True,
    ),
)
