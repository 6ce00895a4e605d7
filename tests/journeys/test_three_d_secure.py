"""A bank that asks the buyer: by the mock provider's page, in one process and in many."""

from __future__ import annotations

from tests.builders import Answer, Buyer, Shop

PENDING = """query ($key: ID!) { checkoutAttempt(idempotencyKey: $key) {
  ... on CheckoutPending { nextAction { clientSecret url } }
} }"""


async def asked(shop: Shop) -> tuple[Buyer, Answer, str]:
    """A buyer whose bank asks, their order, and where they answer."""
    buyer = shop.buyer()
    await buyer.adds(await shop.offer(price="12.50"))
    outcome = await buyer.checks_out(key="by-3ds", method="card-3ds")
    assert outcome["__typename"] == "CheckoutPending"
    action = (await buyer.ask(PENDING, key="by-3ds"))["nextAction"]
    assert action["clientSecret"] is None
    return buyer, outcome["order"], action["url"]


async def test_a_buyer_who_approves_has_bought(shop: Shop) -> None:
    buyer, order, url = await asked(shop)
    assert (await shop.http.post(f"{url}/approve", follow_redirects=True)).status_code == 200
    bought = await buyer.checks_out(amount="12.50", key="by-3ds", method="card-3ds")
    assert (bought["replayed"], bought["order"]["status"]) == (True, "PAID")
    await buyer.settled(bought)
    assert shop.traces.charged([order]) == [1250]


async def test_a_buyer_who_declines_pays_nothing_and_keeps_the_cart(shop: Shop) -> None:
    buyer, order, url = await asked(shop)
    assert (await shop.http.post(f"{url}/decline", follow_redirects=True)).status_code == 200
    refused = await buyer.checks_out(amount="12.50", key="by-3ds", method="card-3ds")
    assert [problem["reasonCode"] for problem in refused["problems"]] == ["AUTHENTICATION_FAILED"]
    assert len((await buyer.cart())["lines"]) == 1
    assert shop.traces.charged([order]) == []
