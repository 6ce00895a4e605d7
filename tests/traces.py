"""What a running server leaves in its data folder: charges, published events, mails."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from app.payments import Verdict, read_ledger
from graph.nodes import decode_id


class Traces:
    """Reads the data folder beside its server and changes nothing in it."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def charged(self, orders: Iterable[dict[str, Any]]) -> list[int]:
        """The amounts, in minor units, that were taken for these orders and are kept."""
        ids = {decode_id(order["id"], "Order") for order in orders}
        entries = (entry for entry in read_ledger(self._data / "charges.jsonl") if entry.order_id in ids)
        return [entry.amount.minor for entry in entries if entry.verdict is Verdict.CAPTURED and entry.amount]

    def events(self, domain: str, name: str, **fields: object) -> list[dict[str, Any]]:
        """The payloads of a domain's events of this name whose fields have these values, oldest first."""
        bodies = self._rows(domain, "SELECT body FROM outbox WHERE name = ? ORDER BY rowid", name)
        payloads = [json.loads(body) for (body,) in bodies]
        return [payload for payload in payloads if fields.items() <= payload.items()]

    def orders_of(self, buyer: str) -> list[str]:
        """The states of all orders of a buyer."""
        return [status for (status,) in self._rows("orders", "SELECT status FROM orders WHERE buyer_id = ?", buyer)]

    def mails_to(self, address: str) -> list[EmailMessage]:
        """The mails that were sent to an address."""
        mails = (_read(path) for path in (self._data / "mail").glob("*.eml"))
        return [mail for mail in mails if mail["To"] == address]

    def _rows(self, domain: str, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self._data / domain}.db?mode=ro", uri=True)) as database:
            return database.execute(statement, values).fetchall()


def _read(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail
