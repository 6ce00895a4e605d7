"""How many websockets an address opens, has open and keeps busy: counted exactly, however each of them ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from app.rates import InProcessRates
from graph.auth import LIFE_LIMIT_SECONDS, TokenVerifier, Viewer
from graph.limits import Limits
from tests.conftest import wait_until
from tests.graph.conftest import listening
from tests.graph.market import Market, fresh_isbn
from tests.graph.socket_client import Message, SocketClient, connected
from tests.graph.test_auth_on_sockets import issued
from tests.graph.test_deadlines import Slow

MOST = 3
HOME, OFFICE = "203.0.113.7", "198.51.100.9"
STOCK = "subscription S($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { version } }"
MESSAGES = "subscription { notifications { version } }"
BOOKS = "{ books { nodes { isbn } } }"


class CountingVerifier:
    """A verifier that knows how often it was asked."""

    believed_seconds = 60.0

    def __init__(self, verifier: TokenVerifier) -> None:
        self._verifier = verifier
        self.asked = 0

    async def verify(self, token: str) -> Viewer:
        self.asked += 1
        return await self._verifier.verify(token)


@asynccontextmanager
async def coming_from(address: str, url: str) -> AsyncIterator[SocketClient]:
    """A websocket that a proxy says comes from there."""
    async with connected(url, additional_headers={"X-Forwarded-For": address}) as client:
        yield client


async def watch(client: SocketClient, count: int, *, first: int = 0) -> list[str]:
    """Starts so many operations, and how each begins."""
    numbers = range(first, first + count)
    for number in numbers:
        await client.subscribe(STOCK, str(number), isbns=[fresh_isbn()])
    messages = [await client.receive() for _ in numbers]
    return [said(message) for message in sorted(messages, key=lambda message: int(message["id"]))]


def said(message: Message) -> str:
    """Its type, or the code of its error."""
    return message["payload"][0]["extensions"]["code"] if message["type"] == "error" else message["type"]


async def test_handshakes_count_and_beyond_the_rate_no_token_is_verified(market: Market) -> None:
    verifier = CountingVerifier(market.shop.issuer)
    services = replace(market.shop.services, rates=InProcessRates(per_viewer=0, per_address=5))
    async with listening(market, services, verifier) as url:
        for _ in range(5):
            async with connected(url) as client:
                await client.send({"type": "connection_init", "payload": {"Authorization": "Bearer forged"}})
                assert await client.closed() == (4401, "TOKEN_INVALID")
        for _ in range(3):
            async with connected(url) as client:
                assert await client.closed() == (1013, "RATE_LIMITED")
    assert verifier.asked == 5


async def test_handshakes_sent_in_one_go_verify_one_token(market: Market) -> None:
    verifier = CountingVerifier(market.shop.issuer)
    async with listening(market, market.shop.services, verifier) as url, connected(url) as client:
        for _ in range(50):
            await client.send({"type": "connection_init", "payload": {"Authorization": "Bearer forged"}})
        assert await client.closed() == (4401, "TOKEN_INVALID")
    assert verifier.asked == 1


async def leave(clients: list[SocketClient]) -> None:
    """They close, as the protocol has it."""
    for client in clients:
        await client.close()


async def break_off(clients: list[SocketClient]) -> None:
    """They are gone without a word."""
    for client in clients:
        client.break_off()


async def talk_nonsense(clients: list[SocketClient]) -> None:
    """They are closed by the server."""
    for client in clients:
        await client.send_text("nonsense")
        assert (await client.closed())[0] == 4400


ENDS: list[Callable[[list[SocketClient]], Coroutine[Any, Any, None]]] = [leave, break_off, talk_nonsense]


@pytest.mark.parametrize("end", ENDS, ids=[end.__name__ for end in ENDS])
async def test_an_address_behind_a_proxy_has_a_bounded_number_of_sockets(
    market: Market, end: Callable[[list[SocketClient]], Coroutine[Any, Any, None]]
) -> None:
    services = replace(market.shop.services, limits=Limits(trusted_proxies=1, connections_per_address=MOST))
    async with listening(market, services) as url:

        async def all_are_taken() -> list[SocketClient]:
            """As many sockets as there may be, of which the first says nothing; empty where there is no room yet."""
            clients = [await stack.enter_async_context(coming_from(HOME, url)) for _ in range(MOST)]
            try:
                for client in clients[1:]:
                    await client.initialise(market.shop.issuer.issue("alice"))
                    await client.subscribe(MESSAGES)
                    await client.receive()
                await clients[0].send({"type": "ping"})
                assert (await clients[0].receive())["type"] == "pong"
            except ConnectionClosed:
                await leave(clients)
                return []
            return clients

        for _ in range(3):
            async with AsyncExitStack() as stack:
                clients = await wait_until(all_are_taken)
                for _ in range(2):
                    async with coming_from(HOME, url) as one_more:
                        assert await one_more.closed() == (4403, "TOO_MANY_SOCKETS")
                async with coming_from(OFFICE, url) as other:
                    assert (await other.initialise())["type"] == "connection_ack"
                await end(clients)


async def test_an_address_runs_a_bounded_number_of_operations(market: Market) -> None:
    services = replace(market.shop.services, limits=Limits(trusted_proxies=1, operations_per_address=MOST))
    async with (
        listening(market, services) as url,
        coming_from(HOME, url) as one,
        coming_from(HOME, url) as two,
        coming_from(OFFICE, url) as other,
    ):
        for client in (one, two, other):
            await client.initialise()
        assert await watch(one, 2) == ["next"] * 2
        assert await watch(two, 2) == ["next", "RATE_LIMITED"]
        assert await watch(other, MOST) == ["next"] * MOST
        await one.send({"id": "0", "type": "complete"})
        assert await watch(one, 2, first=2) == ["next", "RATE_LIMITED"]
        await two.subscribe(BOOKS, "query")
        assert said(await two.receive()) == "RATE_LIMITED"


async def test_strangers_of_an_address_and_viewers_watch_a_bounded_number_of_different_things(market: Market) -> None:
    services = replace(market.shop.services, limits=Limits(trusted_proxies=1, groups_per_asker=MOST))
    async with (
        listening(market, services) as url,
        coming_from(HOME, url) as one,
        coming_from(HOME, url) as two,
        coming_from(HOME, url) as known,
        coming_from(OFFICE, url) as other,
    ):
        shared, theirs = fresh_isbn(), fresh_isbn()
        for client in (one, two, other):
            await client.initialise()
        await known.initialise(market.buyer().token)

        async def begun(client: SocketClient, identifier: str, document: str = STOCK, **variables: object) -> str:
            await client.subscribe(document, identifier, **variables)
            return said(await client.receive())

        assert await begun(other, "theirs", isbns=[theirs]) == "next"
        assert await begun(one, "shared", isbns=[shared]) == "next"
        assert await watch(two, MOST) == ["next"] * (MOST - 1) + ["RATE_LIMITED"]
        for client in (one, two):
            assert await begun(client, "theirs", isbns=[theirs]) == "next"
        assert await begun(two, "shared", isbns=[shared]) == "next"
        # Whoever signed in is no stranger of the address.
        assert await watch(known, MOST + 1) == ["next"] * MOST + ["RATE_LIMITED"]
        assert await begun(known, "alone", MESSAGES) == "next"
        # What one began is counted for as long as anybody watches it.
        await one.send({"id": "shared", "type": "complete"})
        assert await watch(one, 1, first=10) == ["RATE_LIMITED"]
        await two.send({"id": "shared", "type": "complete"})
        assert await watch(two, 2, first=10) == ["next", "RATE_LIMITED"]


async def start_all(client: SocketClient, token: str, ended: str) -> None:
    """Starts an operation of each kind, and ends one of them."""
    await client.initialise(token)
    await client.subscribe(STOCK, "shared", isbns=[fresh_isbn()])
    await client.subscribe(MESSAGES, "alone")
    await client.subscribe(BOOKS, "too slow")
    await client.subscribe("{ nothing }", "refused")
    await client.subscribe(STOCK, "refused later", isbns=[])
    await client.send({"id": ended, "type": "complete"})


async def test_what_ran_is_counted_no_more_however_it_ended(market: Market) -> None:
    slow: Any = Slow()
    limits = Limits(trusted_proxies=1, operations_per_address=12, query_seconds=0.2, query_cost=100)
    async with listening(market, replace(market.shop.services, limits=limits, catalog=slow)) as url:
        for number in range(20):
            async with AsyncExitStack() as stack:
                clients = [await stack.enter_async_context(coming_from(HOME, url)) for _ in range(3)]
                ended = ["shared", "alone", "too slow"][number % 3]
                for client in clients[:2]:
                    await start_all(client, issued(market, 0), ended)
                # Of the last the hour is over within a second, which may be before it has said all.
                with suppress(ConnectionClosed):
                    await start_all(clients[2], issued(market, LIFE_LIMIT_SECONDS + 4), ended)
                if number % 5 == 0:
                    assert await clients[2].closed() == (4403, "TOKEN_EXPIRED")
                await ENDS[number % 3](clients[:2])

        async def all_have_room() -> bool:
            async with coming_from(HOME, url) as client:
                await client.initialise()
                answers = await watch(client, 13)
            return answers == ["next"] * 12 + ["RATE_LIMITED"]

        await wait_until(all_have_room)
