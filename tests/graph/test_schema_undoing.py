"""Cancelling and refunding through GraphQL: answers and problems with their types, codes and paths."""

from __future__ import annotations

import pytest

from tests.graph.market import PROBLEM, Client, Market, fresh_name

CANCELLED = f"... on OrderCancelled {{ order {{ status cancelReason actions }} }} {PROBLEM}"
REQUESTED = f"... on RefundRequested {{ refund {{ id status cause attempts failureCode }} order {{ id }} }} {PROBLEM}"
MINE = """query Q($id: ID!) { order(by: {id: $id}) { refunded { amount } refunds {
  cause status reason amount { amount } lines { lineId quantity restock } order { id } } } }"""


async def bought(market: Market) -> tuple[Client, str]:
    """A buyer with a paid order, by its id."""
    buyer = market.buyer()
    return buyer, (await buyer.buy(await market.offer()))["id"]


def refund(order_id: str, **what: object) -> dict[str, object]:
    """The input of a refund of all that is left, unless it is said what."""
    return {"idempotencyKey": fresh_name("key"), "orderId": order_id, "reason": "A torn page", **what}


async def test_a_buyer_cancels_and_sees_the_refund(market: Market, eventually) -> None:
    buyer, order_id = await bought(market)
    cancelled = await buyer.mutate("cancelOrder", {"orderId": order_id, "reason": "Too many books"}, CANCELLED)
    assert cancelled["order"] == {"status": "CANCELLED", "cancelReason": "Too many books", "actions": []}

    async def refunded() -> dict | None:
        order = (await buyer.data(MINE, id=order_id))["order"]
        return order if order["refunded"]["amount"] == "12.50" else None

    [shown] = (await eventually(refunded))["refunds"]
    assert (shown["cause"], shown["status"], shown["amount"]) == ("CANCELLATION", "DONE", {"amount": "12.50"})
    assert (shown["lines"], shown["order"]) == ([], {"id": order_id})


async def test_a_reason_may_be_left_out_by_buyers_alone(market: Market) -> None:
    buyer, order_id = await bought(market)
    refused = await market.operator().mutate("cancelOrder", {"orderId": order_id}, CANCELLED)
    assert (refused["code"], refused["path"]) == ("INVALID_FIELD", ["input", "reason"])
    assert (await buyer.mutate("cancelOrder", {"orderId": order_id}, CANCELLED))["__typename"] == "OrderCancelled"


async def test_an_operator_refunds_a_line(market: Market) -> None:
    buyer, order_id = await bought(market)
    lines = "query Q($id: ID!) { order(by: {id: $id}) { lines { id } } }"
    [line] = (await buyer.data(lines, id=order_id))["order"]["lines"]
    given = refund(order_id, lines=[{"lineId": line["id"], "quantity": 1}], restock=True)
    asked = await market.operator().mutate("refundOrder", given, REQUESTED)
    assert (asked["refund"]["cause"], asked["order"]) == ("OPERATOR", {"id": order_id})
    [shown] = (await buyer.data(MINE, id=order_id))["order"]["refunds"]
    assert (shown["reason"], shown["lines"]) == (
        "A torn page", [{"lineId": line["id"], "quantity": 1, "restock": True}],
    )  # fmt: skip


@pytest.mark.parametrize("wrong", ["nonsense", ""])
async def test_ids_that_name_nothing_are_invalid_fields(market: Market, wrong: str) -> None:
    buyer, order_id = await bought(market)
    operator, line = market.operator(), {"lineId": order_id, "quantity": 1}
    for person, field, given, path in (
        (buyer, "cancelOrder", {"orderId": wrong}, ["input", "orderId"]),
        (operator, "refundOrder", refund(wrong), ["input", "orderId"]),
        (operator, "refundOrder", refund(order_id, lines=[line]), ["input", "lines", "0", "lineId"]),
        (operator, "refundOrder", refund(order_id, lines=[]), ["input", "lines"]),
        (operator, "retryRefund", {"refundId": wrong}, ["input", "refundId"]),
    ):
        refused = await person.mutate(field, given, PROBLEM)
        assert (refused["code"], refused["path"]) == ("INVALID_FIELD", path)


async def test_an_order_line_s_id_is_told_from_others_in_a_sentence(market: Market) -> None:
    _, order_id = await bought(market)
    given = refund(order_id, lines=[{"lineId": order_id, "quantity": 1}])
    refused = await market.operator().mutate("refundOrder", given, PROBLEM)
    assert refused["message"] == "This is not the id of an order line."


async def test_the_desk_finds_any_order_and_lists_what_failed(market: Market) -> None:
    _, order_id = await bought(market)
    document = """query Q($id: ID!) { me { operating {
      order(by: {id: $id}) { id refunds { id } } failedRefunds(first: 100) { nodes { status order { id } } } } } }"""
    desk = (await market.operator().data(document, id=order_id))["me"]["operating"]
    assert desk["order"] == {"id": order_id, "refunds": []}
    assert {refund["status"] for refund in desk["failedRefunds"]["nodes"]} <= {"FAILED"}
    assert (await market.operator().data(document, id="nonsense"))["me"]["operating"]["order"] is None


async def test_a_page_of_failed_refunds_that_cannot_be_is_bad_input(market: Market) -> None:
    for arguments in ("first: 0", "first: 101", 'after: "nonsense"'):
        document = f"{{ me {{ operating {{ failedRefunds({arguments}) {{ nodes {{ id }} }} }} }} }}"
        answer = await market.operator().ask(document)
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
