"""Buyers who do not give up: they send a checkout again, under the same key, until they know what became of it."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import httpx

from graph.errors import Code
from tests import documents
from tests.builders import Answer, Buyer, Offer, Shop
from tests.conftest import wait_until

PATIENCE_SECONDS = 300.0
OPEN = {"CheckoutPending", "CheckoutInProgress"}
"""Answers after which a buyer asks again."""


class AskAgain(Exception):
    """The server says that it cannot answer right now."""


class PatientBuyer(Buyer):
    """A buyer for whom a server that cannot answer right now is no error of the test."""

    def __init__(self, buyer: Buyer) -> None:
        super().__init__(buyer.shop, buyer.name, buyer.token)
        self.put_off: list[httpx.Response] = []
        """The answers by which the buyer was told to ask again."""

    async def ask(self, document: str, **variables: Any) -> Any:
        response = await self.send(document, **variables)
        answer = response.json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
        if codes == {Code.SERVICE_UNAVAILABLE}:
            self.put_off.append(response)
            raise AskAgain
        assert not codes, answer["errors"]
        [value] = answer["data"].values()
        return value


class Shopper:
    """Buys again and again from the same offers, whatever happens to the server."""

    def __init__(self, buyer: Buyer, offers: Sequence[Offer]) -> None:
        self.buyer = PatientBuyer(buyer)
        self.offers = offers
        self.answers: dict[str, Answer] = {}
        """The last answer to each idempotency key."""

    @property
    def bought(self) -> list[str]:
        """The ids of the orders that are paid, as the shopper was told."""
        return [answer["order"]["id"] for answer in self.answers.values() if "order" in answer]

    async def shop(self, closing: asyncio.Event) -> None:
        """Buys until it is closing time, and leaves with every answer known."""
        while not closing.is_set():
            await self.buy()

    async def buy(self) -> None:
        """Buys two copies, and comes back with the answer."""
        key, total = secrets.token_hex(8), await _persist(self._fill_cart)
        self.answers[key] = await _persist(partial(self._check_out, key, total))

    async def _fill_cart(self) -> str:
        await self.buyer.ask(documents.CLEAR_CART)
        for offer in random.sample(self.offers, k=2):
            await self.buyer.adds(offer)
        return (await self.buyer.cart())["total"]["amount"]

    async def _check_out(self, key: str, total: str) -> Answer | None:
        answer = await self.buyer.checks_out(key=key, amount=total)
        return None if answer["__typename"] in OPEN else answer


async def shoppers(shop: Shop, count: int) -> list[Shopper]:
    """So many buyers, who all want the same three offers."""
    offers = [await shop.offer(copies=1000) for _ in range(3)]
    return [Shopper(shop.buyer(), offers) for _ in range(count)]


async def _persist(attempt: Callable[[], Awaitable[Any]]) -> Any:
    """What the attempt comes to, once the server answers; it is repeated while that is nothing."""

    async def tried() -> Any:
        try:
            return await attempt()
        except (httpx.TransportError, AskAgain):
            return None

    return await wait_until(tried, seconds=PATIENCE_SECONDS)
