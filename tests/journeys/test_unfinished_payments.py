"""Payments without an outcome at first: unknown ones, slow ones, and those that the buyer has to confirm."""

from __future__ import annotations

import secrets
from asyncio import create_task, gather
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests import documents
from tests.builders import ADDRESS, Answer, Buyer, Offer, Shop, euros, kinds
from tests.conftest import wait_until
from tests.server import Server


async def begun(shop: Shop, method: str, *, key: str | None = None) -> tuple[Buyer, Offer, Answer]:
    """A checkout that is pending, of one of two copies."""
    offer, buyer = await shop.offer(copies=2, price="10.00"), shop.buyer()
    await buyer.adds(offer)
    pending = await buyer.checks_out(method=method, key=key)
    assert (pending["__typename"], pending["order"]["status"]) == ("CheckoutPending", "PENDING")
    return buyer, offer, pending


async def pushed(buyer: Buyer, order: Answer, status: str) -> Answer:
    """The order once it is settled in this state, as it is pushed to its buyer."""
    async with buyer.live() as live:
        updates = live.follow(documents.ORDER_UPDATES, orderId=order["id"])
        update = await updates.until(lambda update: update["order"]["settled"])
    assert update["order"]["status"] == status
    assert updates.versions == sorted(set(updates.versions))
    return update["order"]


# --- unknown ----------------------------------------------------------------------------------------------------


async def test_a_payment_of_unknown_outcome_is_found_out_and_pushed(hasty_shop: Shop) -> None:
    buyer, offer, pending = await begun(hasty_shop, "card-timeout-charged")
    assert pending["nextAction"] is None
    order = await pushed(buyer, pending["order"], "PAID")
    assert order["paymentStatus"] == "CAPTURED"
    assert hasty_shop.traces.charged([order]) == [1000]
    assert (await offer.stock())["onHand"] == 1
    assert (await buyer.cart())["lines"] == []


async def test_a_provider_that_is_away_is_asked_until_it_answers(embedded_hasty_server: Server) -> None:
    # Not on the full stack of these tests: whichever worker asked first says when to ask again, and most have patience.
    async with httpx.AsyncClient(base_url=embedded_hasty_server.url, timeout=30.0) as http:
        shop = Shop(embedded_hasty_server, http, wait_until)
        buyer, _, pending = await begun(shop, "card-flaky")
        order = await pushed(buyer, pending["order"], "PAID")
    assert shop.traces.charged([order]) == [1000]


async def test_a_payment_that_never_arrived_ends_without_money_and_leaves_cart_and_stock(hasty_shop: Shop) -> None:
    buyer, offer, pending = await begun(hasty_shop, "card-timeout-uncharged")
    order = await pushed(buyer, pending["order"], "PAYMENT_FAILED")
    assert (order["paymentStatus"], order["actions"]) == ("FAILED", ["CHECKOUT_AGAIN"])
    assert hasty_shop.traces.charged([order]) == []
    assert len((await buyer.cart())["lines"]) == 1

    async def released() -> bool:
        stock = await offer.stock()
        return (stock["onHand"], stock["held"]) == (2, 0)

    await hasty_shop.eventually(released)
    assert (await buyer.checks_out())["__typename"] == "CheckoutCompleted"


async def test_while_an_outcome_is_unknown_every_way_of_asking_tells_so(hasty_shop: Shop) -> None:
    key = secrets.token_hex(8)
    buyer, _, pending = await begun(hasty_shop, "card-timeout-charged", key=key)
    order = pending["order"]
    other, twin, found = await gather(
        buyer.checks_out(amount="10.00"),
        buyer.checks_out(amount="10.00", method="card-timeout-charged", key=key),
        buyer.ask(documents.CHECKOUT_ATTEMPT, key=key),
    )
    assert [answer["__typename"] for answer in (other, twin, found)] == [
        "CheckoutInProgress", "CheckoutPending", "CheckoutPending",
    ]  # fmt: skip
    assert {answer["order"]["id"] for answer in (other, twin, found)} == {order["id"]}
    assert other["code"] == "CHECKOUT_IN_PROGRESS"

    await pushed(buyer, order, "PAID")
    again = await buyer.checks_out(amount="10.00", method="card-timeout-charged", key=key)
    assert (again["__typename"], again["replayed"], again["order"]["id"]) == ("CheckoutCompleted", True, order["id"])
    assert hasty_shop.traces.charged([order]) == [1000]


# --- slow -------------------------------------------------------------------------------------------------------


async def over_http(buyer: Buyer, checkout: Answer) -> Answer:
    """What a request is answered."""
    return await buyer.ask(documents.CHECKOUT, input=checkout)


async def over_a_websocket(buyer: Buyer, checkout: Answer) -> Answer:
    """What an operation of a websocket is answered."""
    async with buyer.live() as live:
        return await live.follow(documents.CHECKOUT, input=checkout).next()


@pytest.mark.parametrize("send", [over_http, over_a_websocket])
async def test_a_buyer_is_answered_before_a_slow_provider_and_told_of_its_answer(
    brief_shop: Shop, send: Callable[[Buyer, Answer], Coroutine[Any, Any, Answer]]
) -> None:
    buyer, key, slow = brief_shop.buyer(), secrets.token_hex(8), "card-slow"
    await buyer.adds(await brief_shop.offer(price="10.00"))
    given = {"idempotencyKey": key, "deliveryAddress": ADDRESS, "amount": euros("10.00"), "paymentMethod": slow}
    sent = create_task(send(buyer, given))

    async def placed() -> Answer | None:
        return await buyer.ask(documents.CHECKOUT_ATTEMPT, key=key)

    found = await brief_shop.eventually(placed)
    other = await buyer.checks_out(amount="10.00")
    pending = await sent
    assert kinds([found, other, pending]) == ["CheckoutPending", "CheckoutInProgress", "CheckoutPending"]
    assert {answer["order"]["id"] for answer in (found, other)} == {pending["order"]["id"]}
    assert (pending["order"]["status"], pending["nextAction"]) == ("PENDING", None)

    order = await pushed(buyer, pending["order"], "PAID")
    again = await buyer.checks_out(amount="10.00", method=slow, key=key)
    assert (again["__typename"], again["replayed"], again["order"]["id"]) == ("CheckoutCompleted", True, order["id"])
    assert brief_shop.traces.charged([order]) == [1000]


# --- to be confirmed --------------------------------------------------------------------------------------------


async def test_a_payment_that_the_buyer_confirms_is_taken(shop: Shop) -> None:
    key = secrets.token_hex(8)
    buyer, _, pending = await begun(shop, "card-3ds", key=key)
    page = pending["nextAction"]["url"]
    assert pending["nextAction"]["clientSecret"] is None
    found = await buyer.ask(documents.CHECKOUT_ATTEMPT, key=key)
    twin = await buyer.checks_out(method="card-3ds", key=key)
    assert [answer["nextAction"]["url"] for answer in (found, twin)] == [page, page]

    shown = await shop.http.get(page)
    assert (shown.status_code, shown.headers["content-type"].split(";")[0]) == (200, "text/html")
    assert not (await shop.http.post(f"{page}/approve")).is_error
    order = await pushed(buyer, pending["order"], "PAID")
    assert shop.traces.charged([order]) == [1000]


async def test_a_payment_that_the_buyer_declines_is_not_taken(shop: Shop) -> None:
    buyer, offer, pending = await begun(shop, "card-3ds")
    assert not (await shop.http.post(f"{pending['nextAction']['url']}/decline")).is_error
    order = await pushed(buyer, pending["order"], "PAYMENT_FAILED")
    assert shop.traces.charged([order]) == []

    async def released() -> bool:
        return (await offer.stock())["held"] == 0

    await shop.eventually(released)
    assert (await buyer.checks_out())["__typename"] == "CheckoutCompleted"


async def test_a_buyer_who_would_rather_not_confirm_cancels(shop: Shop) -> None:
    buyer, offer, pending = await begun(shop, "card-3ds")
    page = pending["nextAction"]["url"]
    assert pending["order"]["actions"] == ["CANCEL"]
    cancelled = await buyer.cancels(pending["order"], "Too dear after all")
    assert (cancelled["__typename"], cancelled["order"]["status"]) == ("OrderCancelled", "EXPIRED")
    assert cancelled["order"]["cancelReason"] == "Too dear after all"
    await shop.http.post(f"{page}/approve")
    assert (await buyer.order(id=pending["order"]["id"]))["status"] == "EXPIRED"
    assert shop.traces.charged([pending["order"]]) == []
    assert (await buyer.checks_out())["__typename"] == "CheckoutCompleted"
    assert (await offer.stock())["available"] == 1


async def test_a_payment_that_nobody_confirms_ends_without_money(strict_shop: Shop) -> None:
    buyer, _, pending = await begun(strict_shop, "card-3ds")
    order = await pushed(buyer, pending["order"], "PAYMENT_FAILED")
    await strict_shop.http.post(f"{pending['nextAction']['url']}/approve")
    assert (await buyer.order(id=order["id"]))["status"] == "PAYMENT_FAILED"
    assert strict_shop.traces.charged([order]) == []
