"""Buying from a real server whose payment provider is Stripe, and what Stripe's events do to orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from graph.nodes import decode_id
from tests.builders import Answer, Buyer, Shop
from tests.conftest import wait_until
from tests.payments.conftest import settings_with
from tests.payments.fake_stripe import FakeStripe, Fault
from tests.payments.stripe_books import THREE_D_SECURE, VISA, Fields
from tests.server import running

CHECKOUT = """mutation ($input: CheckoutInput!) {
  checkout(input: $input) { __typename ... on CheckoutPending { nextAction { clientSecret url } order { id } } }
}"""
RETRY = """mutation ($input: RetryRefundInput!) { retryRefund(input: $input) { __typename } }"""
CANCEL = """mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { __typename } }"""


@pytest.fixture(scope="module")
async def shop(stripe_server: FakeStripe, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """The marketplace of a server that takes money by Stripe; each test brings buyers, sellers and books of its own."""
    data = tmp_path_factory.mktemp("stripe") / "data"
    async with (
        running(data, "--no-samples", settings=settings_with(stripe_server)) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        yield Shop(server, http, wait_until)


def intent_of(stripe: FakeStripe, order: Answer) -> Fields:
    """The one intent of an order."""
    [intent] = stripe.books.intents_of(decode_id(order["id"], "Order"))
    return intent


async def has(buyer: Buyer, order: Answer, **state: Any) -> Answer:
    """The order, once it is so."""

    async def so() -> Answer | None:
        found = await buyer.order(id=order["id"])
        return found if state.items() <= found.items() else None

    return await buyer.shop.eventually(so)


async def refund_of(shop: Shop, stripe: FakeStripe, order: Answer) -> Fields:
    """The one refund of an order, once it is made."""
    intent = intent_of(stripe, order)

    async def made() -> list[Fields]:
        return [refund for refund in stripe.books.refunds.values() if refund["payment_intent"] == intent["id"]]

    [refund] = await shop.eventually(made)
    return refund


async def waits_for_the_bank(shop: Shop, stripe: FakeStripe) -> tuple[Buyer, Answer, Fields]:
    """A buyer whose bank wants to ask them, their order and its intent."""
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(), method=THREE_D_SECURE)
    assert outcome["__typename"] == "CheckoutPending"
    return buyer, outcome["order"], intent_of(stripe, outcome["order"])


async def test_an_order_is_paid_and_settled(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(price="12.50"), method=VISA)
    order = await buyer.settled(outcome)
    assert (order["status"], order["paymentStatus"]) == ("PAID", "CAPTURED")
    assert intent_of(stripe, order)["amount_received"] == 1250


async def test_a_declined_card_is_told_by_its_code(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    refused = await buyer.buys(await shop.offer(), method="pm_card_chargeDeclinedInsufficientFunds")
    assert [problem["reasonCode"] for problem in refused["problems"]] == ["INSUFFICIENT_FUNDS"]
    assert refused["failedOrder"]["status"] == "PAYMENT_FAILED"
    assert intent_of(stripe, refused["failedOrder"])["status"] == "canceled"
    assert (await buyer.checks_out(method=VISA))["__typename"] == "CheckoutCompleted"


async def test_a_checkout_says_what_the_bank_wants(shop: Shop, stripe: FakeStripe) -> None:
    buyer, offer = shop.buyer(), await shop.offer()
    await buyer.adds(offer)
    cart = await buyer.cart()
    outcome = await buyer.ask(
        CHECKOUT,
        input={
            "idempotencyKey": "3ds", "amount": {"amount": cart["total"]["amount"], "currency": "EUR"},
            "paymentMethod": THREE_D_SECURE, "deliveryAddress": {
                "name": "Ada", "line1": "1 Canal Street", "postalCode": "3511 AB", "city": "Utrecht", "country": "NL",
            },
        },
    )  # fmt: skip
    intent = intent_of(stripe, outcome["order"])
    assert outcome["nextAction"] == {"clientSecret": intent["client_secret"], "url": None}


async def test_three_d_secure_ends_with_an_event(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.authenticate(intent["id"], approved=True)
    answer = await stripe.books.send(stripe.books.happened("payment_intent.succeeded", intent["id"]), shop.server.url)
    assert (answer.status_code, answer.json()) == (200, {"recorded": 1})
    assert (await buyer.order(id=order["id"]))["status"] == "PAID"


async def test_a_buyer_whom_the_bank_refuses_pays_nothing(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.authenticate(intent["id"], approved=False)
    await stripe.books.send(stripe.books.happened("payment_intent.payment_failed", intent["id"]), shop.server.url)
    assert (await buyer.order(id=order["id"]))["status"] == "PAYMENT_FAILED"
    assert intent["status"] == "canceled"


async def test_events_may_be_repeated_and_come_in_any_order(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.authenticate(intent["id"], approved=True)
    events = [event for event in stripe.books.events if event["data"]["object"]["id"] == intent["id"]]
    for event in (*reversed(events), *events, *reversed(events)):
        assert (await stripe.books.send(event, shop.server.url)).status_code == 200
    paid = await has(buyer, order, status="PAID", settled=True)
    assert [entry["event"] for entry in paid["timeline"]].count("OrderPaid") == 1


async def test_the_event_of_a_cancellation_of_ours_changes_nothing(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    gone = await buyer.order(id=order["id"])
    assert (gone["status"] != "PENDING", intent["status"]) == (True, "canceled")
    answer = await stripe.books.send(stripe.books.happened("payment_intent.canceled", intent["id"]), shop.server.url)
    assert (answer.status_code, answer.json()) == (200, {"recorded": 0})
    assert (await buyer.order(id=order["id"]))["status"] == gone["status"]


async def test_an_intent_that_is_cancelled_at_stripe_ends_its_order(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.cancel(intent["id"], {"cancellation_reason": "requested_by_customer"})
    await stripe.books.send(stripe.books.happened("payment_intent.canceled", intent["id"]), shop.server.url)
    assert (await buyer.order(id=order["id"]))["status"] == "PAYMENT_FAILED"


async def test_an_event_s_own_word_is_not_taken(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    lie = stripe.books.happened("payment_intent.requires_action", intent["id"]) | {"type": "payment_intent.succeeded"}
    await stripe.books.send(lie, shop.server.url)
    assert (await buyer.order(id=order["id"]))["status"] == "PENDING"


@pytest.mark.parametrize("wrong", [{"secret": "whsec_other"}, {"age_seconds": 600}])
async def test_a_forged_or_replayed_event_is_refused(shop: Shop, stripe: FakeStripe, wrong: dict[str, Any]) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.authenticate(intent["id"], approved=True)
    event = stripe.books.happened("payment_intent.succeeded", intent["id"])
    assert (await stripe.books.send(event, shop.server.url, **wrong)).status_code == 400
    assert (await buyer.order(id=order["id"]))["status"] == "PENDING"


@pytest.mark.parametrize("signature", [None, "", "t=1", "v1=a", "t=x,v1=b", "t=1,v1=\xe9", "t=1,v1=" + "0" * 64])
async def test_what_is_not_signed_is_refused(shop: Shop, signature: str | None) -> None:
    headers = [] if signature is None else [(b"Stripe-Signature", signature.encode("latin-1"))]
    for body in (b"", b"{}", b"\xff", b"[" * 1000):
        assert (await shop.http.post("/webhooks/stripe", content=body, headers=headers)).status_code == 400


async def test_an_event_has_a_largest_size(shop: Shop) -> None:
    assert (await shop.http.post("/webhooks/stripe", content=b" " * 300_000)).status_code == 413


async def test_events_about_what_is_not_ours_are_ignored(shop: Shop, stripe: FakeStripe) -> None:
    elsewhere = stripe.books.create("", {"amount": "500", "currency": "eur", "metadata": {}})
    unknown_order = stripe.books.create(
        "", {"amount": "500", "currency": "eur", "metadata": {"order_id": "0195f000-0000-7000-8000-000000000000"}}
    )
    for name in (elsewhere["id"], unknown_order["id"]):
        stripe.books.confirm(name, {"payment_method": VISA})
    events = [
        *(stripe.books.happened("payment_intent.succeeded", one["id"]) for one in (elsewhere, unknown_order)),
        {"type": "payment_intent.succeeded", "data": {"object": {"id": "pi_nobody", "object": "payment_intent"}}},
        {"type": "charge.refunded", "data": {"object": {"id": "ch_1", "object": "charge", "payment_intent": None}}},
        {"type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}},
    ]
    for event in events:
        answer = await stripe.books.send({"id": "evt_1", "object": "event"} | event, shop.server.url)
        assert answer.status_code == 200


async def test_an_event_comes_again_where_stripe_does_not_answer(shop: Shop, stripe: FakeStripe) -> None:
    buyer, order, intent = await waits_for_the_bank(shop, stripe)
    stripe.books.authenticate(intent["id"], approved=True)
    event = stripe.books.happened("payment_intent.succeeded", intent["id"])
    # More often than anybody asks meanwhile: the sweep may look the charge up too.
    stripe.fails(intent["id"], Fault.BUSY, times=1000)
    assert (await stripe.books.send(event, shop.server.url)).status_code == 503
    stripe.heal()
    assert (await stripe.books.send(event, shop.server.url)).status_code == 200
    assert (await buyer.order(id=order["id"]))["status"] == "PAID"


async def test_a_charge_that_hangs_is_finished_by_the_sweep(shop: Shop, stripe: FakeStripe) -> None:
    buyer, offer = shop.buyer(), await shop.offer()
    stripe.fails("/confirm", Fault.HANGS_DONE, times=3)
    outcome = await buyer.buys(offer, method=VISA)
    assert outcome["__typename"] == "CheckoutPending"
    stripe.heal()
    paid = await has(buyer, outcome["order"], status="PAID", settled=True)
    assert intent_of(stripe, paid)["amount_received"] == 1250


async def test_a_cancelled_order_s_money_goes_back_once(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method=VISA))
    stripe.fails("/refunds", Fault.LOST, times=2)
    cancelled = await buyer.ask(CANCEL, input={"orderId": order["id"]})
    assert cancelled["__typename"] == "OrderCancelled"
    await has(buyer, order, status="CANCELLED", paymentStatus="REFUNDED")
    assert (await refund_of(shop, stripe, order))["amount"] == 1250
    event = stripe.books.happened("charge.refunded", intent_of(stripe, order)["latest_charge"])
    for _ in range(2):
        assert (await stripe.books.send(event, shop.server.url)).status_code == 200


async def test_a_refund_that_takes_days_ends_with_an_event(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method="pm_card_pendingRefund"))
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    refund = await refund_of(shop, stripe, order)
    assert (await buyer.order(id=order["id"]))["paymentStatus"] == "REFUND_PENDING"
    stripe.books.settle(refund["id"], "succeeded")
    await stripe.books.send(stripe.books.happened("refund.updated", refund["id"]), shop.server.url)
    assert (await buyer.order(id=order["id"]))["paymentStatus"] == "REFUNDED"


async def test_a_refund_that_stripe_gives_up_is_told_by_an_event(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method="pm_card_pendingRefund"))
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    refund = await refund_of(shop, stripe, order)
    stripe.books.settle(refund["id"], "failed", "lost_or_stolen_card")
    await stripe.books.send(stripe.books.happened("refund.failed", refund["id"]), shop.server.url)
    assert (await buyer.order(id=order["id"]))["paymentStatus"] == "REFUND_FAILED"


async def test_a_refund_that_a_bank_sends_back_fails_and_is_made_again_by_an_operator(
    shop: Shop, stripe: FakeStripe
) -> None:
    buyer, operator = shop.buyer(), shop.operator()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method=VISA))
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    await has(buyer, order, paymentStatus="REFUNDED", settled=True)
    refund = await refund_of(shop, stripe, order)
    stripe.books.settle(refund["id"], "failed", "declined")
    failed = stripe.books.happened("refund.failed", refund["id"])
    await stripe.books.send(failed, shop.server.url)
    returned = await buyer.order(id=order["id"])
    assert (returned["paymentStatus"], returned["settled"]) == ("REFUND_FAILED", False)
    assert returned["timeline"][-1]["event"] == "RefundReturned"

    [known] = (await operator.sees(order))["refunds"]
    await operator.ask(RETRY, input={"refundId": known["id"]})
    await has(buyer, order, paymentStatus="REFUNDED", settled=True)
    await stripe.books.send(failed, shop.server.url)
    assert (await buyer.order(id=order["id"]))["paymentStatus"] == "REFUNDED"
    charge = refund["payment_intent"]
    made = [one["status"] for one in stripe.books.refunds.values() if one["payment_intent"] == charge]
    assert made == ["failed", "succeeded"]


async def test_a_refund_that_fails_while_no_event_comes_is_found_by_the_sweep(shop: Shop, stripe: FakeStripe) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer(), method="pm_card_pendingRefund"))
    await buyer.ask(CANCEL, input={"orderId": order["id"]})
    refund = await refund_of(shop, stripe, order)
    stripe.books.settle(refund["id"], "failed", "lost_or_stolen_card")
    await has(buyer, order, paymentStatus="REFUND_FAILED")


async def test_a_server_with_stripe_has_no_page_of_the_mock_provider(shop: Shop) -> None:
    assert (await shop.http.get("/mock-payments/mock-1")).status_code == 404
