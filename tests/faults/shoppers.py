"""Buyers who do not give up: they send a checkout again, under the same key, until they know what became of it."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from graph.errors import Code
from graph.nodes import decode_id
from tests import documents
from tests.builders import Answer, Buyer, Offer, Shop
from tests.conftest import wait_until
from tests.faults.full_stack import Marketplace

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
        key, total = secrets.token_hex(8), await persist(self._fill_cart)
        self.answers[key] = await persist(partial(self._check_out, key, total))

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


@asynccontextmanager
async def everybody_buys(people: Sequence[Shopper], times: int = 1) -> AsyncIterator[None]:
    """Each buys so many times meanwhile; at the end of the block they have all their answers."""

    async def buys(shopper: Shopper) -> None:
        for _ in range(times):
            await shopper.buy()

    async with asyncio.TaskGroup() as shopping:
        for shopper in people:
            shopping.create_task(buys(shopper))
        yield


def bought(people: Sequence[Shopper]) -> int:
    """How many orders are paid, as the shoppers were told."""
    return sum(len(shopper.bought) for shopper in people)


def more_is_bought(people: Sequence[Shopper]) -> Callable[[], Awaitable[bool]]:
    """Asks whether they have bought something since."""
    before = bought(people)

    async def is_more() -> bool:
        return bought(people) > before

    return is_more


async def every_acknowledged_order_is_there(marketplace: Marketplace, people: Sequence[Shopper]) -> None:
    """Whatever a shopper was told is in the books, and nothing more."""
    orders = [decode_id(order, "Order") for shopper in people for order in shopper.bought]
    assert len(set(orders)) == len(orders) > 0
    assert await marketplace.count("orders", "orders WHERE status = 'PAID'") == len(orders)
    answers = {answer["__typename"] for shopper in people for answer in shopper.answers.values()}
    assert answers <= {"CheckoutCompleted", "CheckoutRejected"}


async def persist(attempt: Callable[[], Awaitable[Any]], *, seconds: float = PATIENCE_SECONDS) -> Any:
    """What the attempt comes to, once the server answers; it is repeated while that is nothing."""

    async def tried() -> Any:
        try:
            return await attempt()
        except (httpx.TransportError, AskAgain):
            return None

    return await wait_until(tried, seconds=seconds)
