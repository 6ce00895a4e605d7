"""The books of a whole marketplace, audited from outside: five databases and the provider's charges, read-only."""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path

from sqlalchemy import create_engine, select

from app.payments import read_ledger
from app.settings import DOMAINS, Settings
from kernel.database import Database, open_database

Rules = Mapping[str, str]
"""A sentence that must hold, and a query for what breaks it."""

ALWAYS: Rules = {
    "every order belongs to one attempt": """
        SELECT id FROM orders.orders
        WHERE (SELECT COUNT(*) FROM orders.attempts WHERE order_id = id) <> 1""",
    "a buyer waits for one order at most": """
        SELECT buyer_id FROM orders.orders WHERE status = 'PENDING' GROUP BY buyer_id HAVING COUNT(*) > 1""",
    "an order is charged once at most": """
        SELECT order_id FROM charges WHERE verdict = 'captured' GROUP BY order_id HAVING COUNT(*) > 1""",
    "a charge is what its order costs": """
        SELECT id FROM orders.orders JOIN charges ON order_id = id AND verdict = 'captured' WHERE amount <> total""",
    "a paid order has its charge": """
        SELECT id FROM orders.orders LEFT JOIN charges ON charges.order_id = id AND verdict = 'captured'
            LEFT JOIN orders.payments ON payments.order_id = id
        WHERE status = 'PAID' AND (charges.order_id IS NULL OR captured IS NOT total)""",
    "nothing is held that is not there": """
        SELECT listing_id FROM inventory.stock_items WHERE held < 0 OR held > on_hand""",
    "what is held are the live holds": """
        SELECT listing_id, held FROM inventory.stock_items AS item WHERE held <> (
            SELECT COALESCE(SUM(quantity), 0) FROM inventory.stock_lines JOIN inventory.stock_orders USING (order_id)
            WHERE stock_lines.listing_id = item.listing_id AND state = 'HELD')""",
    "what is on hand is the sum of its movements": """
        SELECT listing_id, on_hand FROM inventory.stock_items AS item WHERE on_hand <> (
            SELECT COALESCE(SUM(quantity), 0) FROM inventory.stock_movements
            WHERE stock_movements.listing_id = item.listing_id)""",
    "a seller's statistics are the sum of the sales": """
        SELECT display_name FROM sellers.sellers AS seller WHERE (books_sold, revenue) <> (
            SELECT COALESCE(SUM(quantity), 0), COALESCE(SUM(amount), 0) FROM sellers.sales
            WHERE seller_id = seller.id AND recorded_at IS NOT NULL AND NOT reversed)""",
    "nobody is told the same thing of an order twice": """
        SELECT order_id, kind, recipient_id FROM notifications.notifications
        WHERE order_id IS NOT NULL GROUP BY order_id, kind, recipient_id HAVING COUNT(*) > 1""",
    "no event is a dead letter": " UNION ALL ".join(
        f"SELECT '{domain}', name, error FROM {domain}.inbox WHERE state = 'dead'" for domain in DOMAINS
    ),
}
"""What holds at every moment, also in the files of a process that was just killed."""

SOLD = """
    SELECT listing_id, SUM(quantity) AS copies FROM orders.order_lines
    JOIN orders.orders ON orders.id = order_id WHERE status = 'PAID' GROUP BY listing_id"""
CAN_BE_BOUGHT = """
    SELECT isbn, seller_id, listing_id, price, on_hand - held AS copies FROM inventory.stock_items
    WHERE NOT withdrawn AND on_hand > held"""

AT_REST: Rules = {
    **ALWAYS,
    "no event waits to be sent": " UNION ALL ".join(
        f"SELECT '{domain}', name FROM {domain}.outbox WHERE sent_at IS NULL" for domain in DOMAINS
    ),
    "no event waits to be handled": " UNION ALL ".join(
        f"SELECT '{domain}', name, error FROM {domain}.inbox WHERE state = 'pending'" for domain in DOMAINS
    ),
    "every order has come to its end": "SELECT id FROM orders.orders WHERE status = 'PENDING'",
    "every attempt has its answer": "SELECT buyer_id, key FROM orders.attempts WHERE problems IS NULL",
    "every paid order is settled": "SELECT id FROM orders.orders WHERE status = 'PAID' AND NOT settled",
    "no receipt of a paid order is missing": """
        SELECT order_id, what FROM orders.receipts JOIN orders.orders ON orders.id = order_id
        WHERE status = 'PAID' AND received_at IS NULL""",
    "a charge is kept for paid orders alone": """
        SELECT order_id FROM charges LEFT JOIN orders.orders ON id = order_id
        WHERE verdict = 'captured' AND status IS NOT 'PAID'
            AND order_id NOT IN (SELECT order_id FROM orders.refunds)""",
    "the stock of an order is where its state says": """
        SELECT id, status, state FROM orders.orders LEFT JOIN inventory.stock_orders ON order_id = id
        WHERE (status = 'PAID') <> (state IS 'DEDUCTED') OR state IN ('HELD', 'FAILED')""",
    "every published copy is on hand or sold": f"""
        SELECT listings.id, published_quantity, stock_items.on_hand, copies FROM sellers.listings
        LEFT JOIN inventory.stock_items ON listing_id = listings.id LEFT JOIN ({SOLD}) USING (listing_id)
        WHERE published_quantity IS NOT stock_items.on_hand + COALESCE(copies, 0)""",
    "sellers see what is on hand": """
        SELECT listings.id FROM sellers.listings JOIN inventory.stock_items ON listing_id = listings.id
        WHERE listings.on_hand IS NOT stock_items.on_hand""",
    "every line of a paid order is a sale": """
        SELECT order_lines.id FROM orders.order_lines JOIN orders.orders ON orders.id = order_lines.order_id
        LEFT JOIN sellers.sales ON order_item_id = order_lines.id AND recorded_at IS NOT NULL
        WHERE status = 'PAID'
            AND (sales.quantity, amount) IS NOT (order_lines.quantity, order_lines.quantity * unit_price)""",
    "buyer and sellers of a paid order are told": """
        SELECT id, buyer_id FROM orders.orders
        WHERE status = 'PAID' AND (SELECT COUNT(*) FROM notifications.notifications
            WHERE order_id = orders.id AND kind = 'ORDER_PAID' AND recipient_id = buyer_id) <> 1
        UNION ALL
        SELECT DISTINCT line.order_id, seller_owner_id FROM orders.order_lines AS line
        JOIN orders.orders ON orders.id = line.order_id
        WHERE status = 'PAID' AND (SELECT COUNT(*) FROM notifications.notifications AS told
            WHERE told.order_id = line.order_id AND kind = 'COPY_SOLD' AND recipient_id = seller_owner_id) <> 1""",
    "every mail is sent": "SELECT notification_id, status, reason FROM notifications.mails WHERE status <> 'SENT'",
    "the catalogue shows what can be bought": f"""
        SELECT isbn, offers.total, stock.total FROM (
            SELECT isbn, version, COALESCE(SUM(copies), 0) AS total, COUNT(DISTINCT seller_id) AS sellers,
                MIN(price) AS low, MAX(price) AS high
            FROM inventory.stock_books LEFT JOIN ({CAN_BE_BOUGHT}) USING (isbn) GROUP BY isbn) AS stock
        LEFT JOIN catalog.book_offers AS offers USING (isbn)
        WHERE (offers.version, offers.total, offers.sellers, min_price, max_price)
            IS NOT (stock.version, stock.total, stock.sellers, low, high)""",
    "the catalogue's offers are the listings": f"""
        SELECT listing_id, copies, price FROM ({CAN_BE_BOUGHT})
        EXCEPT SELECT REPLACE(json_extract(value, '$.listing_id'), '-', ''), json_extract(value, '$.quantity'),
            json_extract(value, '$.price.minor') FROM catalog.book_offers, json_each(offers)""",
}
"""What holds once everything has come to rest, beside what always does."""


def broken(data: Path, rules: Rules) -> dict[str, list[tuple]]:
    """The rules that do not hold in a data folder, each with what breaks it."""
    with closing(sqlite3.connect(":memory:", uri=True)) as books:
        books.execute("CREATE TABLE charges (order_id, verdict, amount)")
        charges = [
            (entry.order_id.hex, entry.verdict, entry.amount and entry.amount.minor)
            for entry in read_ledger(data / "charges.jsonl")
        ]
        books.executemany("INSERT INTO charges VALUES (?, ?, ?)", charges)
        books.commit()
        for domain in DOMAINS:
            books.execute(f"ATTACH 'file:{data / domain}.db?mode=ro' AS {domain}")
        found = {sentence: books.execute(query).fetchall() for sentence, query in rules.items()}
    return {sentence: rows for sentence, rows in found.items() if rows}


def count(data: Path, domain: str, what: str) -> int:
    """How many rows there are of `table WHERE condition`."""
    with closing(sqlite3.connect(f"file:{data / domain}.db?mode=ro", uri=True)) as database:
        return database.execute(f"SELECT COUNT(*) FROM {what}").fetchone()[0]


async def copy_databases(settings: Settings, folder: Path) -> None:
    """Writes what all databases hold, wherever they are, into files as the embedded form has them: to be audited."""
    for domain in DOMAINS:
        database = await open_database(settings.database_of(domain), name=domain, pool_size=1)
        try:
            await _copy(database, f"sqlite:///{folder / domain}.db")
        finally:
            await database.close()


async def _copy(database: Database, url: str) -> None:
    metadata, engine = import_module(f"domains.{database.name}.tables").metadata, create_engine(url)
    try:
        with engine.begin() as copy:
            metadata.drop_all(copy)
            metadata.create_all(copy)
            for table in metadata.tables.values():
                row = namedtuple(table.name, table.columns.keys())
                if rows := await database.read().dynamic(select(table), row):
                    copy.execute(table.insert(), [one._asdict() for one in rows])
    finally:
        engine.dispose()
