"""The operators' desk through GraphQL: what is stuck and what does not add up, on real databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import Boolean, update

from domains.inventory.tables import stock_items
from domains.orders.tables import orders, timeline
from graph.nodes import decode_id
from kernel.columns import in_seconds, param
from kernel.database import Statement
from tests.graph.market import Client, Market

STUCK = """query Stuck($after: String) { me { operating { stuckOrders(first: 100, after: $after) {
  nodes { reason since missing order { number lines { title } timeline { event } } }
  pageInfo { hasNextPage endCursor } } } } }"""
CHECK = """query Check($after: String) { me { operating { stockCheck(after: $after) {
  checked next drifts { isbn onHand moved held liveHolds offerId offer { available } } } } } }"""

SETTLE = Statement(
    update(orders).where(orders.c.id == param(orders.c.id, "order")).values(settled=param(Boolean, "is_settled"))
)
LONG_AGO = Statement(
    update(timeline).where(timeline.c.order_id == param(timeline.c.order_id, "order")).values(at=in_seconds(-3600))
)
COUNT_MORE = Statement(
    update(stock_items)
    .where(stock_items.c.listing_id == param(stock_items.c.listing_id, "listing"))
    .values(on_hand=stock_items.c.on_hand + param(stock_items.c.on_hand, "more"))
)


@asynccontextmanager
async def unsettled(market: Market, order_id: UUID) -> AsyncIterator[None]:
    """For the time of the block an order has waited for an hour to be settled."""
    database = market.shop.databases["orders"]
    await database.write(SETTLE, order=order_id, is_settled=False)
    await database.write(LONG_AGO, order=order_id)
    yield
    await database.write(SETTLE, order=order_id, is_settled=True)


@asynccontextmanager
async def miscounted(market: Market, listing_id: UUID) -> AsyncIterator[None]:
    """For the time of the block a listing has one copy more than its movements say."""
    database = market.shop.databases["inventory"]
    await database.write(COUNT_MORE, listing=listing_id, more=1)
    yield
    await database.write(COUNT_MORE, listing=listing_id, more=-1)


async def settled_order(market: Market, eventually) -> tuple[Client, dict]:
    """An order of which nothing more will be told, with its buyer."""
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())

    async def settled() -> bool:
        document = "query Q($id: ID!) { order(by: {id: $id}) { settled timeline { event } } }"
        found = (await buyer.data(document, id=order["id"]))["order"]
        return found["settled"] and {"event": "NotificationSent"} in found["timeline"]

    await eventually(settled)
    return buyer, order


async def test_an_operator_finds_orders_that_do_not_come_to_their_end(market: Market, eventually) -> None:
    _, order = await settled_order(market, eventually)
    operator = market.operator()
    async with unsettled(market, decode_id(order["id"], "Order")):
        found = (await stuck(operator))[order["number"]]
    assert (found["reason"], found["missing"]) == ("REPORTS", [])
    assert found["order"]["lines"] == [{"title": "A Book"}]
    assert {"event": "OrderPaid"} in found["order"]["timeline"]
    assert order["number"] not in await stuck(operator)


async def stuck(operator: Client) -> dict[str, dict]:
    """All that do not come to their end, by their numbers; other tests have left some."""
    found, after = dict[str, dict](), None
    while True:
        page = (await operator.data(STUCK, after=after))["me"]["operating"]["stuckOrders"]
        found |= {node["order"]["number"]: node for node in page["nodes"]}
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return found


async def test_an_operator_finds_stock_that_does_not_add_up(market: Market) -> None:
    offer, operator = await market.offer(copies=2), market.operator()
    async with miscounted(market, offer.listing_id):
        found = await drifts(operator)
    assert found[offer.id] == {
        "isbn": offer.isbn, "onHand": 3, "moved": 2, "held": 0, "liveHolds": 0, "offerId": offer.id,
        "offer": {"available": 3},
    }  # fmt: skip
    assert offer.id not in await drifts(operator)


async def drifts(operator: Client) -> dict[str, dict]:
    """All that does not add up, by the ids of the offers."""
    found, after = dict[str, dict](), None
    while True:
        check = (await operator.data(CHECK, after=after))["me"]["operating"]["stockCheck"]
        assert check["checked"] <= 500
        found |= {drift["offerId"]: drift for drift in check["drifts"]}
        after = check["next"]
        if after is None:
            return found


async def test_a_part_that_no_check_has_named_is_bad_input(market: Market) -> None:
    for document in (STUCK, CHECK):
        answer = await market.operator().ask(document, after="nonsense")
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]
