"""The webhook beside a shop whose database is away."""

from __future__ import annotations

from typing import Never

import httpx
from starlette.applications import Starlette

from app.payments.stripe import StripePayments
from app.payments.stripe_news import StripeNews
from app.payments.stripe_webhook import StripeWebhook
from domains.orders import Prepared
from kernel.database import Unavailable
from kernel.ids import new_id
from kernel.money import Money
from tests.payments.fake_stripe import FakeStripe
from tests.payments.stripe_books import SECRET, VISA, signed

PRICE = Money(1000, "EUR")


class Away:
    """Orders without its database."""

    async def record_outcome(self, *_: object) -> Never:
        raise Unavailable("no database")

    record_refund = record_outcome


async def test_events_have_to_come_again_while_the_database_is_away(
    stripe: FakeStripe, payments: StripePayments
) -> None:
    webhook = Starlette(routes=StripeWebhook(StripeNews(payments, SECRET), Away()).routes())
    prepared = await payments.prepare(new_id(), PRICE)
    assert isinstance(prepared, Prepared)
    await payments.charge(prepared.reference, PRICE, VISA)
    await payments.refund(new_id(), prepared.reference, PRICE)
    charge = stripe.books.intents[prepared.reference]["latest_charge"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(webhook), base_url="http://shop") as http:
        for name, about in (("payment_intent.succeeded", prepared.reference), ("charge.refunded", charge)):
            body, headers = signed(stripe.books.happened(name, about))
            answer = await http.post("/webhooks/stripe", content=body, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
