"""Who is on a websocket: no token, a good one, one that expires meanwhile, one that was never ours."""

from __future__ import annotations

from datetime import timedelta

import pytest
from websockets.exceptions import InvalidStatus

from graph.auth import LIFE_LIMIT_SECONDS, EmbeddedIssuer
from kernel.clock import utc_now
from tests.graph.market import Market
from tests.graph.socket_client import connected

MY_ORDERS = "subscription { myOrders { version } }"
STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { version isSnapshot } }"


WATCH = "subscription S($id: ID!) { orderUpdates(orderId: $id) { isSnapshot order { status } } }"


def issued(market: Market, seconds_ago: int, name: str = "alice") -> str:
    issuer = EmbeddedIssuer(market.shop.settings.data, clock=lambda: utc_now() - timedelta(seconds=seconds_ago))
    return issuer.issue(name)


async def test_what_is_public_needs_no_token(market: Market, socket_url: str) -> None:
    offer = await market.offer()
    async with connected(socket_url) as client:
        assert (await client.initialise())["type"] == "connection_ack"
        await client.subscribe(STOCK, isbns=[offer.isbn])
        message = await client.receive()
    assert (message["type"], message["payload"]["data"]["stockUpdates"]["isSnapshot"]) == ("next", True)


async def test_what_is_private_says_that_it_needs_one(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.initialise()
        await client.subscribe(MY_ORDERS)
        message = await client.receive()
    assert message["type"] == "error"
    assert [error["extensions"]["code"] for error in message["payload"]] == ["UNAUTHENTICATED"]


async def test_a_token_is_taken_however_its_name_is_capitalised(market: Market, socket_url: str) -> None:
    for name in ("Authorization", "authorization", "AUTHORIZATION"):
        async with connected(socket_url) as client:
            payload = {name: f"Bearer {market.shop.issuer.issue('alice')}"}
            await client.send({"type": "connection_init", "payload": payload})
            assert (await client.receive())["type"] == "connection_ack"
            await client.subscribe("{ me { email } }")
            assert (await client.receive())["payload"]["data"]["me"] == {"email": "alice@example.org"}


async def test_an_expired_token_closes_so_that_clients_come_again(market: Market, socket_url: str) -> None:
    async with connected(socket_url) as client:
        payload = {"Authorization": f"Bearer {issued(market, 2 * LIFE_LIMIT_SECONDS)}"}
        await client.send({"type": "connection_init", "payload": payload})
        assert await client.closed() == (4403, "TOKEN_EXPIRED")


@pytest.mark.parametrize("authorization", ["Bearer x", "Bearer", "", 7, {"a": 1}])
async def test_a_token_that_was_never_ours_closes_for_good(socket_url: str, authorization: object) -> None:
    async with connected(socket_url) as client:
        await client.send({"type": "connection_init", "payload": {"Authorization": authorization}})
        assert await client.closed() == (4401, "TOKEN_INVALID")


async def test_a_token_that_expires_closes_its_subscriptions(market: Market, socket_url: str) -> None:
    async with connected(socket_url) as client:
        # Its hour is over and its leeway of five seconds nearly so.
        token = issued(market, LIFE_LIMIT_SECONDS + 3)
        assert (await client.initialise(token))["type"] == "connection_ack"
        await client.subscribe("subscription { notifications { version } }")
        assert (await client.receive())["type"] == "next"
        assert await client.closed() == (4403, "TOKEN_EXPIRED")


async def test_a_token_that_expires_ends_no_stream_of_another_token(market: Market, socket_url: str) -> None:
    buyer = market.buyer()
    order = await buyer.buy(await market.offer())
    async with connected(socket_url) as first, connected(socket_url) as second:
        for client, token in ((first, issued(market, LIFE_LIMIT_SECONDS + 1, buyer.name)), (second, buyer.token)):
            await client.initialise(token)
            await client.subscribe(WATCH, id=order["id"])
            assert (await client.receive())["payload"]["data"]["orderUpdates"]["isSnapshot"]
        assert await first.closed() == (4403, "TOKEN_EXPIRED")
        await buyer.mutate("cancelOrder", {"orderId": order["id"]}, "__typename")
        status = None
        while status != "CANCELLED":
            status = (await second.receive())["payload"]["data"]["orderUpdates"]["order"]["status"]


async def test_a_token_without_a_role_does_not_watch_beside_one_that_has_it(market: Market, socket_url: str) -> None:
    seller = await market.seller()
    async with connected(socket_url) as first, connected(socket_url) as second:
        for client, token in ((first, seller.token), (second, market.shop.issuer.issue(seller.name))):
            await client.initialise(token)
            await client.subscribe("subscription { sales { version } }")
        assert (await first.receive())["type"] == "next"
        [error] = (await second.receive())["payload"]
    assert error["extensions"]["code"] == "FORBIDDEN"


async def test_operations_before_the_connection_is_initialised_are_refused(socket_url: str) -> None:
    async with connected(socket_url) as client:
        await client.subscribe(MY_ORDERS)
        assert (await client.closed())[0] == 4401


async def test_pages_of_other_origins_cannot_open_a_socket(socket_url: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connected(socket_url, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
