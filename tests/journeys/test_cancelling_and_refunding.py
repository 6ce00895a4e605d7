"""Purchases that are undone: cancelled by buyers and operators, refunded whole and in part; what everybody sees."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests import documents
from tests.builders import Answer, Buyer, Offer, Shop, euros

UNKNOWN_ORDER = "T3JkZXI6MDE5MGE1ZDAtMDAwMC03MDAwLTgwMDAtMDAwMDAwMDAwMDAw"
UNKNOWN_REFUND = "UmVmdW5kOjAxOTBhNWQwLTAwMDAtNzAwMC04MDAwLTAwMDAwMDAwMDAwMA"


async def bought(shop: Shop, copies: int, *, price: str = "10.00", method: str = "card") -> tuple[Buyer, Offer, Answer]:
    """A settled order of copies of a new offer that has one copy more."""
    offer, buyer = await shop.offer(copies=copies + 1, price=price), shop.buyer()
    return buyer, offer, await buyer.settled(await buyer.buys(offer, copies=copies, method=method))


async def seen_by_operator(shop: Shop, order: Answer, payment_status: str) -> Answer:
    """The order once it is settled and its money is so."""

    async def there() -> Answer | None:
        now = await shop.operator().sees(order)
        return now if (now["paymentStatus"], now["settled"]) == (payment_status, True) else None

    return await shop.eventually(there)


# --- cancelling -------------------------------------------------------------------------------------------------


async def test_a_cancelled_order_is_undone_before_its_buyer_s_eyes(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 2)
    assert order["actions"] == ["CANCEL"]
    async with buyer.live() as live:
        stock = await live.watch(documents.STOCK_UPDATES, isbns=[offer.isbn])
        updates = await live.watch(documents.UNDOING_UPDATES, orderId=order["id"])
        cancelled = await buyer.cancels(order, " Found it on my own shelf ")
        undone = await updates.until(lambda update: update["order"]["settled"] and _refunded(update["order"]))
        await stock.until(lambda update: update["stock"]["total"] == 3)

    assert (cancelled["__typename"], cancelled["order"]["status"]) == ("OrderCancelled", "CANCELLED")
    assert updates.versions == sorted(set(updates.versions))
    order = undone["order"]
    assert (order["status"], order["cancelReason"], order["actions"]) == ("CANCELLED", "Found it on my own shelf", [])
    assert (order["refunded"]["amount"], order["total"]["amount"]) == ("20.00", "20.00")
    [refund] = order["refunds"]
    assert (refund["cause"], refund["status"], refund["amount"]["amount"]) == ("CANCELLATION", "DONE", "20.00")
    steps = {(entry["domain"], entry["event"]) for entry in order["timeline"]}
    assert steps >= {("orders", "OrderCancelled"), ("orders", "OrderRefunded"), ("inventory", "StockReleased")}
    assert ("sellers", "SaleReversed") in steps
    assert shop.traces.given_back([order]) == [2000]


async def test_everybody_hears_of_a_cancellation_and_the_books_are_as_before(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 2)
    assert (await offer.seller.desk())["statistics"]["booksSold"] == 2
    await buyer.cancels(order)
    await seen_by_operator(shop, order, "REFUNDED")

    desk = await offer.seller.desk()
    assert (desk["statistics"]["booksSold"], desk["statistics"]["revenue"]["amount"]) == (0, "0.00")
    assert [sale["reversed"] for sale in desk["sales"]["nodes"]] == [True]
    assert (await offer.stock())["onHand"] == 3
    assert [message["kind"] for message in await offer.seller.messages()] == ["SALE_CANCELLED", "COPY_SOLD"]

    async def told() -> bool:
        kinds = {message["kind"] for message in await buyer.messages()}
        return kinds == {"ORDER_PAID", "ORDER_CANCELLED", "ORDER_REFUNDED"}

    await shop.eventually(told)


async def test_a_cancellation_is_asked_for_twice_and_done_once(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 1)
    first, again = await buyer.cancels(order, "By mistake"), await buyer.cancels(order, "Once more")
    assert [answer["order"]["cancelReason"] for answer in (first, again)] == ["By mistake", "By mistake"]
    undone = await seen_by_operator(shop, order, "REFUNDED")
    assert len(undone["refunds"]) == 1
    assert shop.traces.given_back([order]) == [1000]
    assert (await offer.stock())["onHand"] == 2


async def test_an_order_may_be_cancelled_before_it_has_settled(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=5), shop.buyer()
    order = (await buyer.buys(offer, copies=4))["order"]
    assert (await buyer.cancels(order))["__typename"] == "OrderCancelled"
    await seen_by_operator(shop, order, "REFUNDED")
    stock = await offer.stock()
    assert (stock["onHand"], stock["held"]) == (5, 0)
    assert (await offer.seller.desk())["statistics"]["booksSold"] == 0


async def test_it_is_too_late_to_cancel_for_buyers_and_never_for_operators(strict_shop: Shop) -> None:
    buyer, _, order = await bought(strict_shop, 1)

    async def too_late() -> bool:
        return (await buyer.order(id=order["id"]))["actions"] == []

    await strict_shop.eventually(too_late)
    refused = await buyer.cancels(order)
    assert (refused["code"], refused["path"]) == ("CANNOT_CANCEL", ["input", "orderId"])
    assert (await buyer.order(id=order["id"]))["status"] == "PAID"

    operator = strict_shop.operator()
    unexplained = await operator.cancels(order, "  ")
    assert (unexplained["code"], unexplained["path"]) == ("INVALID_FIELD", ["input", "reason"])
    assert (await operator.cancels(order, "The seller has moved away"))["__typename"] == "OrderCancelled"
    await seen_by_operator(strict_shop, order, "REFUNDED")


async def test_what_is_not_the_viewer_s_or_not_paid_is_not_cancelled(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 1)
    thief = shop.buyer()
    for foreign in (order, {"id": UNKNOWN_ORDER}):
        refused = await thief.cancels(foreign)
        assert (refused["code"], refused["path"]) == ("ORDER_NOT_FOUND", ["input", "orderId"])
    for nonsense in ("nonsense", offer.id):
        refused = await thief.cancels({"id": nonsense})
        assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "orderId"])
    assert (await buyer.order(id=order["id"]))["status"] == "PAID"

    failed = (await thief.buys(offer, method="card-declined"))["failedOrder"]
    assert (await thief.cancels(failed))["code"] == "CANNOT_CANCEL"


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines"])
async def test_a_reason_that_cannot_be_written_is_refused(shop: Shop, reason: str) -> None:
    buyer, _, order = await bought(shop, 1)
    refused = await buyer.cancels(order, reason)
    assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "reason"])


# --- refunding --------------------------------------------------------------------------------------------------


async def test_an_operator_gives_back_one_of_two_copies_and_then_the_rest(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 2)
    operator = shop.operator()
    [line] = (await operator.sees(order))["lines"]

    asked = await operator.refunds(order, lines=[{"lineId": line["id"], "quantity": 1}], restock=True)
    assert (asked["refund"]["cause"], asked["refund"]["amount"]["amount"]) == ("OPERATOR", "10.00")
    partly = await seen_by_operator(shop, order, "PARTLY_REFUNDED")
    assert (partly["status"], partly["refunded"]["amount"]) == ("PAID", "10.00")
    [refund] = partly["refunds"]
    assert refund["lines"] == [{"lineId": line["id"], "quantity": 1, "restock": True, "amount": partly["refunded"]}]

    async def restocked_and_reversed() -> bool:
        sold = (await offer.seller.desk())["statistics"]["booksSold"]
        return ((await offer.stock())["onHand"], sold) == (2, 1)

    await shop.eventually(restocked_and_reversed)
    await operator.refunds(order)
    whole = await seen_by_operator(shop, order, "REFUNDED")
    assert [refund["status"] for refund in whole["refunds"]] == ["DONE", "DONE"]
    assert (await buyer.order(id=order["id"]))["paymentStatus"] == "REFUNDED"
    assert shop.traces.given_back([order]) == [1000, 1000]


async def test_an_amount_is_shared_over_the_lines_to_the_cent(shop: Shop) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(*[await shop.offer(price="10.00") for _ in range(3)]))
    asked = await shop.operator().refunds(order, amount=euros("10.00"))
    shares = sorted(line["amount"]["minorUnits"] for line in asked["refund"]["lines"])
    assert (shares, sum(shares)) == ([333, 333, 334], 1000)
    refunded = await seen_by_operator(shop, order, "PARTLY_REFUNDED")
    assert refunded["refunded"]["minorUnits"] == 1000


async def test_a_refund_is_made_once_for_its_key(shop: Shop) -> None:
    _, _, order = await bought(shop, 2)
    operator, key = shop.operator(), secrets.token_hex(8)
    first = await operator.refunds(order, key=key, amount=euros("5.00"))
    again = await operator.refunds(order, key=key, amount=euros("5.00"))
    other = await operator.refunds(order, key=key, amount=euros("6.00"))
    assert again["refund"]["id"] == first["refund"]["id"]
    assert (other["code"], other["path"]) == ("IDEMPOTENCY_KEY_REUSED", ["input", "idempotencyKey"])
    await seen_by_operator(shop, order, "PARTLY_REFUNDED")
    assert shop.traces.given_back([order]) == [500]


async def test_no_more_goes_back_than_is_left(shop: Shop) -> None:
    _, _, order = await bought(shop, 2)
    operator = shop.operator()
    await operator.refunds(order, amount=euros("15.00"))
    refused = await operator.refunds(order, amount=euros("5.01"))
    assert refused["code"] == "REFUND_TOO_HIGH"
    assert (refused["asked"]["amount"], refused["left"]["amount"]) == ("5.01", "5.00")
    await operator.refunds(order, amount=euros("5.00"))
    await seen_by_operator(shop, order, "REFUNDED")
    assert sum(shop.traces.given_back([order])) == 2000


async def test_what_cannot_be_refunded_is_told(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 1)
    operator, line = shop.operator(), {"lineId": offer.id, "quantity": 1}
    failed = (await buyer.buys(offer, method="card-declined"))["failedOrder"]
    assert (await operator.refunds(failed))["code"] == "CANNOT_REFUND"
    assert (await operator.refunds({"id": UNKNOWN_ORDER}))["code"] == "ORDER_NOT_FOUND"
    wrongs: list[tuple[list[str], dict[str, Any]]] = [
        (["input", "lines"], {"lines": []}),
        (["input", "lines", "0", "lineId"], {"lines": [line]}),
        (["input", "amount", "amount"], {"amount": euros("1.005")}),
        (["input", "amount", "currency"], {"amount": {"amount": "1.00", "currency": "USD"}}),
        (["input", "reason"], {"reason": ""}),
        (["input", "idempotencyKey"], {"key": " "}),
    ]
    for path, wrong in wrongs:
        refused = await operator.refunds(order, **wrong)
        assert (refused["code"], refused["path"]) == ("INVALID_FIELD", path)
    assert (await operator.retries({"id": UNKNOWN_REFUND}))["code"] == "REFUND_NOT_FOUND"
    assert (await operator.retries({"id": order["id"]}))["path"] == ["input", "refundId"]
    assert (await operator.sees(order))["refunds"] == []


async def test_a_refund_that_the_provider_refuses_is_the_operators_to_look_after(shop: Shop) -> None:
    buyer, _, order = await bought(shop, 1, method="card-refund-refused")
    operator = shop.operator()
    assert (await buyer.cancels(order))["__typename"] == "OrderCancelled"

    async def failed() -> Answer | None:
        refunds = await operator.failed_refunds_of(order)
        return refunds[0] if refunds else None

    refund = await shop.eventually(failed)
    assert (refund["status"], refund["failureCode"], refund["attempts"]) == ("FAILED", "REFUND_REFUSED", 1)
    shown = await buyer.order(id=order["id"])
    assert (shown["status"], shown["paymentStatus"], shown["settled"]) == ("CANCELLED", "REFUND_FAILED", False)

    assert (await operator.retries(refund))["refund"]["status"] == "PENDING"

    async def failed_again() -> bool:
        return [(one["status"], one["attempts"] >= 2) for one in (await operator.sees(order))["refunds"]] == [
            ("FAILED", True)
        ]

    await shop.eventually(failed_again)
    assert shop.traces.given_back([order]) == []


async def test_a_refund_that_is_not_answered_is_asked_for_again(shop: Shop) -> None:
    buyer, _, order = await bought(shop, 1, method="card-refund-flaky")
    await buyer.cancels(order)
    refunded = await seen_by_operator(shop, order, "REFUNDED")
    assert [(refund["status"], refund["attempts"]) for refund in refunded["refunds"]] == [("DONE", 2)]
    assert shop.traces.given_back([order]) == [1000]


async def test_refunds_are_for_operators_alone(shop: Shop) -> None:
    buyer, offer, order = await bought(shop, 1)
    refund = {"idempotencyKey": "k", "orderId": order["id"], "reason": "Mine"}
    for person in (buyer, offer.seller):
        assert await person.refusal(documents.REFUND_ORDER, input=refund) == "FORBIDDEN"
        assert await person.refusal(documents.RETRY_REFUND, input={"refundId": UNKNOWN_REFUND}) == "FORBIDDEN"
        assert (await person.ask(documents.ANY_ORDER, by={"id": order["id"]}))["operating"] is None
    stranger = shop.stranger()
    assert await stranger.refusal(documents.CANCEL_ORDER, input={"orderId": order["id"]}) == "UNAUTHENTICATED"
    assert await stranger.refusal(documents.REFUND_ORDER, input=refund) == "UNAUTHENTICATED"


async def test_an_operator_finds_anybody_s_order_by_its_number(shop: Shop) -> None:
    _, _, order = await bought(shop, 1)
    by_number = await shop.operator().ask(documents.ANY_ORDER, by={"number": order["number"].lower()})
    assert by_number["operating"]["order"]["id"] == order["id"]
    unknown = await shop.operator().ask(documents.ANY_ORDER, by={"number": "B-0000-0000"})
    assert unknown["operating"]["order"] is None


def _refunded(order: Answer) -> bool:
    return order["paymentStatus"] == "REFUNDED"
