"""The read model: what the catalogue shows, and the copies of it in the cache."""

from app.audit.rule import Rule

_CAN_BE_BOUGHT = """
    SELECT isbn, seller_id, listing_id, price, on_hand - held AS copies, grade, location FROM inventory.stock_items
    WHERE NOT withdrawn AND on_hand > held"""

_SHOWN = """
    SELECT isbn, REPLACE(json_extract(value, '$.seller_id'), '-', '') AS seller_id,
        REPLACE(json_extract(value, '$.listing_id'), '-', '') AS listing_id, json_extract(value, '$.price.minor'),
        json_extract(value, '$.quantity') AS copies, json_extract(value, '$.grade'),
        json_extract(value, '$.location')"""
_BOUGHT = "isbn, seller_id, listing_id, price, copies, grade, location"
_OFFERS = f"{_SHOWN} FROM catalog.book_offers, json_each(offers)"
_COPIES = f"{_SHOWN} FROM cached_offers, json_each(offers)"
_CACHED = "catalog.book_offers JOIN cached_offers AS copy USING (isbn)"

CATALOG = (
    Rule(
        name="catalog.stock",
        domains=("catalog", "inventory"),
        sentence="The catalogue shows how many copies of a book can be bought, and at which prices.",
        query=f"""
            SELECT isbn AS book, offers.version AS shown_version, stock.version, offers.total AS shown, stock.total
            FROM (
                SELECT isbn, version, COALESCE(SUM(copies), 0) AS total, COUNT(DISTINCT seller_id) AS sellers,
                    MIN(price) AS low, MAX(price) AS high
                FROM inventory.stock_books LEFT JOIN ({_CAN_BE_BOUGHT}) USING (isbn) GROUP BY isbn) AS stock
            LEFT JOIN catalog.book_offers AS offers USING (isbn)
            WHERE (offers.version, offers.total, offers.sellers, min_price, max_price)
                IS NOT (stock.version, stock.total, stock.sellers, low, high)""",
        hint="Has catalog a dead letter of this book?",
    ),
    Rule(
        name="catalog.offers",
        domains=("catalog", "inventory"),
        sentence="The catalogue's offers of a book are the listings that can be bought.",
        query=f"""
            SELECT isbn AS book, listing_id AS listing, copies, wrong, stock_books.version, book_offers.version AS shown
            FROM (
                SELECT isbn, listing_id, copies, 'is not shown so' AS wrong FROM (
                    SELECT {_BOUGHT} FROM ({_CAN_BE_BOUGHT}) EXCEPT {_OFFERS})
                UNION ALL
                SELECT isbn, listing_id, copies, 'cannot be bought so' FROM (
                    {_OFFERS} EXCEPT SELECT {_BOUGHT} FROM ({_CAN_BE_BOUGHT})))
            LEFT JOIN inventory.stock_books USING (isbn) LEFT JOIN catalog.book_offers USING (isbn)""",
        hint="Has catalog a dead letter of this book?",
    ),
    Rule(
        name="cache.there",
        domains=("catalog",),
        sentence="The cache answers.",
        query="SELECT problem FROM cache_problems",
        hint="Everything works without it, and slower. Is BOOKSTALL_CACHE_URL right, is Redis running?",
    ),
    Rule(
        name="cache.filled",
        domains=("catalog",),
        sentence="What changed in the catalogue is copied to the cache.",
        query="""
            SELECT isbn AS book, version, cached_version FROM catalog.book_offers, limits
            WHERE cached_version < version AND cache""",
        hint="Is a worker of catalog running?",
    ),
    Rule(
        name="cache.offers",
        domains=("catalog",),
        sentence="The cache's copy of a book's offers is the catalogue's.",
        query=f"""
            SELECT isbn AS book, book_offers.version, copy.version AS copied, copy.total AS copied_total
            FROM {_CACHED}
            WHERE copy.version <> book_offers.version AND cached_version = book_offers.version
                OR copy.version = book_offers.version AND (
                    (copy.total, copy.sellers, copy.min_price, copy.max_price)
                        IS NOT (book_offers.total, book_offers.sellers, book_offers.min_price, book_offers.max_price)
                    OR isbn IN (SELECT isbn FROM ({_OFFERS} EXCEPT {_COPIES}))
                    OR isbn IN (SELECT isbn FROM ({_COPIES} EXCEPT {_OFFERS})))""",
        hint="`bookstall catalog rebuild` copies everything again.",
    ),
)
