"""The clocks of gateway and workers are twenty minutes apart: what expires does so by the database's clock alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from domains.inventory import HoldLine, InventoryService
from graph.auth import EmbeddedIssuer
from graph.nodes import decode_id
from kernel.clock import utc_now
from kernel.money import Money
from tests import documents
from tests.builders import Offer, Shop
from tests.conftest import wait_until
from tests.faults.full_stack import FullStack, Marketplace
from tests.server import Server

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]

TEN_MINUTES = 600
SHORT_SECONDS, LONG_SECONDS = 3, 300
"""Holds that are over within the test, and that a clock ten minutes ahead would take to be over."""
A_MINUTE = timedelta(minutes=1)
SETTINGS = {
    "BOOKSTALL_HOLD_SECONDS": str(SHORT_SECONDS),
    "BOOKSTALL_PLACING_SECONDS": "2",
    "BOOKSTALL_CHARGE_SECONDS": "1",
    "BOOKSTALL_LATE_SECONDS": "1",
    "BOOKSTALL_CANCEL_SECONDS": str(TEN_MINUTES // 2),
}
STOCK = "SELECT state, expires_at, changed_at, statement_timestamp() AS now FROM stock_orders WHERE order_id = $1"
TOO_LATE = "UPDATE orders SET cancel_until = statement_timestamp() - interval '1 second' WHERE id = $1"
ORDER = "SELECT status, placed_at, paid_at, charge_deadline FROM orders WHERE id = $1"


class WrongProcess(Server):
    """A process whose clock is so many seconds ahead, and tokens of an issuer who believes the same."""

    def __init__(self, command: str, data: Path, settings: Any, *, seconds: int) -> None:
        super().__init__(data, command=command, settings=settings)
        self.program = ("-m", "tests.faults.wrong_clock", str(seconds))
        self.ahead = timedelta(seconds=seconds)

    def token(self, name: str, role: str = "buyer") -> str:
        return EmbeddedIssuer(self.data, clock=lambda: utc_now() + self.ahead).issue(name, role)


@pytest.fixture(scope="module", params=[TEN_MINUTES, -TEN_MINUTES], ids=["gateway ahead", "gateway behind"])
async def marketplace(
    request: pytest.FixtureRequest, full_stack: FullStack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Marketplace]:
    """The gateway's clock is ten minutes wrong, and those of the workers as much the other way."""
    opened = await full_stack.marketplace(tmp_path_factory.mktemp("wrong") / "data", SETTINGS)
    settings = full_stack.servers.environment | SETTINGS
    settings["BOOKSTALL_DATABASE_URL"] = opened.settings.database_url.get_secret_value()
    opened.gateway = WrongProcess("gateway", opened.data, settings, seconds=request.param)
    opened.workers[:] = [WrongProcess("worker", opened.data, settings, seconds=-request.param) for _ in range(2)]
    await opened.open()
    yield opened
    await opened.close()


async def test_what_expires_does_so_by_the_clock_of_the_database(marketplace: Marketplace, stalls: Shop) -> None:
    offer = await stalls.offer(copies=9)
    short, long = await held(marketplace, offer, SHORT_SECONDS), await held(marketplace, offer, LONG_SECONDS)
    first = await row(marketplace, "inventory", STOCK, short)
    waits = await stalls.buyer().buys(offer, method="card-3ds")
    unanswered = await stalls.buyer().buys(offer, method="card-timeout-charged")
    assert {waits["__typename"], unanswered["__typename"]} == {"CheckoutPending"}

    expired = await until(marketplace, "inventory", STOCK, short, state="EXPIRED")
    paid = await until(marketplace, "orders", ORDER, id_of(unanswered), status="PAID")

    assert first["expires_at"] - first["changed_at"] == timedelta(seconds=SHORT_SECONDS)
    assert expired["changed_at"] >= first["expires_at"], "not early"
    assert paid["charge_deadline"] - paid["placed_at"] < A_MINUTE
    assert paid["paid_at"] >= paid["charge_deadline"], "not before the provider's time was over"
    still = await row(marketplace, "inventory", STOCK, long)
    assert still["state"] == "HELD"
    renewed = await row(marketplace, "inventory", STOCK, id_of(waits))
    assert renewed["state"] == "HELD"
    assert timedelta(hours=2) - A_MINUTE < renewed["expires_at"] - renewed["now"] <= timedelta(hours=2)


async def test_an_order_can_be_cancelled_for_as_long_as_the_database_says(
    marketplace: Marketplace, stalls: Shop
) -> None:
    buyer, offer = stalls.buyer(), await stalls.offer(copies=2)
    early, late = [await buyer.settled(await buyer.buys(offer)) for _ in range(2)]

    assert (await buyer.cancels(early))["__typename"] == "OrderCancelled"

    async def its_money_is_back() -> bool:
        order = await buyer.order(id=early["id"])
        return order["settled"] and order["paymentStatus"] == "REFUNDED"

    await stalls.eventually(its_money_is_back)
    await row(marketplace, "orders", TOO_LATE, decode_id(late["id"], "Order"))
    assert (await buyer.cancels(late))["__typename"] == "CannotCancel"


async def test_what_happened_is_told_by_the_clock_of_the_database(marketplace: Marketplace, stalls: Shop) -> None:
    buyer, offer = stalls.buyer(), await stalls.offer()

    order = await buyer.settled(await buyer.buys(offer))

    times = [datetime.fromisoformat(entry["at"]) for entry in order["timeline"]]
    assert times == sorted(times)
    assert all(abs(utc_now() - time) < A_MINUTE for time in times)


async def test_the_clocks_are_as_wrong_as_they_are_said_to_be(marketplace: Marketplace, stalls: Shop) -> None:
    buyer, offer = stalls.buyer(), await stalls.offer()
    order = await buyer.settled(await buyer.buys(offer))

    sent = await row(marketplace, "inventory", "SELECT id, written_at FROM outbox WHERE name = $1", "StockDeducted")

    ahead = ahead_of(marketplace)
    assert abs(made_at(decode_id(order["id"], "Order")) - utc_now() - ahead) < A_MINUTE
    assert abs(made_at(sent["id"]) - sent["written_at"] + ahead) < A_MINUTE


async def test_a_token_is_judged_by_the_clock_of_the_gateway(marketplace: Marketplace, stalls: Shop) -> None:
    token = EmbeddedIssuer(marketplace.data).issue("ann", seconds=TEN_MINUTES // 2)

    refusal = await stalls.stranger(token).refusal(documents.VIEWED_CART)

    assert refusal == ("TOKEN_EXPIRED" if ahead_of(marketplace) > timedelta() else "TOKEN_INVALID")


def ahead_of(marketplace: Marketplace) -> timedelta:
    """By how much the gateway's clock is ahead."""
    assert isinstance(marketplace.gateway, WrongProcess)
    return marketplace.gateway.ahead


async def held(marketplace: Marketplace, offer: Offer, seconds: int) -> UUID:
    """An order that holds a copy for so long, and that nobody will release."""
    inventory = InventoryService(marketplace.database("inventory"), currency="EUR", hold_seconds=seconds)
    order_id, listing_id = uuid4(), decode_id(offer.listing_id, "Listing")
    assert await inventory.hold(order_id, [HoldLine(listing_id, 1, Money(1250, "EUR"))]) == ()
    return order_id


def id_of(outcome: Any) -> UUID:
    """The id of a checkout's order."""
    return decode_id(outcome["order"]["id"], "Order")


def made_at(identifier: UUID) -> datetime:
    """The time that an id of version 7 says it was made at."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


async def row(marketplace: Marketplace, domain: str, query: str, *values: Any) -> Any:
    """The one row that a query finds in a domain's database."""
    connection = await asyncpg.connect(marketplace.settings.database_of(domain))
    try:
        return await connection.fetchrow(query, *values)
    finally:
        await connection.close()


async def until(marketplace: Marketplace, domain: str, query: str, identifier: UUID, **fields: str) -> Any:
    """The row once it has these values."""

    async def found() -> Any:
        now = await row(marketplace, domain, query, identifier)
        return now if fields.items() <= dict(now).items() else None

    return await wait_until(found)
