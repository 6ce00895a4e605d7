"""A server that is told to stop does so: what runs is brought to its end, and the next start finds nothing amiss."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.complaint import Complaint
from app.demo.documents import FOLLOW_ORDER, NOTIFICATIONS
from app.live_client import LiveClient
from app.samples import sample_listings
from domains.catalog import read_sample_books
from tests.builders import Shop
from tests.faults.ledger import count
from tests.server import Server

LOADING = re.compile(r"Loading the sample shop")
STOPPING = re.compile(r"Stopping \.\.\.")
BOOKS = 60

Wait = Callable[..., Awaitable[Any]]
Stop = Callable[[Server], Awaitable[int]]

stopped_by = pytest.mark.parametrize("stop", [Server.stop, Server.interrupt], ids=["SIGTERM", "SIGINT"])


@stopped_by
async def test_a_server_stops_while_clients_watch_and_buy(tmp_path: Path, eventually: Wait, stop: Stop) -> None:
    server = Server(tmp_path / "data", "--no-samples")
    await server.start()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        shop = Shop(server, http, eventually)
        offer = await shop.offer(copies=20)
        buyers = [shop.buyer() for _ in range(10)]
        first = await buyers[0].settled(await buyers[0].buys(offer))
        for buyer in buyers[1:]:
            await buyer.adds(offer)
        async with LiveClient.connected(server.url, buyers[0].token or "") as client:
            watched = [client.follow(NOTIFICATIONS), client.follow(FOLLOW_ORDER, {"id": first["id"]})]
            for updates in watched:
                await anext(updates)
            checkouts = [asyncio.create_task(buyer.checks_out()) for buyer in buyers[1:]]
            await asyncio.wait(checkouts, return_when=asyncio.FIRST_COMPLETED)
            code = await stop(server)
            for updates in watched:
                with pytest.raises(Complaint, match="closed the connection"):
                    await drained(updates)
        answers = await asyncio.gather(*checkouts, return_exceptions=True)
    assert code == 0
    told = [answer for answer in answers if isinstance(answer, dict)]
    assert told
    assert {answer["__typename"] for answer in told} == {"CheckoutCompleted"}
    assert all(isinstance(answer, dict | httpx.HTTPError) for answer in answers), answers
    assert count(server.data, "orders", "orders WHERE status = 'PENDING'") == 0
    assert count(server.data, "orders", "orders WHERE status = 'PAID'") >= 1 + len(told)
    await server.start()
    await eventually(lambda: nothing_unsettled(server.data))
    assert await stop(server) == 0


async def drained(updates: Any) -> None:
    async for _ in updates:
        pass


async def nothing_unsettled(data: Path) -> bool:
    return count(data, "orders", "orders WHERE NOT settled") == 0


async def unfinished_request(server: Server) -> asyncio.StreamWriter:
    """A request whose body never comes."""
    parts = urlsplit(server.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    return writer


async def test_a_server_waits_no_longer_than_its_limit_for_a_request_that_never_ends(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--no-samples", settings={"BOOKSTALL_STOP_SECONDS": "1"})
    await server.start()
    request = await unfinished_request(server)
    async with asyncio.timeout(20):
        assert await server.stop() == 0
    request.close()


async def test_a_second_signal_ends_a_server_that_waits(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", "--no-samples", settings={"BOOKSTALL_STOP_SECONDS": "300"})
    await server.start()
    request = await unfinished_request(server)
    server.signal(SIGINT)
    await server.says(STOPPING)
    async with asyncio.timeout(20):
        assert await server.stop() < 0
    request.close()


@pytest.mark.parametrize(
    ("end", "code"),
    [(Server.interrupt, 0), (Server.stop, 0), (Server.kill, -SIGKILL)],
    ids=["SIGINT", "SIGTERM", "SIGKILL"],
)
async def test_a_first_start_that_is_cut_short_is_finished_by_the_next_one(
    tmp_path: Path, eventually: Wait, end: Stop, code: int
) -> None:
    server = Server(tmp_path / "data", settings={"BOOKSTALL_SAMPLE_BOOKS": str(BOOKS)})
    await server.start(until=LOADING)

    async def some_listings() -> bool:
        return count(server.data, "sellers", "listings") > 0

    await eventually(some_listings)
    assert await end(server) == code
    assert not (server.data / "samples-loaded").exists()

    await server.start()
    expected = list(sample_listings(read_sample_books(BOOKS), "EUR"))
    assert count(server.data, "catalog", "books") == BOOKS
    assert count(server.data, "sellers", "listings") == len(expected)
    assert count(server.data, "inventory", "stock_items") == len(expected)
    assert count(server.data, "orders", "cart_lines") == 2
    with closing(sqlite3.connect(server.data / "inventory.db")) as database:
        [(copies,)] = database.execute("SELECT SUM(on_hand) FROM stock_items").fetchall()
    assert copies == sum(listing.quantity for listing in expected)
    assert await server.stop() == 0
    assert "Traceback" not in server.log()
