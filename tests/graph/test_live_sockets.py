"""graphql-transport-ws as clients speak it: the flow, and what becomes of messages that are none."""

from __future__ import annotations

import pytest

from tests.graph.market import Market
from tests.graph.socket_client import connected

ORDER = "subscription S($id: ID!) { orderUpdates(orderId: $id) { version isSnapshot order { id settled } } }"
STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { version stock { total } } }"
MESSAGES = "subscription { notifications { version notification { subject } } }"


async def test_one_socket_carries_the_three_subscriptions_of_a_purchase(market: Market, socket_url: str) -> None:
    buyer, offer = market.buyer(), await market.offer()
    token = buyer.headers["Authorization"].removeprefix("Bearer ")
    async with connected(socket_url) as client:
        await client.initialise(token)
        await client.subscribe(STOCK, "stock", isbns=[offer.isbn])
        await client.subscribe(MESSAGES, "messages")
        snapshots = {message["id"]: message for message in [await client.receive(), await client.receive()]}
        assert snapshots.keys() == {"stock", "messages"}
        order = await buyer.buy(offer)
        await client.subscribe(ORDER, "order", id=order["id"])
        versions: dict[str, list[int]] = {"stock": [], "messages": [], "order": []}
        last: dict[str, dict] = {}
        while not (
            last.get("order", {}).get("order", {}).get("settled")
            and last.get("stock", {}).get("stock", {}).get("total") == 0
            and last.get("messages", {}).get("notification")
        ):
            message = await client.receive()
            assert message["type"] == "next"
            (update,) = message["payload"]["data"].values()
            versions[message["id"]].append(update["version"])
            last[message["id"]] = update
    assert all(seen == sorted(set(seen)) for seen in versions.values())


async def test_a_completed_subscription_is_left_and_its_id_free_again(
    market: Market, socket_url: str, eventually
) -> None:
    offer = await market.offer()

    async def is_left() -> bool:
        return f"book:{offer.isbn}" not in market.shop.services.hub.watched()

    async with connected(socket_url) as client:
        await client.initialise()
        for _ in range(2):
            await client.subscribe(STOCK, "same", isbns=[offer.isbn])
            assert (await client.receive())["type"] == "next"
            await client.send({"id": "same", "type": "complete"})
            await eventually(is_left)
        await client.send({"type": "ping"})
        assert (await client.receive())["type"] == "pong"


async def test_a_document_that_is_not_valid_is_an_error_of_its_operation_alone(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.initialise()
        await client.subscribe("subscription { nothing }", "bad")
        message = await client.receive()
        assert (message["id"], message["type"]) == ("bad", "error")
        assert [error["extensions"]["code"] for error in message["payload"]] == ["GRAPHQL_VALIDATION_FAILED"]
        await client.subscribe("{ books(first: 1) { nodes { isbn } } }", "good")
        assert (await client.receive())["id"] == "good"


@pytest.mark.parametrize(
    "text",
    [
        "not json",
        "[]",
        "null",
        "7",
        "{}",
        '{"type": 7}',
        '{"type": "unknown"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ me { id } }"}}',
        '{"type": "subscribe", "id": "1", "payload": []}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ me { id } }", "operationName": 7}}',
        '{"type": "subscribe", "id": "%s", "payload": {"query": "{ me { id } }"}}' % ("1" * 65),
        '{"type": "complete", "id": 7}',
        '{"type": "ping", "payload": NaN}',
        "[" * 20_000 + "]" * 20_000,
    ],
)
async def test_a_message_that_is_none_closes_the_socket(socket_url: str, text: str) -> None:
    async with connected(socket_url) as client:
        await client.initialise()
        await client.send_text(text)
        assert (await client.closed())[0] == 4400


async def test_bytes_close_the_socket(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.initialise()
        await client.send_text(b"{}")
        assert (await client.closed())[0] == 4400


async def test_a_socket_is_initialised_once(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.initialise()
        await client.send({"type": "connection_init"})
        assert (await client.closed())[0] == 4429


async def test_a_payload_that_is_no_object_closes_the_socket(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.send({"type": "connection_init", "payload": []})
        assert (await client.closed())[0] == 4400


async def test_the_old_protocol_is_not_spoken(socket_url: str) -> None:
    async with connected(socket_url, "graphql-ws") as client:
        assert (await client.closed())[0] == 4406


async def test_a_socket_runs_a_bounded_number_of_operations(market: Market, socket_url: str) -> None:
    offer = await market.offer()
    async with connected(socket_url) as client:
        await client.initialise()
        for number in range(21):
            await client.subscribe(STOCK, str(number), isbns=[offer.isbn])
        messages = [await client.receive() for _ in range(21)]
    assert [message["id"] for message in messages if message["type"] == "error"] == ["20"]
