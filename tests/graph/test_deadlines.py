"""What takes too long is broken off, with the work behind it; what must not stop half-way goes on by itself."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
from starlette.applications import Starlette

from graph.context import COSTLY_AT_A_TIME, Services
from graph.http import build_graph_app
from graph.limits import Limits
from tests.graph.conftest import listening
from tests.graph.market import ADDRESS, Market, fresh_name
from tests.graph.socket_client import connected

SECONDS = 1.0
"""Long enough for what is not hung, on a busy machine too."""
BOOK = '{ book(isbn: "0306406152") { isbn } }'


class Slow:
    """A service that never answers."""

    def __init__(self) -> None:
        self.begun = 0
        self.broken_off = 0
        self.most = 0
        self.has_begun = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        async def work(*_: object, **__: object) -> None:
            self.begun += 1
            self.has_begun.set()
            self.most = max(self.most, self.begun - self.broken_off)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.broken_off += 1
                raise

        return work


class SlowTill:
    """Orders whose checkouts take longer than operations may, and go on when nobody waits for them any more."""

    def __init__(self, orders: Any) -> None:
        self._orders = orders
        self.may_go_on = asyncio.Event()
        self.running: asyncio.Task[Any] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    async def checkout(self, command: Any) -> Any:
        async def work() -> Any:
            await self.may_go_on.wait()
            return await self._orders.checkout(command)

        self.running = asyncio.create_task(work())
        return await asyncio.shield(self.running)


def hurried(market: Market, **changed: Any) -> Services:
    """The market's services with little time for an operation."""
    return replace(market.shop.services, limits=Limits(query_seconds=SECONDS), **changed)


async def asked(market: Market, services: Services, body: dict[str, Any], headers: dict[str, str]) -> httpx.Response:
    app = Starlette(routes=build_graph_app(services, market.shop.issuer))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://market") as http:
        return await http.post("/graphql", json=body, headers=headers)


async def test_a_query_that_takes_too_long_is_broken_off(market: Market) -> None:
    slow: Any = Slow()
    response = await asked(
        market,
        hurried(market, catalog=slow, sellers=slow),
        {"query": '{ seller(id: "x") { id } me { id } a: books { nodes { isbn } } }'},
        {},
    )
    assert response.status_code == 504
    (error,) = response.json()["errors"]
    assert list(response.json()) == ["errors"]
    assert error["extensions"] == {"code": "TIMEOUT"}
    assert slow.broken_off == slow.begun > 0


async def test_a_query_on_a_websocket_has_no_more_time_and_a_subscription_has(market: Market) -> None:
    slow: Any = Slow()
    services = hurried(market, catalog=slow)
    async with listening(market, services) as url, connected(url) as client:
        buyer = market.buyer()
        await client.initialise(buyer.headers["Authorization"].removeprefix("Bearer "))
        await client.subscribe("subscription { notifications { version } }", "lasting")
        assert (await client.receive())["id"] == "lasting"
        for identifier in ("first", "second"):
            await client.subscribe("{ books { nodes { isbn } } }", identifier)
            message = await client.receive()
            assert (message["id"], message["type"]) == (identifier, "error")
            assert message["payload"][0]["extensions"] == {"code": "TIMEOUT"}
        assert slow.broken_off == slow.begun == 2
        await buyer.buy(await market.offer())
        assert (await client.receive())["id"] == "lasting"


async def test_a_websocket_executes_a_few_queries_at_a_time_and_the_others_after_them(market: Market) -> None:
    slow: Any = Slow()
    async with listening(market, hurried(market, catalog=slow)) as url, connected(url) as client:
        await client.initialise()
        for number in range(10):
            await client.subscribe("{ books { nodes { isbn } } }", str(number))
        messages = [await client.receive() for _ in range(10)]
    assert {message["payload"][0]["extensions"]["code"] for message in messages} == {"TIMEOUT"}
    assert (slow.begun, slow.broken_off, slow.most) == (10, 10, 4)


async def test_few_costly_queries_are_executed_at_a_time_and_nobody_else_waits_for_them(market: Market) -> None:
    slow: Any = Slow()
    services = hurried(market, catalog=slow)
    costly = {"query": "{ books(first: 100) { nodes { offers(first: 10) { nodes { id } } } } }"}
    async with asyncio.TaskGroup() as clients:
        asking = [clients.create_task(asked(market, services, costly, {})) for _ in range(COSTLY_AT_A_TIME + 2)]
        await slow.has_begun.wait()
        light = await asked(market, services, {"query": "{ __typename }"}, {})
        assert light.json() == {"data": {"__typename": "Query"}}
        assert not any(client.done() for client in asking)
    assert {client.result().status_code for client in asking} == {504}
    assert slow.most == COSTLY_AT_A_TIME


async def test_a_checkout_whose_buyer_was_not_told_in_time_is_done_once(market: Market) -> None:
    buyer, offer = market.buyer(), await market.offer()
    await buyer.add_to_cart(offer)
    till = SlowTill(market.shop.services.orders)
    given = {
        "idempotencyKey": fresh_name("key"), "deliveryAddress": ADDRESS,
        "amount": {"amount": offer.price, "currency": "EUR"},
    }  # fmt: skip
    document = "mutation M($input: CheckoutInput!) { checkout(input: $input) { __typename } }"
    body = {"query": document, "variables": {"input": given}}
    response = await asked(market, hurried(market, orders=till), body, buyer.headers)
    assert response.json()["errors"][0]["extensions"] == {"code": "TIMEOUT"}
    till.may_go_on.set()
    assert till.running is not None
    await till.running
    again = await buyer.mutate("checkout", given, "... on CheckoutCompleted { replayed }")
    assert again == {"__typename": "CheckoutCompleted", "replayed": True}
