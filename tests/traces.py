"""What a running server leaves in its databases and its data folder: orders, published events, charges, mails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import select

from app.payments import Verdict, read_ledger
from app.settings import Settings
from domains.orders import OrderStatus
from domains.orders.tables import orders
from graph.nodes import decode_id
from kernel.columns import param
from kernel.database import Statement
from messaging.tables import outbox
from tests.databases import opened

R = TypeVar("R")


class EventRow(NamedTuple):
    """An event's payload."""

    body: bytes


class OrderRow(NamedTuple):
    """An order's state."""

    status: OrderStatus


EVENTS = Statement(
    select(outbox.c.body).where(outbox.c.name == param(outbox.c.name)).order_by(outbox.c.id), EventRow, slow=True
)
ORDERS = Statement(select(orders.c.status).where(orders.c.buyer_id == param(orders.c.buyer_id)), OrderRow)


class Traces:
    """Reads beside the server and changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def charged(self, orders: Iterable[dict[str, Any]]) -> list[int]:
        """The amounts, in minor units, that were taken for these orders and are kept."""
        ids = {decode_id(order["id"], "Order") for order in orders}
        entries = (entry for entry in read_ledger(self._settings.data / "charges.jsonl") if entry.order_id in ids)
        return [entry.amount.minor for entry in entries if entry.verdict is Verdict.CAPTURED and entry.amount]

    def given_back(self, orders: Iterable[dict[str, Any]]) -> list[int]:
        """The amounts, in minor units, that went back for these orders."""
        ids = {decode_id(order["id"], "Order") for order in orders}
        entries = (entry for entry in read_ledger(self._settings.data / "charges.jsonl") if entry.order_id in ids)
        return [entry.amount.minor for entry in entries if entry.verdict is Verdict.REFUNDED and entry.amount]

    async def events(self, domain: str, name: str, **fields: object) -> list[dict[str, Any]]:
        """The payloads of a domain's events of this name whose fields have these values, oldest first."""
        payloads = [json.loads(row.body) for row in await self._rows(domain, EVENTS, name=name)]
        return [payload for payload in payloads if fields.items() <= payload.items()]

    async def orders_of(self, buyer: str) -> list[str]:
        """The states of all orders of a buyer."""
        return [row.status.value for row in await self._rows("orders", ORDERS, buyer_id=buyer)]

    def mails_to(self, address: str) -> list[EmailMessage]:
        """The mails that were sent to an address."""
        mails = (_read(path) for path in (self._settings.data / "mail").glob("*.eml"))
        return [mail for mail in mails if mail["To"] == address]

    async def _rows(self, domain: str, statement: Statement[R], **values: object) -> list[R]:
        async with opened(self._settings.database_of(domain), domain) as database:
            return await database.read().all(statement, **values)


def _read(path: Path) -> EmailMessage:
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail
