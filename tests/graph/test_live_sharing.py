"""Shared executions over real sockets: the same payloads as each would have alone, and nobody in another's way."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from domains.inventory import BookStock
from graph.auth import LIFE_LIMIT_SECONDS
from graph.ports import Change, book_topic
from tests.conftest import wait_until
from tests.graph.conftest import listening
from tests.graph.market import Client, Market, fresh_isbn
from tests.graph.socket_client import SocketClient, connected
from tests.graph.test_auth_on_sockets import issued
from tests.graph.test_live_updates import updates

BUFFER_BYTES = 4096
CHANGES = 1000

STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { isbn version isSnapshot stock { total } } }"

DOCUMENTS = {
    "plain": STOCK,
    "aliases": """subscription($isbns: [ISBN!]!) { news: stockUpdates(isbns: $isbns) {
        version again: version isbn kind: __typename stock { total } } }""",
    "fragments": """subscription($isbns: [ISBN!]!) { ...Root }
        fragment Root on Subscription { stockUpdates(isbns: $isbns) { ...Told stock { total } } }
        fragment Told on StockUpdate { ... { isbn version } isSnapshot }""",
    "directives": """subscription($isbns: [ISBN!]!, $more: Boolean = true, $less: Boolean!) {
        stockUpdates(isbns: $isbns) {
          isbn version isSnapshot stock { total updatedAt @include(if: $more) sellers @skip(if: $less) } } }""",
    "literals": """subscription { stockUpdates(isbns: ["THE_BOOK"]) {
        isbn version isSnapshot stock { total minPrice { amount currency minorUnits } averagePrice { amount } } } }""",
}


async def signed_in(client: SocketClient, person: Client) -> None:
    await client.initialise(person.headers["Authorization"].removeprefix("Bearer "))


async def told(client: SocketClient, version: int) -> list[dict]:
    """The payloads of a subscription, up to this version of the stock; a purchase makes two."""
    found = []
    while True:
        message = await client.receive()
        assert message["type"] == "next", message
        found.append(message["payload"])
        (update,) = message["payload"]["data"].values()
        if update["version"] == version:
            return found


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_shared_payload_is_the_one_that_each_would_have_alone(
    market: Market, socket_url: str, name: str
) -> None:
    offer = await market.offer(copies=3)
    document = DOCUMENTS[name].replace("THE_BOOK", offer.isbn)
    variables: dict[str, object] = {} if name == "literals" else {"isbns": [offer.isbn]}
    if name == "directives":
        variables["less"] = True
    async with (
        connected(socket_url) as one,
        connected(socket_url) as other,
        market.stranger().subscribed(document, **variables) as alone,
    ):
        snapshot = await anext(alone)
        for client in (one, other):
            await client.initialise()
            await client.subscribe(document, "1", **variables)
            assert (await client.receive())["payload"] == {"data": snapshot["data"]}
        await market.buyer().buy(offer)
        shared = [await told(client, 3) for client in (one, other)]
        plain = await updates(alone, lambda update: update["version"] == 3)
    assert shared[0] == shared[1]
    assert list(shared[0][-1]["data"].values()) == [plain[-1]]


async def test_all_tabs_of_a_buyer_follow_an_order_until_it_is_settled(market: Market, socket_url: str) -> None:
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())
    document = (
        "subscription($id: ID!) { orderUpdates(orderId: $id) { version order { number settled lines { book { title } "
        "offer { available } } timeline { event } actions } change { event } } }"
    )
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(socket_url)) for _ in range(3)]
        for number, client in enumerate(clients):
            await signed_in(client, buyer)
            await client.subscribe(document, f"tab {number}", id=order["id"])
        last = []
        for client in clients:
            versions: list[int] = []
            update: dict = {"order": {"settled": False}}
            while not update["order"]["settled"]:
                message = await client.receive()
                update = message["payload"]["data"]["orderUpdates"]
                versions.append(update["version"])
            assert versions == sorted(set(versions))
            last.append(update)
    settled = await buyer.data("query($id: ID!) { order(by: { id: $id }) { number settled } }", id=order["id"])
    assert {update["order"]["number"] for update in last} == {settled["order"]["number"]}


async def test_nobody_shares_with_another_viewer(market: Market, socket_url: str) -> None:
    alice, bob = market.buyer(), market.buyer()
    orders = {buyer.name: await buyer.buy(await market.offer()) for buyer in (alice, bob)}
    for buyer in (alice, bob):
        async with connected(socket_url) as client:
            await signed_in(client, buyer)
            await client.subscribe("subscription { myOrders { order { id } } }")
            message = await client.receive()
            assert message["payload"]["data"]["myOrders"]["order"]["id"] == orders[buyer.name]["id"]


async def test_a_token_that_expires_ends_its_own_stream_and_no_other(market: Market, socket_url: str) -> None:
    offer = await market.offer(copies=2)
    lasting = market.shop.issuer.issue("alice")
    async with connected(socket_url) as expiring, connected(socket_url) as other:
        # Its hour is over and its leeway of five seconds nearly so.
        for client, token in ((expiring, issued(market, LIFE_LIMIT_SECONDS + 3)), (other, lasting)):
            assert (await client.initialise(token))["type"] == "connection_ack"
            await client.subscribe(STOCK, isbns=[offer.isbn])
            assert (await client.receive())["type"] == "next"
        assert market.shop.services.hub.watchers() >= 2
        assert await expiring.closed() == (4403, "TOKEN_EXPIRED")
        await market.buyer().buy(offer)
        assert (await told(other, 3))[-1]["data"]["stockUpdates"]["isSnapshot"] is False


async def test_whoever_breaks_off_leaves_nothing_behind(market: Market, socket_url: str) -> None:
    isbn, hub = fresh_isbn(), market.shop.services.hub

    async def is_free() -> bool:
        return f"book:{isbn}" not in hub.watched()

    for _ in range(3):
        async with AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(connected(socket_url)) for _ in range(5)]
            for client in clients:
                await client.initialise()
                await client.subscribe(STOCK, isbns=[isbn])
            for client in clients:
                assert (await client.receive())["type"] == "next"
            await clients[0].send({"id": "1", "type": "complete"})
            clients[1].break_off()
        await wait_until(is_free)


async def test_each_is_told_what_is_wrong_with_what_it_asks(socket_url: str) -> None:
    async with connected(socket_url) as one, connected(socket_url) as other:
        for client in (one, other):
            await client.initialise()
            await client.subscribe(STOCK, "none", isbns=[])
            await client.subscribe(STOCK, "bad", isbns=["nonsense"])
            answers = {message["id"]: message for message in [await client.receive(), await client.receive()]}
            codes = {name: answer["payload"][0]["extensions"]["code"] for name, answer in answers.items()}
            assert codes == {"none": "BAD_USER_INPUT", "bad": "BAD_USER_INPUT"}
            assert {answer["type"] for answer in answers.values()} == {"error"}


async def test_subscribers_come_and_go_while_the_stock_falls(market: Market, socket_url: str) -> None:
    offer = await market.offer(copies=4)

    async def watch() -> list[int]:
        async with connected(socket_url) as client:
            await client.initialise()
            await client.subscribe(STOCK, isbns=[offer.isbn])
            return [payload["data"]["stockUpdates"]["version"] for payload in await told(client, 1 + 4 * 2)]

    watching = []
    for _ in range(4):
        watching += [asyncio.create_task(watch()) for _ in range(3)]
        await market.buyer().buy(offer)
    seen = await asyncio.gather(*watching)
    assert all(versions == sorted(set(versions)) for versions in seen)


async def test_a_client_that_does_not_read_changes_nothing_for_the_others(embedded_market: Market) -> None:
    isbn, hub = fresh_isbn(), embedded_market.shop.services.hub
    # Little fits between the two, so that what is not read is soon felt.
    with socket.socket() as little, socket.socket() as unread:
        little.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        little.bind(("127.0.0.1", 0))
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        async with listening(embedded_market, embedded_market.shop.services, at=little) as url:
            unread.connect(little.getsockname())
            async with connected(url, sock=unread, max_queue=1) as slow, connected(url) as fast:
                for client in (slow, fast):
                    await client.initialise()
                    await client.subscribe(STOCK, isbns=[isbn])
                    await client.receive()
                for version in range(1, CHANGES + 1):
                    hub.receive(Change(book_topic(isbn), version, stock(isbn, version)))
                    assert (await fast.receive())["payload"]["data"]["stockUpdates"]["version"] == version
                versions = [payload["data"]["stockUpdates"]["version"] for payload in await told(slow, CHANGES)]
    assert versions == sorted(set(versions))
    assert len(versions) < CHANGES


def stock(isbn: str, version: int) -> BookStock:
    return BookStock(
        isbn=isbn, total=version, sellers=1, min_price=None, max_price=None, average_price=None, version=version,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC), currency="EUR", offers=(),
    )  # fmt: skip
