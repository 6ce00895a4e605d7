"""A story that passes every point of the saga: a purchase that is cancelled, and one of which a part is refunded."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from tests.builders import Answer, Buyer, Offer, Person, Shop
from tests.faults.shoppers import OPEN, PatientBuyer, persist

CANCEL_ORDER = """mutation CancelOrder($input: CancelOrderInput!) {
  cancelOrder(input: $input) { __typename ... on Error { code message } }
}"""
REFUND_ORDER = """mutation RefundOrder($input: RefundOrderInput!) {
  refundOrder(input: $input) { __typename ... on Error { code message } }
}"""
SEE_ORDER = """query SeeOrder($by: OrderLookup!) {
  order(by: $by) { id status paymentStatus settled lines { id } }
}"""

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
        await self._cancels(cancelled.buyer, await self._buys(cancelled))
        await self._gives_back(refunded.buyer, await self._buys(refunded))

    async def _buys(self, cart: Cart) -> Answer:
        """The order, settled; a checkout that failed is begun anew."""
        buyer = self._patient(cart.buyer)
        while True:
            key = secrets.token_hex(8)

            async def answer(key: str = key) -> Answer | None:
                told = await buyer.checks_out(key=key, amount=cart.total)
                return None if told["__typename"] in OPEN else told

            told = await until_known(answer)
            if told["__typename"] == "CheckoutCompleted":
                return await self._settled(buyer, told["order"]["id"], "CAPTURED")
            assert {problem["code"] for problem in told["problems"]} <= FAILURES, told

    async def _cancels(self, buyer: str, order: Answer) -> None:
        patient, which = self._patient(buyer), {"orderId": order["id"]}
        told = await until_known(lambda: patient.ask(CANCEL_ORDER, input=which))
        assert told["__typename"] == "OrderCancelled", told
        await self._settled(patient, order["id"], "REFUNDED")

    async def _gives_back(self, buyer: str, order: Answer) -> None:
        operator = PatientBuyer(self._shop.operator())
        refund = {
            "idempotencyKey": secrets.token_hex(8),
            "orderId": order["id"],
            "reason": "A page is missing.",
            "lines": [{"lineId": order["lines"][0]["id"], "quantity": 1}],
            "restock": True,
        }
        told = await until_known(lambda: operator.ask(REFUND_ORDER, input=refund))
        assert told["__typename"] == "RefundRequested", told
        await self._settled(self._patient(buyer), order["id"], "PARTLY_REFUNDED")

    async def _settled(self, buyer: PatientBuyer, order_id: str, payment: str) -> Answer:
        async def order() -> Answer | None:
            found = await buyer.ask(SEE_ORDER, by={"id": order_id})
            return found if found["settled"] and found["paymentStatus"] == payment else None

        return await until_known(order)

    def _patient(self, buyer: str) -> PatientBuyer:
        return PatientBuyer(Person(self._shop, buyer, self._shop.server.token(buyer)))
