"""Subscriptions that wait for a database: each read ends in time, and nobody waits for what will never come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from graph.context import Services
from graph.limits import Limits
from tests.graph.conftest import listening
from tests.graph.market import Market, fresh_isbn
from tests.graph.socket_client import SocketClient, connected

SECONDS = 1.0
"""Long enough for what is not stuck, on a busy machine too."""
STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { version } }"
ORDER = "subscription S($id: ID!) { orderUpdates(orderId: $id) { order { status lines { book { title } } } } }"
MY_ORDERS = "subscription { myOrders { version order { id } } }"
MESSAGES = "subscription { notifications { version } }"


class Stuck:
    """A service one of whose questions is never answered while it is stuck."""

    def __init__(self, service: Any, question: str) -> None:
        self._service = service
        self._question = question
        self.is_stuck = True
        self.asked = self.waiting = 0

    def __getattr__(self, name: str) -> Any:
        return self._wait if name == self._question and self.is_stuck else getattr(self._service, name)

    async def _wait(self, *_: object, **__: object) -> None:
        self.asked += 1
        self.waiting += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.waiting -= 1


def hurried(market: Market, **changes: Any) -> Services:
    """The market's services with little time for an operation."""
    return replace(market.shop.services, limits=Limits(query_seconds=SECONDS), **changes)


async def ended(client: SocketClient, identifier: str = "1") -> list[str]:
    """The codes of all errors of an operation until its end."""
    codes: list[str] = []
    while True:
        message = await client.receive()
        if message["id"] == identifier:
            payload = message.get("payload", [])
            errors = payload if isinstance(payload, list) else payload.get("errors", [])
            codes += [error["extensions"]["code"] for error in errors]
            if message["type"] != "next":
                return codes


@pytest.mark.parametrize(
    ("service", "question", "document"),
    [
        ("inventory", "find_stock", STOCK),
        ("orders", "orders_of", MY_ORDERS),
        ("orders", "find_order", ORDER),
        ("notifications", "last_sequence", MESSAGES),
        ("catalog", "find_books", ORDER),
    ],
    ids=["snapshot for all", "snapshot for a viewer", "what is watched", "alone", "what is told of it"],
)
async def test_a_first_read_that_hangs_ends_the_subscription(
    market: Market, service: str, question: str, document: str
) -> None:
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())
    stuck = Stuck(getattr(market.shop.services, service), question)
    async with listening(market, hurried(market, **{service: stuck})) as url, connected(url) as client:
        await client.initialise(buyer.token)
        await client.subscribe(document, id=order["id"], isbns=[fresh_isbn()])
        assert await ended(client) == ["TIMEOUT"]
    assert (stuck.asked, stuck.waiting) == (1, 0)


@pytest.mark.parametrize(
    ("service", "question", "document"),
    [("orders", "find_order", MY_ORDERS), ("notifications", "after", MESSAGES)],
    ids=["shared", "alone"],
)
async def test_a_later_read_that_hangs_ends_the_subscription(
    market: Market, service: str, question: str, document: str
) -> None:
    buyer = market.buyer()
    await buyer.buy(await market.offer())
    stuck = Stuck(getattr(market.shop.services, service), question)
    stuck.is_stuck = False
    async with listening(market, hurried(market, **{service: stuck})) as url, connected(url) as client:
        await client.initialise(buyer.token)
        await client.subscribe(document)
        assert (await client.receive())["type"] == "next"
        stuck.is_stuck = True
        await buyer.buy(await market.offer())
        assert await ended(client) == ["TIMEOUT"]
    assert (stuck.asked, stuck.waiting) == (1, 0)


async def test_whoever_comes_while_reads_hang_is_told_and_the_others_watch_on(market: Market) -> None:
    offer = await market.offer(copies=2)
    stuck = Stuck(market.shop.services.inventory, "find_stock")
    stuck.is_stuck = False
    async with (
        listening(market, hurried(market, inventory=stuck)) as url,
        connected(url) as early,
        connected(url) as late,
    ):
        for client in (early, late):
            await client.initialise()
        await early.subscribe(STOCK, isbns=[offer.isbn])
        snapshot = await early.receive()
        stuck.is_stuck = True
        await late.subscribe(STOCK, isbns=[offer.isbn])
        assert await ended(late) == ["TIMEOUT"]
        # Twice as long as an operation may be at work has nothing come.
        await late.subscribe(STOCK, "again", isbns=[offer.isbn])
        assert await ended(late, "again") == ["TIMEOUT"]
        await market.buyer().buy(offer)
        update = await early.receive()
    versions = [message["payload"]["data"]["stockUpdates"]["version"] for message in (snapshot, update)]
    assert versions == sorted(set(versions))
