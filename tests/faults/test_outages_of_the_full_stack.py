"""RabbitMQ, PostgreSQL and Redis die while people buy: nothing is lost, and everything is finished afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from domains.catalog import repository
from domains.catalog.copies import Copies
from kernel.redis_cache import RedisCache
from tests.builders import Shop
from tests.faults.full_stack import Marketplace
from tests.faults.shoppers import every_acknowledged_order_is_there, everybody_buys, more_is_bought, shoppers
from tests.outages import off_the_loop, queues_are_on_disk

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]

SHOPPERS = 6
RECOVERY_SECONDS = 10
OUTAGE_SECONDS = 20
LEAKS = ("SELECT", "INSERT", "UPDATE", "asyncpg", "postgres", "Connection", "Traceback")
"""What an answer would have in it that told too much."""


async def redis_has_what_the_database_has(marketplace: Marketplace) -> bool:
    """Whether what is offered of every book is copied, and right."""
    stored = await repository.offers_after(marketplace.database("catalog").read(), "", 1000)
    cache = RedisCache(marketplace.servers.cache_url, call_seconds=10)
    copies = await Copies(cache).offers([stock.isbn for stock in stored])
    await cache.close()
    return copies == {stock.isbn: stock for stock in stored}


async def test_checkouts_go_on_while_rabbitmq_is_dead_and_every_order_settles_afterwards(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    broker, loop = marketplace.servers.rabbitmq, asyncio.get_running_loop()
    people = await shoppers(stalls, SHOPPERS)
    await queues_are_on_disk(broker)
    async with everybody_buys(people, times=2):
        await eventually(more_is_bought(people))
        await off_the_loop(broker.kill)
    until = loop.time() + OUTAGE_SECONDS

    async def time_is_up() -> bool:
        async with everybody_buys(people):
            return loop.time() > until

    await eventually(time_is_up, seconds=60)
    assert await marketplace.count("orders", "outbox WHERE sent_at IS NULL") >= SHOPPERS
    assert await marketplace.count("orders", "orders WHERE status = 'PAID' AND NOT settled") >= SHOPPERS
    async with everybody_buys(people):
        await off_the_loop(broker.start)
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)
    assert [shopper.buyer.put_off for shopper in people] == [[]] * SHOPPERS


async def test_postgresql_is_restarted_at_once_and_no_acknowledged_order_is_lost(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    database = marketplace.servers.postgresql
    people = await shoppers(stalls, SHOPPERS)
    async with everybody_buys(people, times=4):
        await eventually(more_is_bought(people))
        await off_the_loop(database.kill)

        async def all_are_put_off() -> bool:
            return all(shopper.buyer.put_off for shopper in people)

        await eventually(all_are_put_off)
        await off_the_loop(database.start)
        await eventually(more_is_bought(people), seconds=RECOVERY_SECONDS)
        await eventually(marketplace.misses_nothing, seconds=RECOVERY_SECONDS)
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)
    answers = [answer for shopper in people for answer in shopper.buyer.put_off]
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert [leak for leak in LEAKS for answer in answers if leak in answer.text] == []


async def test_checkouts_do_not_notice_that_redis_is_dead_and_what_it_shows_is_right_afterwards(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    redis = marketplace.servers.redis
    people = await shoppers(stalls, SHOPPERS)
    await stalls.offer(copies=7)  # which nobody buys: its copy comes back without an event
    async with everybody_buys(people, times=2):
        await eventually(more_is_bought(people))
        await off_the_loop(redis.kill)
    async with everybody_buys(people):
        pass
    async with everybody_buys(people):
        await off_the_loop(redis.start)
    await marketplace.comes_to_rest()
    await eventually(lambda: redis_has_what_the_database_has(marketplace), seconds=60)
    await every_acknowledged_order_is_there(marketplace, people)
    assert [shopper.buyer.put_off for shopper in people] == [[]] * SHOPPERS
