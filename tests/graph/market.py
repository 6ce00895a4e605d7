"""A marketplace in this process: the real domains behind the real endpoint, as clients see it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from graphql import build_schema
from starlette.applications import Starlette

from app.settings import Settings
from app.wiring import Shop, open_shop
from app.worker import Worker
from domains.catalog import AddBook
from domains.sellers import PublishListing, RegisterSeller
from graph.auth import EMBEDDED_ISSUER
from graph.context import Context
from graph.http import build_graph_app
from graph.nodes import encode_id
from graph.schema import schema
from kernel.books import Grade
from kernel.money import Money
from tests.conftest import wait_until
from tests.graph.paths import leads_into, paths_in

Answer = dict[str, Any]

SCHEMA = build_schema(schema.as_str())
ADDRESS = {"name": "A. Buyer", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL"}

_numbers = itertools.count(1)


def fresh_name(kind: str) -> str:
    """A name that no other test uses."""
    return f"{kind}-{next(_numbers)}"


def fresh_isbn() -> str:
    """An ISBN-13 that no other test uses."""
    digits = f"979{next(_numbers):09d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


@dataclass(frozen=True, slots=True)
class OfferOnSale:
    """An offer that can be bought; `id` is its global id."""

    id: str
    listing_id: UUID
    isbn: str
    seller: str
    price: str


class Client:
    """Somebody who asks the endpoint, with a token or without."""

    def __init__(self, market: Market, name: str | None, role: str) -> None:
        self._market = market
        self.name = name or ""
        self.token = market.shop.issuer.issue(name, role) if name else None
        self.headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}

    async def ask(self, document: str, **variables: object) -> Answer:
        """The whole answer, with its errors."""
        body = {"query": document, "variables": variables}
        response = await self._market.http.post("/graphql", json=body, headers=self.headers)
        return response.json()

    async def data(self, document: str, **variables: object) -> Answer:
        """The data of an answer that has no error."""
        answer = await self.ask(document, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def mutate(self, field: str, input: Mapping[str, object], selection: str) -> Answer:
        """One mutation's result; every problem in it has code, message and path, which leads into the input."""
        kind = f"{field[0].upper()}{field[1:]}Input"
        document = f"mutation M($input: {kind}!) {{ {field}(input: $input) {{ __typename {selection} }} }}"
        answer = (await self.data(document, input=input))[field]
        for path in paths_in(answer):
            assert path[0] == "input", path
            assert leads_into(SCHEMA.type_map[kind], path[1:]), path  # pyright: ignore[reportArgumentType]
        return answer

    async def add_to_cart(self, offer: OfferOnSale, quantity: int = 1) -> Answer:
        """The cart afterwards, or why not."""
        return await self.mutate("addToCart", {"offerId": offer.id, "quantity": quantity}, CART)

    async def check_out(self, amount: str, **changes: object) -> Answer:
        """The checkout's result; `changes` replace parts of the input."""
        whole = {"amount": amount, "currency": "EUR"}
        given = {"idempotencyKey": fresh_name("key"), "deliveryAddress": ADDRESS, "amount": whole}
        return await self.mutate("checkout", {**given, **changes}, CHECKOUT)

    async def buy(self, offer: OfferOnSale) -> Answer:
        """The paid order of one copy."""
        assert (await self.add_to_cart(offer))["__typename"] == "Cart"
        result = await self.check_out(offer.price)
        assert result["__typename"] == "CheckoutCompleted", result
        return result["order"]

    @asynccontextmanager
    async def subscribed(self, document: str, **variables: object) -> AsyncIterator[AsyncIterator[Answer]]:
        """What a subscription sends, each result with its errors, without a socket between."""
        viewer = None
        if self.name:
            viewer = await self._market.shop.issuer.verify(self.headers["Authorization"].removeprefix("Bearer "))
        context = Context.of(self._market.shop.services, viewer)
        stream = await schema.stream(document, variable_values=variables, context_value=context)
        try:
            yield _shown(stream)
        finally:
            await stream.aclose()


async def _shown(stream: Any) -> AsyncIterator[Answer]:
    async for result in stream:
        yield {"data": result.data, "errors": [error.formatted for error in result.errors or ()]}


PROBLEM = "... on Error { code message path }"
PROBLEMS = f"problems {{ __typename {PROBLEM} }}"
CART = (
    f"... on Cart {{ version lines {{ quantity }} total {{ amount }} {PROBLEMS} }} ... on CartRejected {{ {PROBLEMS} }}"
)
CHECKOUT = f"""
  {PROBLEM}
  ... on CheckoutCompleted {{ replayed order {{ id number status version total {{ amount }} }} }}
  ... on CheckoutRejected {{
    {PROBLEMS}
    cart {{ lines {{ quantity }} }} failedOrder {{ status }}
  }}
"""


class Market:
    """The marketplace and those who trade on it."""

    def __init__(self, shop: Shop, http: httpx.AsyncClient) -> None:
        self.shop = shop
        self.http = http

    def stranger(self) -> Client:
        """Somebody without a token."""
        return Client(self, None, "buyer")

    def buyer(self) -> Client:
        """Somebody who buys and whom no other test knows."""
        return Client(self, fresh_name("buyer"), "buyer")

    def operator(self) -> Client:
        """Somebody who looks after the marketplace."""
        return Client(self, fresh_name("operator"), "operator")

    async def seller(self) -> Client:
        """A registered seller."""
        client = Client(self, fresh_name("seller"), "seller")
        command = RegisterSeller(
            owner_id=client.name, issuer=EMBEDDED_ISSUER, email=None, display_name=f"Stall of {client.name}"
        )
        await self.shop.services.sellers.register(command)
        return client

    def applicant(self) -> Client:
        """Somebody who may sell and has not registered."""
        return Client(self, fresh_name("seller"), "seller")

    async def book(self, title: str = "A Book") -> str:
        """The ISBN of a book that can be listed."""
        isbn = fresh_isbn()
        await self.shop.services.catalog.add_book(AddBook(isbn=isbn, title=title, authors=("Somebody Else",)))

        async def known() -> set[str]:
            return await self.shop.services.sellers.known_books([isbn])

        await wait_until(known)
        return isbn

    async def offer(
        self, *, copies: int = 1, price: str = "12.50", isbn: str | None = None, seller: Client | None = None
    ) -> OfferOnSale:
        """An offer that has arrived everywhere."""
        seller = seller or await self.seller()
        isbn = isbn or await self.book()
        command = PublishListing(
            owner_id=seller.name, isbn=isbn, grade=Grade.GOOD, price=Money.parse(price, "EUR"), location="Utrecht",
            quantity=copies,
        )  # fmt: skip
        listing = await self.shop.services.sellers.publish_listing(command)
        assert not isinstance(listing, tuple), listing

        async def offered() -> bool:
            found = (await self.shop.services.catalog.find_offers([isbn])).get(isbn)
            return found is not None and any(offer.listing_id == listing.id for offer in found.offers)

        await wait_until(offered)
        return OfferOnSale(encode_id("Offer", listing.id), listing.id, isbn, seller.name, price)


@asynccontextmanager
async def open_market(settings: Settings, working: Callable[[Shop], Worker]) -> AsyncIterator[Market]:
    """A marketplace over migrated databases; `working` does in this process what nobody else does."""
    async with AsyncExitStack() as stack:
        shop = await stack.enter_async_context(open_shop(settings))
        work = working(shop)
        await work.start()
        stack.push_async_callback(work.stop)
        app = Starlette(routes=build_graph_app(shop.services, shop.issuer))
        transport = httpx.ASGITransport(app)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://market"))
        yield Market(shop, http)
