"""What the server logs: lines of JSON, one correlation id from a request to the last handler, and nothing personal."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest

from app.live_client import LiveClient
from app.settings import DOMAINS
from graph.nodes import decode_id
from kernel.ids import new_id
from messaging.events import OrderPaid, OrderRefunded, RefundedLine
from tests import documents
from tests.builders import Buyer, Offer, Shop, euros
from tests.intruder import publish
from tests.server import Server, running

Wait = Callable[..., Awaitable[Any]]
Line = dict[str, Any]

REQUEST_ID = "X-Request-Id"
TRACE = "0af7651916cd43dd8448eb211c80319c"
ADDRESS = {
    "name": "Zebulon Quimby",
    "line1": "77 Marzipan Lane",
    "postalCode": "QZ8 8ZQ",
    "city": "Llanfairpwll",
    "country": "GB",
}


@pytest.fixture(scope="module")
async def talkative(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that logs all that it can."""
    data = tmp_path_factory.mktemp("talkative") / "data"
    async with running(data, "--no-samples", settings={"BOOKSTALL_LOG_LEVEL": "DEBUG"}) as server:
        yield server


@pytest.fixture
async def market(talkative: Server, eventually: Wait) -> AsyncIterator[Shop]:
    async with httpx.AsyncClient(base_url=talkative.url, timeout=30) as http:
        yield Shop(talkative, http, eventually)


def lines_of(server: Server) -> list[Line]:
    """Every line of the log; fails where one is no JSON."""
    return [json.loads(line) for line in server.log().splitlines()]


async def checks_out(buyer: Buyer, correlation: str, **address: str) -> dict[str, Any]:
    """A checkout of the buyer's cart, as a client sends it that gives its requests ids."""
    checkout = {
        "idempotencyKey": secrets.token_hex(8),
        "deliveryAddress": ADDRESS | address,
        "amount": euros("12.50"),
        "paymentMethod": "card",
    }
    response = await buyer.shop.http.post(
        "/graphql",
        json={"query": documents.CHECKOUT, "variables": {"input": checkout}},
        headers={
            "Authorization": f"Bearer {buyer.token}",
            REQUEST_ID: correlation,
            "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        },
    )
    assert response.headers[REQUEST_ID] == correlation
    return response.json()["data"]["checkout"]


async def test_one_id_leads_from_the_request_through_the_handlers_of_every_domain(
    market: Shop, talkative: Server, eventually: Wait
) -> None:
    offer, buyer, correlation = await market.offer(), market.buyer(), f"journey-{secrets.token_hex(6)}"
    await buyer.adds(offer)
    await buyer.settled(await checks_out(buyer, correlation))

    def told(event: str) -> list[Line]:
        return [
            line for line in lines_of(talkative) if line["event"] == event and line.get("correlation_id") == correlation
        ]

    def handled() -> set[tuple[str, str]]:
        return {(line["domain"], line["event_name"]) for line in told("event_handled")}

    async def everybody() -> bool:
        return {domain for domain, _ in handled()} == set(DOMAINS) and ("orders", "NotificationSent") in handled()

    await eventually(everybody)
    assert [line["operation"] for line in told("graphql_request")] == ["Checkout"]
    assert {("inventory", "OrderPaid"), ("sellers", "OrderPaid"), ("notifications", "OrderPaid")} <= handled()
    assert {("orders", "StockDeducted"), ("orders", "SaleRecorded"), ("catalog", "BookStockUpdated")} <= handled()
    assert {line["level"] for line in told("event_handled")} == {"debug"}
    assert {line.get("trace_id") for line in (*told("graphql_request"), *told("event_handled"))} == {TRACE}


async def test_nothing_personal_is_logged_whatever_goes_wrong(
    market: Shop, talkative: Server, eventually: Wait
) -> None:
    offer, buyer = await market.offer(copies=3), market.buyer()
    stranger = market.stranger(f"{buyer.token}x")
    await buyer.adds(offer)
    assert (await checks_out(buyer, "a-bad-address", city="", name="Zebulon\x07Quimby"))["problems"]
    paid = await buyer.settled(await checks_out(buyer, "a-good-address"))
    assert await stranger.refusal(documents.VIEWED_CART) == "TOKEN_INVALID"
    assert await buyer.refusal(documents.FIND_ORDER, by={"number": ADDRESS["line1"], "id": buyer.email}) != ""
    await sends_garbage(talkative)
    async with LiveClient.connected(talkative.url, buyer.token or "") as client:
        await anext(client.follow("subscription Mine { notifications { version } }"))
    publish(talkative.data, OrderPaid, undecodable(buyer))
    publish(talkative.data, OrderRefunded, impossible(buyer, paid, offer))

    async def all_is_told() -> bool:
        return {"an event became a dead letter", "a handler failed and will be tried again"} <= {
            line["event"] for line in lines_of(talkative)
        }

    await eventually(all_is_told)
    log = talkative.log()
    people = (buyer, offer.seller)
    secret = [*ADDRESS.values(), *(person.email for person in people), *(str(person.token) for person in people)]
    assert [found for found in secret if len(found) > 2 and found in log] == []
    assert "Stall of" not in log
    assert ("app.protocols.http", "BAD_REQUEST") in {(line["module"], line.get("code")) for line in lines_of(talkative)}


async def sends_garbage(server: Server) -> None:
    """What is no HTTP at all."""
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"{ADDRESS['line1']}\r\n\r\n".encode())
    assert b"400" in await reader.readline()
    writer.close()


def undecodable(buyer: Buyer) -> bytes:
    """An OrderPaid that is none."""
    return json.dumps({"CustomerEmail": buyer.email, "OrderId": ADDRESS["name"], "OrderItems": [buyer.email]}).encode()


def impossible(buyer: Buyer, order: dict[str, Any], offer: Offer) -> bytes:
    """The refund of more copies than the order has."""
    line = RefundedLine(
        order_item_id=new_id(),
        listing_id=UUID(str(decode_id(offer.listing_id, "Listing"))),
        seller_id=new_id(),
        quantity=99,
        amount=1,
        restock=True,
    )
    return OrderRefunded(
        order_id=UUID(str(decode_id(order["id"], "Order"))),
        customer_id=buyer.name,
        customer_email=buyer.email,
        number=order["number"],
        refund_id=new_id(),
        amount=1,
        currency="EUR",
        lines=(line,),
    ).to_wire()
