"""Every method of the mock provider at a real server, as a frontend would try it: docs/payments.md lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from app.webhooks import payment_routes
from app.wiring import migrate_all, open_shop
from graph.headers import CONTENT_SECURITY_POLICY
from graph.nodes import decode_id
from tests.builders import Answer, Buyer, Shop
from tests.conftest import wait_until
from tests.production import SOUND
from tests.server import running

HASTE = {"BOOKSTALL_CHARGE_SECONDS": "1", "BOOKSTALL_LATE_SECONDS": "1"}
CANCEL = """mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }"""


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The marketplace of a server that waits for nobody for long."""
    data = tmp_path_factory.mktemp("mock") / "data"
    async with (
        running(data, "--no-samples", settings=HASTE) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        yield Shop(server, http, wait_until)


async def ended(buyer: Buyer, order: Answer, status: str, payment: str) -> Answer:
    """The order, once it is so."""

    async def so() -> Answer | None:
        found = await buyer.order(id=order["id"])
        return found if (found["status"], found["paymentStatus"]) == (status, payment) else None

    return await buyer.shop.eventually(so)


async def asked_by_the_bank(shop: Shop) -> tuple[Buyer, Answer, str]:
    """A buyer of `card-3ds`, their order, and the page on which they approve."""
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(price="12.50"), method="card-3ds")
    assert outcome["__typename"] == "CheckoutPending"
    return buyer, outcome["order"], f"/mock-payments/mock-{decode_id(outcome['order']['id'], 'Order')}"


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("card-declined", "DECLINED"),
        ("card-insufficient-funds", "INSUFFICIENT_FUNDS"),
        ("card-expired", "CARD_EXPIRED"),
        ("gold", "UNKNOWN_METHOD"),
    ],
)
async def test_a_refused_card_is_told_by_its_code(shop: Shop, method: str, code: str) -> None:
    refused = await shop.buyer().buys(await shop.offer(), method=method)
    assert [problem["reasonCode"] for problem in refused["problems"]] == [code]


@pytest.mark.parametrize(
    ("method", "status", "payment"),
    [
        ("card-timeout-charged", "PAID", "CAPTURED"),
        ("card-timeout-uncharged", "PAYMENT_FAILED", "FAILED"),
        ("card-flaky", "PAID", "CAPTURED"),
    ],
)
async def test_what_was_not_answered_is_found_out(shop: Shop, method: str, status: str, payment: str) -> None:
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(), method=method)
    assert outcome["__typename"] == "CheckoutPending"
    await ended(buyer, outcome["order"], status, payment)
    assert shop.traces.charged([outcome["order"]]) == ([1250] if status == "PAID" else [])


async def test_a_buyer_approves_on_the_page_of_the_bank(shop: Shop) -> None:
    buyer, order, page = await asked_by_the_bank(shop)
    question = await shop.http.get(page)
    assert "€12.50" in question.text
    assert question.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    answer = await shop.http.post(f"{page}/approve")
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert "Approved" in (await shop.http.get(page)).text
    assert (await buyer.order(id=order["id"]))["status"] == "PAID"


async def test_a_buyer_declines_and_cannot_change_their_mind(shop: Shop) -> None:
    buyer, order, page = await asked_by_the_bank(shop)
    for answer in ("decline", "approve"):
        assert (await shop.http.post(f"{page}/{answer}")).status_code == 303
    assert "Declined" in (await shop.http.get(page)).text
    await ended(buyer, order, "PAYMENT_FAILED", "FAILED")
    assert shop.traces.charged([order]) == []


async def test_a_buyer_who_gave_the_order_up_comes_too_late(shop: Shop) -> None:
    buyer, order, page = await asked_by_the_bank(shop)
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    gone = await buyer.order(id=order["id"])
    assert gone["status"] != "PENDING"
    assert (await shop.http.post(f"{page}/approve")).status_code == 303
    assert "Too late" in (await shop.http.get(page)).text
    assert (await buyer.order(id=order["id"]))["version"] == gone["version"]
    assert shop.traces.charged([order]) == []


@pytest.mark.parametrize("name", ["mock-0195f000-0000-7000-8000-000000000000", "mock-1", "pi_1", "%3Cscript%3E"])
async def test_there_is_no_page_for_a_payment_that_nobody_asked_for(shop: Shop, name: str) -> None:
    page = await shop.http.get(f"/mock-payments/{name}")
    assert page.status_code == 404
    assert "<script" not in page.text
    assert (await shop.http.post(f"/mock-payments/{name}/approve")).status_code == 404


@pytest.mark.parametrize(
    ("method", "payment"), [("card-refund-refused", "REFUND_FAILED"), ("card-refund-flaky", "REFUNDED")]
)
async def test_a_refund_goes_as_its_method_says(shop: Shop, method: str, payment: str) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method=method))
    assert (await buyer.ask(CANCEL, input={"orderId": order["id"]}))["__typename"] == "OrderCancelled"
    await ended(buyer, order, "CANCELLED", payment)


async def test_production_has_no_page_that_approves(tmp_path: Path) -> None:
    settings = Settings.load(data=tmp_path, **SOUND)
    await migrate_all(settings)
    async with open_shop(settings) as opened:
        assert payment_routes(opened) == []
