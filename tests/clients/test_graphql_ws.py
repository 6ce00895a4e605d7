"""graphql-ws, the client that browsers use: it asks, changes and watches over one socket, and comes back by itself."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from graph.auth import LEEWAY_SECONDS, EmbeddedIssuer
from graph.limits import Limits
from kernel.clock import utc_now
from tests.builders import Answer, Buyer, Offer, Shop
from tests.clients.line import line_to
from tests.clients.node import Page, page, run_node
from tests.conftest import wait_until
from tests.graph.socket_client import connected
from tests.server import Server, running

pytestmark = pytest.mark.npm

SECONDS_LEFT = 5


@pytest.fixture
async def mortal_shop(tmp_path: Path) -> AsyncIterator[Shop]:
    """A marketplace whose server a test may kill, and which soon gives up who does not answer."""
    async with (
        running(tmp_path / "data", "--no-samples", settings={"BOOKSTALL_SOCKET_PING_SECONDS": "0.5"}) as server,
        httpx.AsyncClient(base_url=server.url, timeout=30.0) as http,
    ):
        yield Shop(server, http, wait_until)


def socket_of(url: str) -> str:
    """Where the websocket is."""
    return f"ws{url.removeprefix('http')}/graphql"


async def test_a_socket_whose_token_expires_is_opened_again_with_another_and_goes_on(
    server: Server, shop: Shop
) -> None:
    offer, buyer = await shop.offer(copies=1), shop.buyer()
    issuer = EmbeddedIssuer(server.data, clock=lambda: utc_now() - timedelta(seconds=LEEWAY_SECONDS))
    tokens = (issuer.issue(buyer.name, seconds=SECONDS_LEFT), server.token(buyer.name))
    said = await run_node("expiring_token.mjs", socket_of(server.url), offer.id, *tokens)
    steps = [json.loads(line) for line in said.splitlines()]
    assert [step["step"] for step in steps] == [
        "connected", "watched", "closed", "connected", "watched again", "query", "mutation", "refused", "closed",
    ]  # fmt: skip
    seen = {step["step"]: step["seen"] for step in reversed(steps)}
    assert seen["query"] == {"me": await buyer.ask("{ me { id } }")}
    assert seen["mutation"]["addToCart"] == {"__typename": "Cart", "lines": [{"quantity": 1}]}
    assert [error["extensions"]["code"] for error in seen["refused"]] == ["GRAPHQL_VALIDATION_FAILED"]
    assert seen["closed"] == [4403, "TOKEN_EXPIRED"]
    assert seen["watched again"] == seen["watched"]


async def test_a_page_that_is_one_too_many_gives_up(server: Server) -> None:
    token = server.token("hoarder")
    async with AsyncExitStack() as stack:
        for _ in range(Limits().sockets_per_viewer):
            tab = await stack.enter_async_context(connected(socket_of(server.url)))
            assert (await tab.initialise(token))["type"] == "connection_ack"
        said = await run_node("crowded.mjs", socket_of(server.url), token)
    refused = [4403, "TOO_MANY_SOCKETS"]
    steps = [json.loads(line) for line in said.splitlines()]
    assert steps == [{"step": "closed", "seen": refused}, {"step": "gave up", "seen": refused}]


async def test_a_page_whose_connection_breaks_misses_nothing_and_is_told_nothing_twice(shop: Shop) -> None:
    offer, buyer = await shop.offer(copies=3), shop.buyer()
    async with (
        line_to(shop.server.url) as line,
        page("watching.mjs", socket_of(line.url), buyer.token or "") as open_page,
    ):
        orders = [await buys(buyer, offer, open_page, first=True)]
        line.cut()
        await open_page.says("closed")
        orders.append(await buyer.settled(await buyer.buys(offer)))
        line.leads_to(shop.server.url)
        await open_page.says("connected")
        orders.append(await buys(buyer, offer, open_page))
        tells_each_once(open_page, orders)


@pytest.mark.parametrize("end", ["kill", "stop"])
async def test_a_page_whose_server_ends_goes_on_with_the_next(mortal_shop: Shop, end: str) -> None:
    server, offer, buyer = mortal_shop.server, await mortal_shop.offer(copies=3), mortal_shop.buyer()
    async with line_to(server.url) as line, page("watching.mjs", socket_of(line.url), buyer.token or "") as open_page:
        orders = [await buys(buyer, offer, open_page, first=True)]
        await getattr(server, end)()
        await open_page.says("closed")
        line.cut()
        await server.start()
        async with httpx.AsyncClient(base_url=server.url, timeout=30.0) as http:
            mortal_shop.http = http
            orders.append(await buyer.settled(await buyer.buys(offer)))
            line.leads_to(server.url)
            await open_page.says("connected")
            orders.append(await buys(buyer, offer, open_page))
        tells_each_once(open_page, orders)


async def test_a_page_on_a_machine_that_slept_comes_back(mortal_shop: Shop) -> None:
    server, offer, buyer = mortal_shop.server, await mortal_shop.offer(copies=3), mortal_shop.buyer()
    async with page("watching.mjs", socket_of(server.url), buyer.token or "") as open_page:
        orders = [await buys(buyer, offer, open_page, first=True)]
        open_page.signal(signal.SIGSTOP)

        async def given_up() -> bool:
            return "cancelled" in server.log()

        await mortal_shop.eventually(given_up)
        orders.append(await buyer.settled(await buyer.buys(offer)))
        open_page.signal(signal.SIGCONT)
        await open_page.says("connected")
        orders.append(await buys(buyer, offer, open_page))
        tells_each_once(open_page, orders)


async def buys(buyer: Buyer, offer: Offer, open_page: Page, *, first: bool = False) -> Answer:
    """An order of the buyer, once the page has said that it is settled and its message has come."""
    if first:
        await open_page.says("message", lambda seen: seen["notification"] is None)
    order = await buyer.settled(await buyer.buys(offer))
    subject = f"Your order {order['number']} is paid"
    await open_page.says("order", lambda seen: seen["id"] == order["id"] and seen["settled"])
    if subject not in subjects(open_page):
        await open_page.says("message", lambda seen: seen["notification"]["subject"] == subject)
    return order


def subjects(open_page: Page) -> list[str]:
    """The messages that the page has shown."""
    return [seen["notification"]["subject"] for seen in open_page.heard("message") if seen["notification"]]


def tells_each_once(open_page: Page, orders: list[Answer]) -> None:
    """Every message came once and in order, and every order came to its end."""
    assert subjects(open_page) == [f"Your order {order['number']} is paid" for order in orders]
    settled = {seen["id"] for seen in open_page.heard("order") if seen["settled"]}
    assert settled == {order["id"] for order in orders}
