"""The people of the demo: each thing that they do in front of a frontend is a step of the story."""

from __future__ import annotations

import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.complaint import Complaint
from app.demo import documents
from app.demo.stage import Stage
from app.demo.watching import Answer, News, OrderWatch, StockWatch, stands
from app.live_client import LiveClient

WORDS = ("love", "king", "girl", "world", "night", "life", "house", "time", "secret", "book")
TRIES = 10
"""How many offers are tried: somebody else may buy the last copy first."""
ADDRESS = {"name": "Demo Buyer", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL"}


@dataclass(frozen=True)
class Choice:
    """Copies of an offer that are in the cart, what they cost, and the watched stock of their book."""

    offer_id: str
    total: Answer
    stock: StockWatch


class Shopper:
    """Somebody who buys."""

    def __init__(self, stage: Stage, client: LiveClient) -> None:
        self._stage = stage
        self._client = client

    async def require_empty_cart(self) -> None:
        """Raises Complaint where the demo would buy what somebody chose."""
        if (await self._client.ask(documents.CART))["me"]["cart"]["lines"]:
            raise Complaint("the cart of this token's buyer is not empty, and the demo would buy what is in it")

    # --- choosing

    async def fills_the_cart(self, *, copies: int = 1, of_the_last: bool = False) -> Choice:
        """Find a book and put copies of it into the cart; `of_the_last` of an offer that has no more than these."""
        for words in _searches():
            books = await self._searches(words)
            found = [
                (book, offer)
                for book in books
                for offer in book["offers"]["nodes"]
                if (offer["available"] == copies if of_the_last else offer["available"] >= copies)
            ]
            if not found:
                continue
            book, offer = random.choice(found)  # noqa: S311
            seller = (offer["seller"] or {}).get("displayName", "a seller")
            self._stage.tell(f"{book['title']} at {money(offer['price'])} from {seller}")
            updates = self._client.follow(documents.WATCH_STOCK, {"isbns": [book["isbn"]]})
            await (stock := StockWatch(self._stage, book["title"], updates)).begin()
            async with self._stage.step("add to the cart") as say:
                answer = await self.adds(offer["id"], copies)
                say(money(answer["total"]) if "total" in answer else answer["problems"][0]["message"])
            if "total" in answer:
                return Choice(offer["id"], answer["total"], stock)
        raise Complaint("no book can be bought: is the sample shop loaded?")

    async def adds(self, offer_id: str, copies: int) -> Answer:
        """Put copies of an offer into the cart."""
        wanted = {"offerId": offer_id, "quantity": copies}
        return (await self._client.ask(documents.ADD_TO_CART, {"input": wanted}))["addToCart"]

    async def _searches(self, words: str | None) -> list[Answer]:
        async with self._stage.step("search") as say:
            books = (await self._client.ask(documents.SEARCH, {"words": words}))["books"]["nodes"]
            count = "1 book" if len(books) == 1 else f"{len(books)} books"
            first = "the first " if len(books) == documents.PAGE else ""
            say(f"{first}{count} {f'for “{words}” ' if words else ''}that can be bought")
        return books

    # --- buying

    async def buys(self, *, copies: int = 1) -> tuple[Choice, Answer]:
        """Fill the cart and check out, again where somebody else was faster; the choice and the paid order."""
        for _ in range(TRIES):
            choice = await self.fills_the_cart(copies=copies)
            result = await self.checks_out(choice)
            if result["__typename"] == "CheckoutCompleted":
                return choice, result["order"]
            await self._client.ask(documents.CLEAR_CART)
        raise Complaint(f"no copy could be bought in {TRIES} tries")

    async def checks_out(
        self, choice: Choice, *, name: str = "check out", method: str = "card", key: str | None = None
    ) -> Answer:
        """Buy the cart; what became of it."""
        async with self._stage.step(name) as say:
            say(told(result := await self.asks_for(choice, method=method, key=key)))
        return result

    async def asks_for(self, choice: Choice, *, method: str = "card", key: str | None = None) -> Answer:
        """The same, told by nobody."""
        return (await self._client.ask(documents.CHECKOUT, _checkout(choice, method, key)))["checkout"]

    async def loses_the_answer(self, choice: Choice, key: str) -> None:
        """Check out over a connection that breaks before the answer is there."""
        async with self._stage.step("check out, and the connection breaks"):
            await self._client.lose(documents.CHECKOUT, _checkout(choice, "card", key))

    async def asks_what_became_of(self, key: str) -> Answer:
        """What became of the checkout with this key."""
        async with self._stage.step("ask what became of the key") as say:
            result = (await self._client.ask(documents.CHECKOUT_ATTEMPT, {"key": key}))["checkoutAttempt"]
            say(told(result) if result else "no checkout had it")
        return result or {"__typename": "nothing"}

    async def opens_page(self, url: str, name: str) -> None:
        """Do what the bank's page asks for."""
        async with self._stage.step(name):
            await self._client.post(url)

    async def orders(self) -> list[str]:
        """The numbers of all orders."""
        nodes = (await self._client.ask(documents.ORDERS))["me"]["orders"]["nodes"]
        return [order["number"] for order in nodes]

    async def cart_lines(self) -> int:
        """How many lines the cart has."""
        return len((await self._client.ask(documents.CART))["me"]["cart"]["lines"])

    async def cancels(self, order: Answer, reason: str) -> Answer:
        """Undo the order."""
        async with self._stage.step("cancel the order") as say:
            wish = {"orderId": order["id"], "reason": reason}
            result = (await self._client.ask(documents.CANCEL_ORDER, {"input": wish}))["cancelOrder"]
            say(stands(result["order"]) if "order" in result else result["message"])
        return result

    # --- watching

    async def signs_in_to_the_news(self) -> News:
        """Watch the messages."""
        await (news := News(self._stage, self._client.follow(documents.NOTIFICATIONS))).begin()
        return news

    async def follows(self, order: Answer) -> OrderWatch:
        """Watch an order."""
        updates = self._client.follow(documents.FOLLOW_ORDER, {"id": order["id"]})
        await (watch := OrderWatch(self._stage, updates)).begin()
        return watch


class Operator:
    """Somebody who looks after the marketplace."""

    def __init__(self, stage: Stage, client: LiveClient) -> None:
        self._stage = stage
        self._client = client

    async def refunds(self, order: Answer, reason: str, name: str, **what: Any) -> Answer:
        """Give money back: all that is left, unless it is said what."""
        async with self._stage.step(name) as say:
            wish = {"idempotencyKey": secrets.token_hex(8), "orderId": order["id"], "reason": reason, **what}
            result = (await self._client.ask(documents.REFUND_ORDER, {"input": wish}))["refundOrder"]
            say(money(result["refund"]["amount"]) if "refund" in result else result["message"])
        return result


def money(money: Answer) -> str:
    """An amount as people read it."""
    return f"{money['amount']} {money['currency']}"


def told(result: Answer) -> str:
    """A checkout's answer in a line."""
    match result["__typename"]:
        case "CheckoutCompleted":
            replayed = ", replayed" if result["replayed"] else ""
            return f"order {result['order']['number']} is {result['order']['status']}, {_total(result)}{replayed}"
        case "CheckoutPending":
            todo = ", and the buyer has something to do first" if result["nextAction"] else ""
            return f"order {result['order']['number']} is {result['order']['status']}, {_total(result)}{todo}"
        case "CheckoutInProgress":
            return f"order {result['order']['number']} is {result['order']['status']} still"
    return "; ".join(problem["message"] for problem in result.get("problems") or [result])


def _total(result: Answer) -> str:
    return money(result["order"]["total"])


def _checkout(choice: Choice, method: str, key: str | None) -> Answer:
    checkout = {
        "idempotencyKey": key or secrets.token_hex(8),
        "amount": {"amount": choice.total["amount"], "currency": choice.total["currency"]},
        "deliveryAddress": ADDRESS,
        "paymentMethod": method,
    }
    return {"input": checkout}


def _searches() -> Iterator[str | None]:
    """Some words, and in the end everything."""
    yield from (secrets.choice(WORDS) for _ in range(TRIES))
    yield None
