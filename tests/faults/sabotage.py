"""Somebody who changes what nobody should, in the files of a sound shop that has stopped."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.audit.books import microseconds
from kernel.clock import utc_now

Row = dict[str, Any]
ANN, BOB, CID, DAN = (
    f"(SELECT id FROM orders.orders WHERE buyer_id = '{name}')" for name in ("ann", "bob", "cid", "dan")
)
TORN = f"(SELECT id FROM orders.refunds WHERE order_id = {DAN})"
"""The refund of one of Dan's copies."""
SOLD = f"(SELECT id FROM orders.order_lines WHERE order_id = {ANN} AND position = 0)"
"""The first line of Ann's order."""
LEFT = "(SELECT listing_id FROM inventory.stock_items WHERE withdrawn)"
"""The withdrawn listing."""


class Sabotage:
    """Changes what nobody should: rows of any database by SQL, and lines of the provider's ledger."""

    def __init__(self, data: Path, books: sqlite3.Connection) -> None:
        self.books = books
        self._ledger = data / "charges.jsonl"

    def run(self, *statements: str) -> None:
        """Changes rows; every statement has to change some."""
        for statement in statements:
            assert self.books.execute(statement).rowcount > 0, statement

    def value(self, query: str) -> Any:
        """The one value of a query."""
        return self.books.execute(f"SELECT {query}").fetchone()[0]

    def copy(self, table: str, where: str, **changes: object) -> None:
        """Adds a copy of a row that is like it but for these values."""
        cursor = self.books.execute(f"SELECT * FROM {table} WHERE {where} LIMIT 1")
        row = dict(zip([column[0] for column in cursor.description], cursor.fetchone(), strict=True)) | changes
        self.books.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
        )

    def ledger(self, change: Callable[[Row], Iterable[Row]]) -> None:
        """Writes for each line what the change gives for it."""
        lines = [json.loads(line) for line in self._ledger.read_text().splitlines()]
        self._ledger.write_text("".join(f"{json.dumps(new)}\n" for line in lines for new in change(line)))

    def charge(self, of: str, change: Callable[[Row], Iterable[Row]]) -> None:
        """Changes the ledger's line of an order's charge."""
        order_id = str(UUID(hex=self.value(of)))
        self.ledger(lambda line: change(line) if (line["order"], line["refund"]) == (order_id, None) else [line])

    def pending_order(self, placed_at: int, buyer: str = "eve") -> str:
        """Adds an order that is being placed, of nothing, and gives its id."""
        order_id = uuid4().hex
        self.copy(
            "orders.orders", "status = 'PAYMENT_FAILED'", id=order_id, number=order_id[:11], buyer_id=buyer, total=0,
            status="PENDING", payment_status="PENDING", version=0, settled=False, placed_at=placed_at,
            charge_deadline=None, charge_reference=None, release_reason=None, look_at=None,
        )  # fmt: skip
        self.copy("orders.attempts", "TRUE", key=order_id, buyer_id=buyer, order_id=order_id, problems=None)
        return order_id

    def refund(self, order: str, status: str, asked_at: int) -> None:
        """Adds a refund of one cent to an order, with the receipt that is waited for."""
        refund_id = uuid4()
        self.copy(
            "orders.refunds", "cause = 'OPERATOR'", id=refund_id.hex, order_id=self.value(order), status=status,
            key=refund_id.hex, amount=1, asked_at=asked_at, done_at=None,
        )  # fmt: skip
        what = f"OrderRefunded:{refund_id}"
        self.copy("orders.receipts", "TRUE", order_id=self.value(order), what=what, received_at=None)
        self.run(f"UPDATE orders.orders SET settled = FALSE WHERE id = {order}")


def now() -> int:
    return microseconds(utc_now())
