"""Apollo Client with its cache: it looks, fills the cart, is refused, buys, watches, and comes back by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import Shop
from tests.clients.line import line_to
from tests.clients.node import Page, page

pytestmark = pytest.mark.npm

SCHEMA = Path(__file__).parents[2] / "graph" / "schema.graphql"


async def test_apollo_client_buys_and_its_cache_shows_what_subscriptions_bring(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=2), shop.buyer()
    async with (
        line_to(shop.server.url) as line,
        page("apollo_shop.mjs", f"{line.url}/graphql", buyer.token or "", offer.isbn, str(SCHEMA)) as open_page,
    ):
        await open_page.says("cart", lambda lines: lines == 1)
        assert await open_page.says("refused") == {
            "__typename": "CheckoutRejected",
            "code": "CHECKOUT_REJECTED",
            "problems": [
                {"__typename": "InvalidField", "code": "INVALID_FIELD", "path": ["input", "deliveryAddress", "city"]}
            ],
        }
        bought = await open_page.says("bought")
        assert bought["status"] == "PAID"
        assert (await open_page.says("bought again"))["replayed"] is True
        await open_page.says("order", lambda order: order["settled"])
        await shows_stock(open_page, 1)
        line.cut()
        assert (await buyer.cancels(bought))["__typename"] == "OrderCancelled"
        line.leads_to(shop.server.url)
        await open_page.says("order", lambda order: order["paymentStatus"] == "REFUNDED" and order["settled"])
        await shows_stock(open_page, 2)


async def shows_stock(open_page: Page, copies: int) -> None:
    """The page has shown this number last, or will."""
    if open_page.heard("stock")[-1] != copies:
        await open_page.says("stock", lambda total: total == copies)
