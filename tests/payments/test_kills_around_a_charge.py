"""A server that is killed around its request to Stripe: after the next start nobody has paid twice, or for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def shop_of(data: Path, stripe: FakeStripe, fail_point: str = "none") -> AsyncIterator[Shop]:
    """The marketplace of a server on the data folder."""
    settings = {"BOOKSTALL_CHARGE_SECONDS": "4", "BOOKSTALL_FAIL_POINT": fail_point}
    server = Server(data, "--no-samples", settings=settings_with(stripe) | settings)
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            yield Shop(server, http, wait_until)
    finally:
        await server.kill()


async def bought(data: Path, stripe: FakeStripe, *, price: str, killed_at: str) -> str:
    """Buys from a server that is killed, and again from the next: what the second answers in the end."""
    async with shop_of(data, stripe, killed_at) as shop:
        buyer = shop.buyer()
        await buyer.adds(await shop.offer(price=price))
        with pytest.raises(httpx.TransportError):
            await buyer.checks_out(key=KEY, method=VISA)

    async with shop_of(data, stripe) as shop:
        again = Buyer(shop, buyer.name, buyer.token)

        async def answered() -> str | None:
            kind = (await again.checks_out(amount=price, key=KEY, method=VISA))["__typename"]
            return None if kind in ("CheckoutPending", "CheckoutInProgress") else kind

        return await shop.eventually(answered)


async def test_a_buyer_pays_once_for_the_order_that_they_get(stripe: FakeStripe, tmp_path: Path) -> None:
    before, after = await asyncio.gather(
        bought(tmp_path / "before", stripe, price="77.01", killed_at="charge.before"),
        bought(tmp_path / "after", stripe, price="77.02", killed_at="charge.after"),
    )
    assert (before, after) == ("CheckoutRejected", "CheckoutCompleted")
    taken = {intent["amount"]: intent["amount_received"] for intent in stripe.books.intents.values()}
    assert (taken[7701], taken[7702]) == (0, 7702)
    amounts = [intent["amount"] for intent in stripe.books.intents.values()]
    assert (amounts.count(7701), amounts.count(7702)) == (1, 1)
