"""`bookstall demo`: plays one purchase against a running server, as a frontend would, and draws it live."""

from __future__ import annotations

import asyncio
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from rich.console import Console

from app.complaint import Complaint
from app.data_folder import DataFolder
from app.live_client import LiveClient
from app.settings import Settings

T = TypeVar("T")

WORDS = ("the", "a", "of", "love", "king", "girl", "world", "night", "life", "book")
TRIES = 10
"""How many offers are tried: somebody else may buy the last copy first."""
ADDRESS = {"name": "Demo Buyer", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL"}

SEARCH = """query DemoSearch($words: String) {
  books(search: $words, filter: { available: true }, first: 20) {
    nodes {
      isbn title authors
      offers(first: 5) { nodes { id available price { amount currency } seller { displayName } } }
    }
  }
}"""
WATCH_STOCK = """subscription DemoStock($isbns: [ISBN!]!) {
  stockUpdates(isbns: $isbns) { version isSnapshot stock { total minPrice { amount currency } } }
}"""
CART = "query DemoCart { me { cart { lines { offer { id } } } } }"
ADD_TO_CART = """mutation DemoAddToCart($input: AddToCartInput!) {
  addToCart(input: $input) {
    ... on Cart { total { amount currency } }
    ... on CartRejected { problems { ... on Error { code message } } }
  }
}"""
CHECKOUT = """mutation DemoCheckout($input: CheckoutInput!) {
  checkout(input: $input) {
    __typename
    ... on CheckoutCompleted { order { id number status total { amount currency } } }
    ... on CheckoutRejected { problems { ... on Error { code message } } }
    ... on Error { code message }
  }
}"""
FOLLOW_ORDER = """subscription DemoOrder($id: ID!) {
  orderUpdates(orderId: $id) { version order { status settled timeline { event domain } } }
}"""
NOTIFICATIONS = """subscription DemoNotifications {
  notifications { isSnapshot notification { subject } }
}"""


def play(url: str, settings: Settings, seconds: float, token: str | None = None) -> None:
    """Plays the demo; raises Complaint unless everything arrives within its time limit.

    Without a buyer's token one is made for a new buyer, with the key in the data folder.
    """
    if token is None:
        token = DataFolder(settings.data).issuer().issue(f"demo-{secrets.token_hex(4)}")
    asyncio.run(_Demo(url, token, seconds).play())


class _Demo:
    def __init__(self, url: str, token: str, seconds: float) -> None:
        self._url, self._token, self._seconds = url, token, seconds
        self._console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
        self._began = time.perf_counter()

    async def play(self) -> None:
        async with LiveClient.connected(self._url, self._token, seconds=self._seconds) as client:
            self._console.print(f"[bold]One purchase at {self._url}[/]")
            if (await client.ask(CART))["me"]["cart"]["lines"]:
                raise Complaint("the cart of this token's buyer is not empty, and the demo would buy what is in it")
            async with self._step("sign in to the notifications"):
                notifications = client.follow(NOTIFICATIONS)
                await self._soon(anext(notifications), "the notifications' snapshot")
            book, order, stock, before = await self._buy_a_copy(client)
            await self._follow(client, order)
            async with self._step("read the notification") as say:
                update = await self._soon(_first(notifications, _has_notification), "the notification")
                say(f"“{update['notifications']['notification']['subject']}”")
            async with self._step("see the stock after") as say:
                after = await self._soon(_first(stock, lambda u: _total(u) < before), "the stock's change")
                say(f"{book['title']}: {before} before, {_total(after)} after")
        self._console.print(f"[bold green]Everything arrived[/] within {self._milliseconds(self._began)} ms.")

    async def _buy_a_copy(self, client: LiveClient) -> tuple[dict, dict, AsyncIterator[dict], int]:
        for _ in range(TRIES):
            book, offer = await self._choose(client)
            async with self._step("watch the stock") as say:
                stock = client.follow(WATCH_STOCK, {"isbns": [book["isbn"]]})
                before = _total(await self._soon(anext(stock), "the stock's snapshot"))
                say(f"{before} to be had")
            async with self._step("add to the cart") as say:
                answer = (await client.ask(ADD_TO_CART, {"input": {"offerId": offer["id"], "quantity": 1}}))[
                    "addToCart"
                ]
                say(_money(answer["total"]) if "total" in answer else answer["problems"][0]["message"])
            if "total" not in answer:
                continue
            async with self._step("check out") as say:
                result = (await client.ask(CHECKOUT, {"input": self._checkout_input(answer["total"])}))["checkout"]
                say(_told(result))
            if result["__typename"] == "CheckoutCompleted":
                return book, result["order"], stock, before
            await client.ask("mutation { clearCart { __typename } }")
        raise Complaint(f"no copy could be bought in {TRIES} tries")

    async def _choose(self, client: LiveClient) -> tuple[dict, dict]:
        for _ in range(TRIES):
            words = secrets.choice(WORDS)
            async with self._step("search") as say:
                books = (await client.ask(SEARCH, {"words": words}))["books"]["nodes"]
                say(f"{len(books)} books for “{words}” can be bought")
            found = [(b, o) for b in books for o in b["offers"]["nodes"] if o["available"]]
            if found:
                book, offer = random.choice(found)  # noqa: S311
                seller = (offer["seller"] or {}).get("displayName", "a seller")
                self._console.print(f"        [italic]{book['title']}[/] at {_money(offer['price'])} from {seller}")
                return book, offer
        raise Complaint("no book can be bought: is the sample shop loaded?")

    async def _follow(self, client: LiveClient, order: dict) -> None:
        updates = client.follow(FOLLOW_ORDER, {"id": order["id"]})
        async with self._step("follow the order"):
            update = await self._soon(anext(updates), "the order's snapshot")
        shown = self._show_entries(update, 0)
        async with self._step("settled") as say:
            steps = await self._soon(self._until_settled(updates, update, shown), "the settled order")
            say(f"after {steps} steps")

    async def _until_settled(self, updates: AsyncIterator[dict], update: dict, shown: int) -> int:
        """How many entries the timeline has then; each is shown as it arrives."""
        while not update["orderUpdates"]["order"]["settled"]:
            try:
                update = await anext(updates)
            except StopAsyncIteration:
                raise Complaint("the server ended the order's updates before it was settled") from None
            shown = self._show_entries(update, shown)
        return shown

    def _show_entries(self, update: dict, shown: int) -> int:
        timeline = update["orderUpdates"]["order"]["timeline"]
        for entry in timeline[shown:]:
            at = self._milliseconds(self._began)
            self._console.print(f"        at {at:>5} ms  {entry['event']} ([dim]{entry['domain']}[/])")
        return max(shown, len(timeline))

    def _checkout_input(self, total: dict) -> dict[str, Any]:
        return {
            "idempotencyKey": secrets.token_hex(8),
            "amount": {"amount": total["amount"], "currency": total["currency"]},
            "deliveryAddress": ADDRESS,
            "paymentMethod": "card",
        }

    @asynccontextmanager
    async def _step(self, name: str) -> AsyncIterator[Any]:
        began, said = time.perf_counter(), []
        with self._console.status(f"{name} ..."):
            yield said.append
        self._console.print(f"{self._milliseconds(began):>6} ms  [bold]{name}[/]{': ' if said else ''}{''.join(said)}")

    async def _soon(self, awaited: Awaitable[T], what: str) -> T:
        try:
            async with asyncio.timeout(self._seconds):
                return await awaited
        except TimeoutError:
            raise Complaint(f"{what} did not arrive within {self._seconds:g} s") from None

    def _milliseconds(self, since: float) -> int:
        return round((time.perf_counter() - since) * 1000)


async def _first(updates: AsyncIterator[dict], fits: Any) -> dict:
    async for update in updates:
        if fits(update):
            return update
    raise Complaint("the server ended a subscription")


def _has_notification(update: dict) -> bool:
    news = update["notifications"]
    return not news["isSnapshot"] and news["notification"] is not None


def _total(update: dict) -> int:
    return update["stockUpdates"]["stock"]["total"]


def _money(money: dict) -> str:
    return f"{money['amount']} {money['currency']}"


def _told(result: dict) -> str:
    if result["__typename"] == "CheckoutCompleted":
        order = result["order"]
        return f"order {order['number']} is {order['status']}, {_money(order['total'])}"
    problems = result.get("problems") or [result]
    return "; ".join(problem.get("message", result["__typename"]) for problem in problems)
