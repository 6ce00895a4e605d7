"""A story that passes the points of the saga."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from tests.builders import Answer, Buyer, Offer, Person, Shop
from tests.faults.shoppers import OPEN, PatientBuyer, persist

SEE_ORDER = """query SeeOrder($by: OrderLookup!) {
  order(by: $by) { id status paymentStatus settled lines { id } }
}"""


@dataclass(frozen=True)
class Cart:
    """A full cart: whose it is, and what it costs."""

    buyer: str
    total: str


async def filled_carts(shop: Shop, count: int) -> Sequence[Cart]:
    """Carts with a copy of each of the same two offers, of which one is sold out then."""
    offers = [await shop.offer(copies=count), await shop.offer(copies=count + 1, price="7.25")]
    return [await _filled(shop.buyer(), offers) for _ in range(count)]


async def _filled(buyer: Buyer, offers: Sequence[Offer]) -> Cart:
    for offer in offers:
        await buyer.adds(offer)
    return Cart(buyer.name, (await buyer.cart())["total"]["amount"])


class Story:
    """Everybody asks again, under the same key, until they know what became of what they wanted."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def play(self, *carts: Cart) -> None:
        """Returns when everything has happened to the orders that can be seen."""
        for cart in carts:
            await self._buys(cart)

    async def _buys(self, cart: Cart) -> Answer:
        """The order, settled; a checkout that failed is begun anew."""
        buyer = self._patient(cart.buyer)
        while True:
            key = secrets.token_hex(8)

            async def answer(key: str = key) -> Answer | None:
                told = await buyer.checks_out(key=key, amount=cart.total)
                return None if told["__typename"] in OPEN else told

            told = await persist(answer)
            if told["__typename"] == "CheckoutCompleted":
                return await self._settled(buyer, told["order"]["id"], "CAPTURED")
            assert [problem["code"] for problem in told["problems"]] == ["PAYMENT_DECLINED"], told

    async def _settled(self, buyer: PatientBuyer, order_id: str, payment: str) -> Answer:
        async def order() -> Answer | None:
            found = await buyer.ask(SEE_ORDER, by={"id": order_id})
            return found if found["settled"] and found["paymentStatus"] == payment else None

        return await persist(order)

    def _patient(self, buyer: str) -> PatientBuyer:
        return PatientBuyer(Person(self._shop, buyer, self._shop.server.token(buyer)))
