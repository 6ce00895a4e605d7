"""A server that is killed around its request to Stripe: after the next start nobody has paid twice, or for nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.builders import Buyer, Shop
from tests.conftest import wait_until
from tests.payments.conftest import settings_with
from tests.payments.fake_stripe import FakeStripe
from tests.payments.stripe_books import VISA
from tests.server import Server

KEY = "the-one"


async def started(data: Path, stripe: FakeStripe, fail_point: str = "none") -> tuple[Server, httpx.AsyncClient]:
    """A server on the data folder."""
    settings = {"BOOKSTALL_CHARGE_SECONDS": "4", "BOOKSTALL_FAIL_POINT": fail_point}
    server = Server(data, "--no-samples", settings=settings_with(stripe) | settings)
    await server.start()
    return server, httpx.AsyncClient(base_url=server.url, timeout=30)


@pytest.mark.parametrize(("point", "paid"), [("charge.before", False), ("charge.after", True)])
async def test_a_buyer_pays_once_for_the_order_that_they_get(
    stripe: FakeStripe, tmp_path: Path, point: str, paid: bool
) -> None:
    before = set(stripe.books.intents)
    doomed, http = await started(tmp_path / "data", stripe, point)
    async with http:
        shop = Shop(doomed, http, wait_until)
        buyer, offer = shop.buyer(), await shop.offer(copies=2)
        await buyer.adds(offer)
        with pytest.raises(httpx.TransportError):
            await buyer.checks_out(key=KEY, method=VISA)
    await doomed.kill()

    server, http = await started(tmp_path / "data", stripe)
    async with http:
        shop = Shop(server, http, wait_until)
        buyer = Buyer(shop, buyer.name, buyer.token)

        async def answered() -> str | None:
            kind = (await buyer.checks_out(amount="12.50", key=KEY, method=VISA))["__typename"]
            return None if kind in ("CheckoutPending", "CheckoutInProgress") else kind

        assert await shop.eventually(answered) == ("CheckoutCompleted" if paid else "CheckoutRejected")
    assert await server.stop() == 0
    taken = [stripe.books.intents[name] for name in stripe.books.intents if name not in before]
    assert [intent["amount_received"] for intent in taken] == [1250 if paid else 0]
