"""Sellers: what they sold against what was ordered, and their statistics against their sales."""

from app.audit.rule import Rule

SELLERS = (
    Rule(
        name="sellers.statistics",
        domains=("sellers",),
        sentence="A seller's statistics are the sum of the sales, less what was given back of them.",
        query="""
            SELECT display_name AS seller, seller.id, books_sold, SUM(books) AS sold, money(seller.revenue) AS revenue,
                money(SUM(brought)) AS brought
            FROM sellers.sellers AS seller LEFT JOIN (
                SELECT seller_id, MAX(0, quantity - COALESCE(SUM(books), 0)) AS books,
                    MAX(0, amount - COALESCE(SUM(revenue), 0)) AS brought
                FROM sellers.sales LEFT JOIN sellers.sale_refunds USING (order_item_id)
                WHERE recorded_at IS NOT NULL AND NOT reversed GROUP BY order_item_id)
            ON seller_id = seller.id
            GROUP BY seller.id
            HAVING (books_sold, seller.revenue) <> (COALESCE(SUM(books), 0), COALESCE(SUM(brought), 0))""",
        always=True,
    ),
    Rule(
        name="sellers.sales",
        domains=("sellers", "orders"),
        sentence="Every line of a paid order is a sale, and of a cancelled one a sale that is reversed.",
        query="""
            SELECT number AS "order", line.id AS line, status, sales.quantity AS sold, reversed
            FROM orders.order_lines AS line JOIN orders.orders ON orders.id = line.order_id
            LEFT JOIN sellers.sales ON order_item_id = line.id AND recorded_at IS NOT NULL
            WHERE status IN ('PAID', 'CANCELLED')
                AND (sales.seller_id, sales.quantity, amount, reversed) IS NOT
                    (line.seller_id, line.quantity, line.quantity * unit_price, status = 'CANCELLED')
            UNION ALL
            SELECT COALESCE(number, dashed(sales.order_id)), order_item_id, status, quantity, reversed
            FROM sellers.sales LEFT JOIN orders.orders ON id = sales.order_id
            WHERE status IS NULL OR status NOT IN ('PAID', 'CANCELLED')""",
        hint="Has sellers a dead letter of this order?",
    ),
    Rule(
        name="sellers.on-hand",
        domains=("sellers", "inventory"),
        sentence="Sellers see what is on hand of their listings.",
        query="""
            SELECT listings.id AS listing, listings.on_hand AS seen, item.on_hand, item.version
            FROM sellers.listings LEFT JOIN inventory.stock_items AS item ON listing_id = listings.id
            WHERE listings.on_hand IS NOT item.on_hand""",
        hint="Has sellers or inventory a dead letter of this listing?",
    ),
    Rule(
        name="sellers.books",
        domains=("sellers", "catalog"),
        sentence="Every book of the catalogue can be listed.",
        query="SELECT isbn AS book FROM catalog.books EXCEPT SELECT isbn FROM sellers.known_books",
        hint="Has sellers a dead letter of this book?",
    ),
)
