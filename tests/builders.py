"""A marketplace to play in: fresh books, sellers and buyers on the running server, so that tests do not meet."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from app.live_client import LiveClient
from tests import documents
from tests.live import Live
from tests.server import Server
from tests.traces import Traces

Answer = dict[str, Any]
Wait = Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]]

ADDRESS = {"name": "Ada Reader", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL"}
CURRENCY = "EUR"


def euros(amount: str) -> Answer:
    """A MoneyInput."""
    return {"amount": amount, "currency": CURRENCY}


def fresh_isbn() -> str:
    """An ISBN-13 with its check digit; the sample books have none of this prefix."""
    digits = f"9798{secrets.randbelow(10**8):08}"
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


def codes(answer: Answer) -> list[tuple[str, list[str] | None]]:
    """Code and path of every problem of an answer."""
    return [(problem["code"], problem["path"]) for problem in answer["problems"]]


def kinds(answers: Sequence[Answer]) -> list[str]:
    """The types of answers."""
    return [answer["__typename"] for answer in answers]


class Person:
    """Somebody with a token, or without one: `ask` expects data, `refusal` an error."""

    def __init__(self, shop: Shop, name: str, token: str | None) -> None:
        self.shop = shop
        self.name = name
        self.email = f"{name}@example.org"
        self.token = token

    async def send(self, document: str, **variables: Any) -> httpx.Response:
        """The raw answer of the endpoint."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.shop.http.post("/graphql", json={"query": document, "variables": variables}, headers=headers)

    async def ask(self, document: str, **variables: Any) -> Any:
        """The one root field of the answer's data; fails where there are errors."""
        answer = (await self.send(document, **variables)).json()
        assert "errors" not in answer, answer["errors"]
        [value] = answer["data"].values()
        return value

    async def refusal(self, document: str, **variables: Any) -> str:
        """The code of the answer's one error."""
        answer = (await self.send(document, **variables)).json()
        assert all(value is None for value in (answer.get("data") or {}).values())
        [error] = answer["errors"]
        return error["extensions"]["code"]

    @asynccontextmanager
    async def live(self) -> AsyncIterator[Live]:
        """A websocket of theirs."""
        async with LiveClient.connected(self.shop.server.url, self.token or "") as client:
            yield Live(client)


class Buyer(Person):
    """Somebody who buys."""

    async def adds(self, offer: Offer, copies: int = 1) -> Answer:
        """Put copies into the cart."""
        return await self.ask(documents.ADD_TO_CART, input={"offerId": offer.id, "quantity": copies})

    async def sets(self, offer: Offer, copies: int) -> Answer:
        """Have so many copies in the cart."""
        return await self.ask(documents.SET_CART_LINE, input={"offerId": offer.id, "quantity": copies})

    async def cart(self) -> Answer:
        """The cart."""
        return (await self.ask(documents.VIEWED_CART))["cart"]

    async def checks_out(
        self,
        *,
        amount: str | None = None,
        key: str | None = None,
        address: Answer | None = None,
        method: str = "card",
    ) -> Answer:
        """Buy the cart, for its total unless another amount is given."""
        agreed = amount or (await self.cart())["total"]["amount"]
        checkout = {
            "idempotencyKey": key or secrets.token_hex(8),
            "deliveryAddress": ADDRESS if address is None else address,
            "amount": euros(agreed),
            "paymentMethod": method,
        }
        return await self.ask(documents.CHECKOUT, input=checkout)

    async def buys(self, *offers: Offer, copies: int = 1, method: str = "card") -> Answer:
        """Put copies of each offer into the cart and check out."""
        for offer in offers:
            await self.adds(offer, copies)
        return await self.checks_out(method=method)

    async def settled(self, outcome: Answer) -> Answer:
        """The order of a checkout, once everybody has done their part."""
        assert outcome["__typename"] == "CheckoutCompleted", outcome

        async def order_if_settled() -> Answer | None:
            order = await self.order(id=outcome["order"]["id"])
            return order if order["settled"] else None

        return await self.shop.eventually(order_if_settled)

    async def order(self, **by: str) -> Any:
        """An order by `id` or `number`, None where it is not theirs."""
        return await self.ask(documents.FIND_ORDER, by=by)

    async def cancels(self, order: Answer, reason: str = "") -> Answer:
        """Undo an order."""
        return await self.ask(documents.CANCEL_ORDER, input={"orderId": order["id"], "reason": reason})

    async def messages(self, **which: Any) -> list[Answer]:
        """Their messages, newest first."""
        return (await self.ask(documents.MESSAGES, **which))["notifications"]["nodes"]

    async def ignores(self, kind: str, *channels: str) -> None:
        """Turn messages of a kind off."""
        for channel in channels:
            wish = {"kind": kind, "channel": channel, "enabled": False}
            assert (await self.ask(documents.SET_PREFERENCE, input=wish))["__typename"] == "NotificationPreferences"


class Seller(Buyer):
    """Somebody who sells."""

    async def registers(self, display_name: str) -> Answer:
        """Open a stall."""
        return await self.ask(documents.REGISTER, input={"displayName": display_name})

    async def publishes(self, isbn: str, *, copies: int = 1, price: str = "12.50", **more: Any) -> Answer:
        """Offer copies of a book."""
        terms = {"isbn": isbn, "condition": "GOOD", "price": euros(price), "quantity": copies, "location": "Lyon"}
        return await self.ask(documents.PUBLISH, input=terms | more)

    async def desk(self) -> Answer:
        """Their desk as a seller."""
        return (await self.ask(documents.DESK))["selling"]


class Operator(Buyer):
    """Somebody who looks after the marketplace."""

    async def sees(self, order: Answer) -> Answer:
        """Anybody's order, with its refunds."""
        return (await self.ask(documents.ANY_ORDER, by={"id": order["id"]}))["operating"]["order"]

    async def refunds(
        self, order: Answer, *, key: str | None = None, reason: str = "A torn page", **what: Any
    ) -> Answer:
        """Give money back: all that is left, unless it is said what."""
        wish = {"idempotencyKey": key or secrets.token_hex(8), "orderId": order["id"], "reason": reason}
        return await self.ask(documents.REFUND_ORDER, input=wish | what)

    async def retries(self, refund: Answer) -> Answer:
        """Have a refund tried again."""
        return await self.ask(documents.RETRY_REFUND, input={"refundId": refund["id"]})

    async def failed_refunds_of(self, order: Answer) -> list[Answer]:
        """Which of the order's refunds the provider would not make, by paging through all."""
        found, page = list[Answer](), {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            desk = await self.ask(documents.FAILED_REFUNDS, first=5, after=page["endCursor"])
            refunds = desk["operating"]["failedRefunds"]
            found += [refund for refund in refunds["nodes"] if refund["order"]["id"] == order["id"]]
            page = refunds["pageInfo"]
        return found


@dataclass
class Offer:
    """Copies that a seller offers, as the test published them."""

    id: str
    listing_id: str
    isbn: str
    seller: Seller

    async def listing(self) -> Any:
        """The listing as its seller sees it now."""
        return await self.seller.ask(documents.VIEWED_LISTING, id=self.listing_id)

    async def stock(self) -> Answer:
        """Where its copies are."""
        return (await self.listing())["stock"]

    async def book(self) -> Answer:
        """Its book with stock and offers, as the catalogue shows it."""
        return await self.seller.ask(documents.BOOK, isbn=self.isbn)

    async def sold_out(self) -> bool:
        """Whether the catalogue shows that nothing of the book is left."""
        return (await self.book())["stock"]["total"] == 0

    async def changes(self, **terms: Any) -> Answer:
        """Change the listing as it is now."""
        version = (await self.listing())["version"]
        return await self.seller.ask(
            documents.CHANGE_LISTING, input={"listingId": self.listing_id, "version": version} | terms
        )

    async def costs(self, price: str) -> None:
        """Change the price and wait until buyers see it."""
        await self.changes(price=euros(price))

        async def shown() -> bool:
            offers = {offer["id"]: offer for offer in (await self.book())["offers"]["nodes"]}
            return offers[self.id]["price"]["amount"] == price

        await self.seller.shop.eventually(shown)

    async def is_withdrawn(self) -> None:
        """Withdraw the listing and wait until buyers see it."""
        version = (await self.listing())["version"]
        withdrawn = await self.seller.ask(
            documents.WITHDRAW_LISTING, input={"listingId": self.listing_id, "version": version}
        )
        assert withdrawn["withdrawn"]

        async def hidden() -> bool:
            return self.id not in [offer["id"] for offer in (await self.book())["offers"]["nodes"]]

        await self.seller.shop.eventually(hidden)


class Shop:
    """Where tests play: every buyer, seller and book that it makes is a new one."""

    def __init__(self, server: Server, http: httpx.AsyncClient, wait: Wait) -> None:
        self.server = server
        self.http = http
        self.traces = Traces(server.settings)
        self._wait = wait

    async def eventually(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Ask until the answer is true, and give it back."""
        return await self._wait(condition)

    def buyer(self) -> Buyer:
        """A new buyer."""
        name = f"buyer-{secrets.token_hex(4)}"
        return Buyer(self, name, self.server.token(name))

    def stranger(self, token: str | None = None) -> Buyer:
        """Somebody who has no token, or a wrong one."""
        return Buyer(self, "stranger", token)

    def operator(self) -> Operator:
        """Somebody who looks after the marketplace."""
        return Operator(self, "operator", self.server.token("operator", "operator"))

    def newcomer(self) -> Seller:
        """Somebody who may sell and has not registered yet."""
        name = f"seller-{secrets.token_hex(4)}"
        return Seller(self, name, self.server.token(name, "seller"))

    async def seller(self) -> Seller:
        """A new registered seller."""
        seller = self.newcomer()
        assert (await seller.registers(f"Stall of {seller.name}"))["__typename"] == "Seller"
        return seller

    async def book(self, title: str = "A Tale") -> str:
        """The ISBN of a new book."""
        book = {"isbn": fresh_isbn(), "title": title, "authors": ["Nora Writer"]}
        return (await self.operator().ask(documents.ADD_BOOK, input=book))["isbn"]

    async def offer(
        self, *, copies: int = 1, price: str = "12.50", seller: Seller | None = None, isbn: str | None = None
    ) -> Offer:
        """A new offer that buyers can see, of a new book by a new seller unless they are given."""
        owner = seller or await self.seller()
        book = isbn or await self.book()

        async def published() -> Answer | None:
            listing = await owner.publishes(book, copies=copies, price=price)
            return listing if listing["__typename"] == "Listing" else None

        listing = await self.eventually(published)

        async def shown() -> str | None:
            offer = (await owner.ask(documents.VIEWED_LISTING, id=listing["id"]))["offer"]
            offers = (await owner.ask(documents.BOOK, isbn=book))["offers"]["nodes"]
            return offer["id"] if offer and offer["id"] in [shown["id"] for shown in offers] else None

        return Offer(id=await self.eventually(shown), listing_id=listing["id"], isbn=book, seller=owner)
