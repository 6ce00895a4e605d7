"""`bookstall audit` beside running servers of both forms: clean while people buy, and not once something is wrong."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import asyncpg
import httpx
import pytest

from app.audit import RULES
from graph.nodes import decode_id
from tests.builders import Buyer, Offer, Shop
from tests.conftest import wait_until
from tests.faults.full_stack import Marketplace
from tests.outages import off_the_loop
from tests.server import Server, bookstall

BUYERS = 4
GRACE = "20"
"""Ample: a machine may have other things to do than to settle an order at once."""
SPOILT = "UPDATE sellers SET revenue = revenue + 1 WHERE owner_id = '{owner}'"


@pytest.fixture
async def stall(doomed: Server) -> AsyncIterator[Shop]:
    """A marketplace of the embedded form, which no other test uses."""
    await doomed.start()
    async with httpx.AsyncClient(base_url=doomed.url, timeout=30) as http:
        yield Shop(doomed, http, wait_until)
    await doomed.stop()


@asynccontextmanager
async def everybody_buys(*offers: Offer) -> AsyncIterator[None]:
    """Buyers buy for the time of the block, each the next order when the one before is settled."""
    over = asyncio.Event()

    async def buys(buyer: Buyer) -> None:
        while not over.is_set():
            await buyer.settled(await buyer.buys(*offers))

    async with asyncio.TaskGroup() as shopping:
        for _ in range(BUYERS):
            shopping.create_task(buys(offers[0].seller.shop.buyer()))
        try:
            yield
        finally:
            over.set()


async def stays_clean_until_it_is_not(shop: Shop, settings: dict[str, str], spoil: Any) -> None:
    """The audit finds nothing while people buy, and then the one thing that somebody changed."""
    seller = await shop.seller()
    offers = [await shop.offer(copies=9999, seller=seller) for _ in range(2)]
    async with everybody_buys(*offers):
        said = await bookstall("audit", "--data", shop.server.data, "--grace", GRACE, settings=settings)
        assert (said.code, said.err) == (0, ""), said
        assert said.out.startswith(f"All is well: {len(RULES)} rules hold for "), said
        await spoil(SPOILT.format(owner=seller.name))
        said = await bookstall("audit", "--data", shop.server.data, "--grace", "1", "--json", settings=settings)
    assert (said.code, said.err) == (1, ""), said
    faults = {fault["rule"]: fault["rows"] for fault in json.loads(said.out)["faults"]}
    assert f"Stall of {seller.name}" in [row["seller"] for row in faults["sellers.statistics"]], said


async def test_the_audit_of_an_embedded_server_is_clean_under_load_until_something_is_wrong(
    stall: Shop,
) -> None:
    async def spoil(statement: str) -> None:
        def run() -> None:
            with closing(sqlite3.connect(stall.server.data / "sellers.db", timeout=20)) as database, database:
                database.execute(statement)

        await off_the_loop(run)

    await stays_clean_until_it_is_not(stall, {}, spoil)


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_the_audit_of_the_full_stack_is_clean_under_load_until_something_is_wrong(
    marketplace: Marketplace, stalls: Shop
) -> None:
    async def spoil(statement: str) -> None:
        connection = await asyncpg.connect(marketplace.settings.database_of("sellers"))
        await connection.execute(statement)
        await connection.close()

    await stays_clean_until_it_is_not(stalls, marketplace.environment, spoil)


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_what_the_cache_has_wrong_is_found_and_mended_by_filling_it_again(
    marketplace: Marketplace, stalls: Shop
) -> None:
    from redis.asyncio import Redis

    offer = await stalls.offer(copies=7)
    await marketplace.comes_to_rest()
    key = f"bookstall:book:{offer.isbn}"
    async with Redis.from_url(marketplace.servers.redis.url) as redis:
        stored: Any = await redis.get(key)
        wrong = stored.replace(b'"total":7', b'"total":8')
        assert wrong != stored
        await redis.set(key, wrong)
        options = ("audit", "--data", marketplace.data, "--grace", "1")
        said = await bookstall(*options, settings=marketplace.environment)
        assert said.code == 1, said
        assert f"book {offer.isbn}" in said.out
        assert "`bookstall catalog rebuild`" in said.out
        await redis.delete(key)
    rebuilt = await bookstall("catalog", "rebuild", "--data", marketplace.data, settings=marketplace.environment)
    assert rebuilt.code == 0, rebuilt
    assert (await bookstall(*options, settings=marketplace.environment)).code == 0


@pytest.mark.postgresql
@pytest.mark.rabbitmq
@pytest.mark.redis
async def test_an_order_is_told_by_its_number_and_a_server_that_is_away_in_one_line(
    marketplace: Marketplace, stalls: Shop
) -> None:
    offer, buyer = await stalls.offer(copies=3), stalls.buyer()
    order = await buyer.settled(await buyer.buys(offer))
    connection = await asyncpg.connect(marketplace.settings.database_of("inventory"))
    await connection.execute(
        "UPDATE stock_orders SET state = 'RELEASED' WHERE order_id = $1", decode_id(order["id"], "Order")
    )
    await connection.close()
    options = ("audit", "--data", marketplace.data, "--grace", "1")
    said = await bookstall(*options, settings=marketplace.environment)
    assert said.code == 1, said
    assert f"  order {order['number']}, status PAID, copies RELEASED\n" in said.out
    await off_the_loop(marketplace.servers.postgresql.kill)
    away = await bookstall(*options, settings=marketplace.environment)
    assert "does not answer" in away.complaint
