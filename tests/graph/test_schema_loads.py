"""Hops to other domains: a long list asks each of them as often as a short one does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from graph.context import Context
from graph.limits import Limits
from graph.schema import schema
from tests.graph.market import Client, Market

ORDERS = """{ me { orders(first: 100) { nodes { id lines {
  book { title stock { total } offers { nodes { seller { displayName } book { title } } } }
  seller { displayName } offer { available seller { displayName } book { title } } }
  refunds { amount { amount } order { number } } } } } }"""
PLACES = Counter(
    orders_of=1, refunds_of=1, find_orders=1, find_items=1, find_offers=1, find_books=3, find_sellers=3
)  # fmt: skip
"""The places of ORDERS that ask each service. Those whose answers come together share a load, so it may be fewer."""
BOOKS = """{ books(first: 100, orderBy: TITLE) { nodes { title stock { total } offers(first: 5) { nodes {
  available book { title } seller { displayName } } } } } }"""


class Counted:
    """A service that counts how often each of its methods is called."""

    def __init__(self, service: object, calls: Counter[str]) -> None:
        self._service = service
        self._calls = calls

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **options: Any) -> Any:
            self._calls[name] += 1
            return await getattr(self._service, name)(*arguments, **options)

        return call


async def calls_of(market: Market, client: Client, document: str) -> Counter[str]:
    """How often which method was called to answer the document."""
    calls: Counter[str] = Counter()
    services = market.shop.services
    counted: dict[str, Any] = {
        name: Counted(getattr(services, name), calls)
        for name in ("orders", "inventory", "catalog", "sellers", "notifications")
    }
    viewer = await market.shop.issuer.verify(client.headers["Authorization"].removeprefix("Bearer "))
    unbounded = Limits(query_cost=1_000_000)
    context = Context.of(replace(services, **counted, limits=unbounded), viewer)
    result = await schema.execute(document, context_value=context)
    assert result.errors is None
    return calls


async def test_many_orders_cost_one_load_for_each_place_that_asks(market: Market) -> None:
    buyer = market.buyer()
    offers = [await market.offer(copies=9) for _ in range(5)]
    for number in range(20):
        await buyer.buy(offers[number % 5])
    assert await calls_of(market, buyer, ORDERS) <= PLACES


async def test_many_refunds_cost_one_load_for_each_place_that_asks(market: Market) -> None:
    buyer, offer = market.buyer(), await market.offer(copies=9)
    for _ in range(7):
        order = await buyer.buy(offer)
        await buyer.mutate("cancelOrder", {"orderId": order["id"]}, "... on Error { message }")
    calls = await calls_of(market, buyer, ORDERS)
    assert calls <= PLACES
    assert (calls["refunds_of"], calls["find_orders"]) == (1, 1)


async def test_a_page_of_books_costs_one_load_of_each_kind_and_depth(market: Market) -> None:
    await market.offer()
    assert await calls_of(market, market.buyer(), BOOKS) == {
        "search": 1, "find_offers": 1, "find_sellers": 1, "find_books": 1,
    }  # fmt: skip


async def test_problems_of_a_cart_are_loaded_together(market: Market) -> None:
    buyer = market.buyer()
    document = "{ me { cart { problems { ... on OutOfStock { offer { id } alternatives { id } } } } } }"
    for _ in range(3):
        await buyer.add_to_cart(await market.offer(), quantity=2)
    calls = await calls_of(market, buyer, document)
    assert calls == {"cart_of": 1, "find_items": 1, "find_offers": 1}
