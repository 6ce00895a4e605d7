"""Subscriptions with a real websocket client: a snapshot first, rising versions, and who is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from graph.auth import EmbeddedIssuer
from kernel.clock import utc_now
from tests import documents
from tests.builders import Shop, fresh_isbn
from tests.live import SECONDS, Updates

PROTOCOL = "graphql-transport-ws"


@asynccontextmanager
async def opened(shop: Shop, protocol: str = PROTOCOL, **options: Any) -> AsyncIterator[ClientConnection]:
    """A bare websocket, for a test that ends within the time limit."""
    url = f"{shop.server.url.replace('http', 'ws', 1)}/graphql"
    async with asyncio.timeout(SECONDS), connect(url, subprotocols=[Subprotocol(protocol)], **options) as socket:
        yield socket


async def says(socket: ClientConnection, **message: Any) -> None:
    """Send a message of the protocol."""
    await socket.send(json.dumps(message))


async def hears(socket: ClientConnection) -> dict[str, Any]:
    """The next message."""
    return json.loads(await socket.recv())


async def is_closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Code and reason with which the server closes the connection."""
    await socket.wait_closed()
    return socket.close_code, socket.close_reason


async def initialised(socket: ClientConnection, token: str | None) -> dict[str, Any]:
    """The answer to a connection that was initialised with a token."""
    payload = {"Authorization": f"Bearer {token}"} if token else {}
    await says(socket, type="connection_init", payload=payload)
    return await hears(socket)


async def subscribed(socket: ClientConnection, document: str, **variables: Any) -> dict[str, Any]:
    """The first answer to a subscription."""
    await says(socket, id="1", type="subscribe", payload={"query": document, "variables": variables})
    return await hears(socket)


# --- orders -----------------------------------------------------------------------------------------------------


async def test_a_watched_order_settles_before_every_watcher_s_eyes(shop: Shop) -> None:
    buyer = shop.buyer()
    outcome = await buyer.buys(await shop.offer(copies=2))
    order_id = outcome["order"]["id"]
    async with buyer.live() as phone, buyer.live() as laptop:
        watchers = [live.follow(documents.ORDER_UPDATES, orderId=order_id) for live in (phone, laptop, laptop)]
        for updates in watchers:
            await updates.until(lambda update: update["order"]["settled"])
    for updates in watchers:
        assert updates.seen[0]["isSnapshot"]
        assert updates.seen[0]["change"] is None
        assert not any(update["isSnapshot"] for update in updates.seen[1:])
        assert all(update["change"] for update in updates.seen[1:])
        assert updates.versions == sorted(set(updates.versions))


async def test_all_orders_of_a_buyer_are_watched_from_before_they_exist(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=9), shop.buyer()
    old = (await buyer.settled(await buyer.buys(offer)))["id"]
    async with buyer.live() as live:
        updates = await live.watch(documents.MY_ORDERS)
        new = (await buyer.buys(offer))["order"]["id"]
        await updates.until(lambda update: update["order"]["id"] == new and update["order"]["settled"])

    assert updates.seen[0]["order"]["id"] == old
    of_new = [update["version"] for update in updates.seen if update["order"]["id"] == new]
    assert of_new == sorted(set(of_new))


async def test_a_settled_order_is_told_by_its_snapshot(shop: Shop) -> None:
    buyer = shop.buyer()
    order = await buyer.settled(await buyer.buys(await shop.offer()))
    async with buyer.live() as live:
        updates = await live.watch(documents.ORDER_UPDATES, orderId=order["id"])
    assert updates.seen[0]["order"]["settled"]


async def test_somebody_else_s_order_is_not_watched(shop: Shop) -> None:
    buyer, thief = shop.buyer(), shop.buyer()
    order_id = (await buyer.buys(await shop.offer()))["order"]["id"]
    async with opened(shop) as socket:
        assert (await initialised(socket, thief.token))["type"] == "connection_ack"
        for refused in (order_id, "nonsense"):
            answer = await subscribed(socket, documents.ORDER_UPDATES, orderId=refused)
            assert _code(answer) == "NOT_FOUND"


@pytest.mark.parametrize("document", [documents.MY_ORDERS, documents.NOTIFICATIONS, documents.SALES])
async def test_what_is_personal_is_not_watched_without_a_token(shop: Shop, document: str) -> None:
    async with opened(shop) as socket:
        assert (await initialised(socket, None))["type"] == "connection_ack"
        assert _code(await subscribed(socket, document)) == "UNAUTHENTICATED"


async def test_a_desk_is_watched_by_registered_sellers_alone(shop: Shop) -> None:
    for person, code in ((shop.buyer(), "FORBIDDEN"), (shop.newcomer(), "NOT_FOUND")):
        async with opened(shop) as socket:
            await initialised(socket, person.token)
            assert _code(await subscribed(socket, documents.SALES)) == code


# --- stock ------------------------------------------------------------------------------------------------------


async def test_stock_is_watched_without_a_token_by_many_at_once(shop: Shop) -> None:
    offer = await shop.offer(copies=6)
    async with shop.stranger(shop.server.token("passer-by")).live() as one, shop.buyer().live() as two:
        watchers = [await live.watch(documents.STOCK_UPDATES, isbns=[offer.isbn]) for live in (one, one, two)]
        for _ in range(3):
            await shop.buyer().buys(offer)
        for updates in watchers:
            await updates.until(lambda update: update["stock"]["total"] == 3)
    for updates in watchers:
        totals = [update["stock"]["total"] for update in updates.seen]
        assert totals == sorted(totals, reverse=True)
        assert updates.versions == sorted(set(updates.versions))


async def test_who_begins_to_watch_while_copies_are_sold_sees_no_change_twice(shop: Shop) -> None:
    offer = await shop.offer(copies=15)
    watchers: list[Updates] = []
    async with shop.buyer().live() as live, asyncio.TaskGroup() as watching:
        for _ in range(15):
            await shop.buyer().buys(offer)
            watchers.append(live.follow(documents.STOCK_UPDATES, isbns=[offer.isbn]))
            watching.create_task(watchers[-1].until(lambda update: update["stock"]["total"] == 0))
    for updates in watchers:
        assert updates.versions == sorted(set(updates.versions))


async def test_strangers_watch_the_stock(shop: Shop) -> None:
    offer = await shop.offer(copies=2)
    async with opened(shop) as socket:
        await initialised(socket, None)
        answer = await subscribed(socket, documents.STOCK_UPDATES, isbns=[offer.isbn])
        assert answer["payload"]["data"]["stockUpdates"]["stock"]["total"] == 2


async def test_several_books_are_watched_on_one_subscription(shop: Shop) -> None:
    sold, kept = await shop.offer(copies=1), await shop.offer(copies=4)
    never_offered = await shop.book()
    isbns = [sold.isbn, kept.isbn, never_offered, sold.isbn]
    async with shop.buyer().live() as live:
        updates = live.follow(documents.STOCK_UPDATES, isbns=isbns)
        snapshots = [await updates.next() for _ in range(3)]
        assert [(snapshot["isbn"], snapshot["stock"]["total"]) for snapshot in snapshots] == [
            (sold.isbn, 1),
            (kept.isbn, 4),
            (never_offered, 0),
        ]
        assert all(snapshot["isSnapshot"] for snapshot in snapshots)
        await shop.buyer().buys(sold)
        gone = await updates.until(lambda update: update["stock"]["total"] == 0)
        await shop.offer(isbn=never_offered, copies=2)
        arrived = await updates.until(lambda update: update["stock"]["total"] == 2)

    assert (gone["isbn"], gone["stock"]["minPrice"], gone["stock"]["sellers"]) == (sold.isbn, None, 0)
    assert (arrived["isbn"], arrived["isSnapshot"]) == (never_offered, False)


@pytest.mark.parametrize("isbns", [[], [fresh_isbn() for _ in range(101)], ["9780306406158"]])
async def test_what_cannot_be_watched_is_refused(shop: Shop, isbns: list[str]) -> None:
    async with opened(shop) as socket:
        await initialised(socket, None)
        assert _code(await subscribed(socket, documents.STOCK_UPDATES, isbns=isbns)) == "BAD_USER_INPUT"


async def test_a_finished_subscription_leaves_the_others(shop: Shop) -> None:
    offer, other = await shop.offer(copies=5), await shop.offer(copies=5)
    async with opened(shop) as socket:
        await initialised(socket, None)
        await subscribed(socket, documents.STOCK_UPDATES, isbns=[offer.isbn])
        query = {"query": documents.STOCK_UPDATES, "variables": {"isbns": [other.isbn]}}
        await says(socket, id="2", type="subscribe", payload=query)
        assert (await hears(socket))["id"] == "2"
        await says(socket, id="1", type="complete")
        await shop.buyer().buys(offer)
        await shop.buyer().buys(other)
        assert (await hears(socket))["id"] == "2"


# --- tokens and the protocol ------------------------------------------------------------------------------------


async def test_a_wrong_token_closes_the_connection_for_good(shop: Shop) -> None:
    async with opened(shop) as socket:
        await says(socket, type="connection_init", payload={"Authorization": "Bearer no.token.this"})
        assert await is_closed(socket) == (4401, "TOKEN_INVALID")


async def test_an_expired_token_asks_for_a_new_one(shop: Shop) -> None:
    past = EmbeddedIssuer(shop.server.data, clock=lambda: utc_now() - timedelta(hours=2))
    async with opened(shop) as socket:
        await says(socket, type="connection_init", payload={"authorization": f"Bearer {past.issue('alice')}"})
        assert await is_closed(socket) == (4403, "TOKEN_EXPIRED")


async def test_a_token_that_expires_ends_what_it_watches(shop: Shop) -> None:
    almost = EmbeddedIssuer(shop.server.data, clock=lambda: utc_now() - timedelta(seconds=3600 + 5 - 2))
    async with opened(shop) as socket:
        assert (await initialised(socket, almost.issue("alice")))["type"] == "connection_ack"
        assert (await subscribed(socket, documents.NOTIFICATIONS))["type"] == "next"
        assert await is_closed(socket) == (4403, "TOKEN_EXPIRED")


async def test_a_subscription_before_the_connection_is_initialised_is_refused(shop: Shop) -> None:
    async with opened(shop) as socket:
        await says(socket, id="1", type="subscribe", payload={"query": documents.MY_ORDERS})
        assert (await is_closed(socket))[0] == 4401


async def test_a_second_initialisation_is_refused(shop: Shop) -> None:
    async with opened(shop) as socket:
        await initialised(socket, None)
        await says(socket, type="connection_init")
        assert (await is_closed(socket))[0] == 4429


@pytest.mark.parametrize("message", ["no json", "[]", '{"type": "start"}', '{"type": "subscribe", "id": 1}', "{}"])
async def test_what_is_not_of_the_protocol_closes_the_connection(shop: Shop, message: str) -> None:
    async with opened(shop) as socket:
        await initialised(socket, None)
        await socket.send(message)
        assert (await is_closed(socket))[0] == 4400


async def test_the_legacy_protocol_is_refused(shop: Shop) -> None:
    async with opened(shop, protocol="graphql-ws") as socket:
        assert (await is_closed(socket))[0] == 4406


async def test_a_page_of_another_origin_opens_no_websocket(shop: Shop) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with opened(shop, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403


async def test_a_websocket_is_pinged_back(shop: Shop) -> None:
    async with opened(shop) as socket:
        await initialised(socket, None)
        await says(socket, type="ping")
        assert (await hears(socket))["type"] == "pong"


async def test_queries_and_mutations_run_on_a_websocket_too(shop: Shop) -> None:
    offer, buyer = await shop.offer(), shop.buyer()
    async with opened(shop) as socket:
        await initialised(socket, buyer.token)
        answer = await subscribed(socket, documents.ADD_TO_CART, input={"offerId": offer.id, "quantity": 1})
        assert answer["payload"]["data"]["addToCart"]["lines"][0]["offerId"] == offer.id
        assert (await hears(socket))["type"] == "complete"


async def test_a_subscription_by_post_is_refused(shop: Shop) -> None:
    assert await shop.buyer().refusal(documents.MY_ORDERS) == "BAD_REQUEST"


def _code(answer: dict[str, Any]) -> str:
    """The code of the error that a subscription was answered with."""
    errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
    return errors[0]["extensions"]["code"]
