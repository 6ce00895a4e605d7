"""A story that passes every point of the saga: a purchase that is cancelled, and one of which a part is refunded."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.builders import Answer, Buyer, Offer, Shop
from tests.faults.shoppers import OPEN, persist

until_known = partial(persist, seconds=90.0)
FAILURES = {"PAYMENT_DECLINED", "OUT_OF_STOCK"}
"""What a buyer is told whose charge was never made, and for a moment after it while the copies are not back yet."""


@dataclass(frozen=True)
class Cart:
    """A full cart: whose it is, and what it costs."""

    buyer: str
    total: str


async def filled_carts(shop: Shop) -> tuple[Cart, Cart]:
    """Two carts with a copy of each of the same two offers: there is one of the first, and it comes back once."""
    offers = [await shop.offer(copies=1), await shop.offer(copies=3, price="7.25")]
    return await _filled(shop.buyer(), offers), await _filled(shop.buyer(), offers)


async def _filled(buyer: Buyer, offers: Sequence[Offer]) -> Cart:
    for offer in offers:
        await buyer.adds(offer)
    return Cart(buyer.name, (await buyer.cart())["total"]["amount"])


class Story:
    """Everybody asks again, under the same key, until they know what became of what they wanted."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def play(self, cancelled: Cart, refunded: Cart) -> None:
        """Returns when everything has happened to the two orders that can be seen."""
        await self._cancels(*await self._buys(cancelled))
        await self._is_given_back_a_part(*await self._buys(refunded))

    async def _buys(self, cart: Cart) -> tuple[Buyer, Answer]:
        """Whose the order is, and it as it is when it is settled; a checkout that failed is begun anew."""
        buyer = Buyer(self._shop, cart.buyer, self._shop.server.token(cart.buyer))
        while True:
            key = secrets.token_hex(8)

            async def answer(key: str = key) -> Answer | None:
                told = await buyer.checks_out(key=key, amount=cart.total)
                return None if told["__typename"] in OPEN else told

            told = await until_known(answer)
            if told["__typename"] == "CheckoutCompleted":
                return buyer, await _settled(buyer, told["order"], "CAPTURED")
            assert {problem["code"] for problem in told["problems"]} <= FAILURES, told

    async def _cancels(self, buyer: Buyer, order: Answer) -> None:
        told = await until_known(lambda: buyer.cancels(order))
        assert told["__typename"] == "OrderCancelled", told
        await _settled(buyer, order, "REFUNDED")

    async def _is_given_back_a_part(self, buyer: Buyer, order: Answer) -> None:
        operator, key = self._shop.operator(), secrets.token_hex(8)
        line, _ = (await until_known(lambda: operator.sees(order)))["lines"]
        part = {"lines": [{"lineId": line["id"], "quantity": 1}], "restock": True}
        told = await until_known(lambda: operator.refunds(order, key=key, **part))
        assert told["__typename"] == "RefundRequested", told
        await _settled(buyer, order, "PARTLY_REFUNDED")


async def _settled(buyer: Buyer, order: Answer, payment_status: str) -> Answer:
    async def if_settled() -> Answer | None:
        found = await buyer.order(id=order["id"])
        return found if found["settled"] and found["paymentStatus"] == payment_status else None

    return await until_known(if_settled)
