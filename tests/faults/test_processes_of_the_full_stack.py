"""Workers and relays die in the middle of what they do, and events come twice: everything happens exactly once."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import aio_pika
import asyncpg
import pytest
from aio_pika.abc import AbstractConnection
from sqlalchemy import select

from app.settings import DOMAINS
from messaging import outbox
from messaging.deadletters import DeadLetters
from messaging.message import Message
from messaging.rabbit_topology import DELIVERY_LIMIT, EXCHANGE, dead_queue_of, queue_of
from messaging.rabbit_wire import to_amqp
from messaging.tables import outbox as outbox_table
from tests.builders import Shop
from tests.faults.full_stack import Marketplace
from tests.faults.shoppers import Shopper, shoppers

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]

SHOPPERS = 6
BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@asynccontextmanager
async def plain_connection(marketplace: Marketplace) -> AsyncIterator[AbstractConnection]:
    """A connection to RabbitMQ that is not Bookstall's."""
    async with await aio_pika.connect(marketplace.servers.transport_url) as connection:
        yield connection


@asynccontextmanager
async def locked(marketplace: Marketplace, domain: str, table: str) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    """Nobody writes to a table for the time of the block; gives a count of those who wait for it."""
    connection = await asyncpg.connect(marketplace.settings.database_of(domain))
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield lambda: connection.fetchval(BLOCKED)
    finally:
        await connection.close()


async def everybody_buys(people: list[Shopper], times: int = 1) -> None:
    """Each buys so many times, all at the same time."""
    for _ in range(times):
        await asyncio.gather(*(shopper.buy() for shopper in people))


async def everything_was_bought_once(marketplace: Marketplace, people: list[Shopper], times: int) -> None:
    assert [len(shopper.bought) for shopper in people] == [times] * len(people)
    assert await marketplace.count("orders", "orders WHERE status = 'PAID'") == times * len(people)


async def events(marketplace: Marketplace) -> int:
    """How many events all domains have ever written."""
    return sum([await marketplace.count(domain, "outbox") for domain in DOMAINS])


async def send_copies_of_every_event(marketplace: Marketplace) -> None:
    """Every event that was ever written goes out again, in another order."""
    messages = []
    for domain in DOMAINS:
        columns = [outbox_table.c[name] for name in outbox.MessageRow._fields]
        rows = await marketplace.database(domain).read().dynamic(select(*columns), outbox.MessageRow)
        messages += [Message(**row._asdict()) for row in rows]
    random.shuffle(messages)
    async with plain_connection(marketplace) as connection, connection.channel() as channel:
        exchange = await channel.get_exchange(EXCHANGE.name)
        for message in messages:
            await exchange.publish(to_amqp(message), message.name)


async def nothing_waits(marketplace: Marketplace) -> bool:
    """Whether every queue is empty, but for what is with a consumer."""
    return not any([await marketplace.waiting(queue_of(domain)) for domain in DOMAINS])


async def test_a_worker_is_killed_in_the_middle_of_handling_and_another_one_finishes_it(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    doomed, successor = marketplace.workers
    people = await shoppers(stalls, SHOPPERS)
    await successor.stop()
    async with locked(marketplace, "sellers", "sales") as blocked:
        await everybody_buys(people)
        await eventually(blocked)
        await doomed.kill()
        await successor.start()
    await marketplace.comes_to_rest()
    await everything_was_bought_once(marketplace, people, 1)


async def test_one_of_several_relays_is_killed_in_the_middle_of_a_batch_and_the_others_send_it(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)
    await marketplace.comes_to_rest()

    async def a_batch_is_claimed() -> bool:
        return await marketplace.count("orders", "outbox WHERE sent_at IS NULL AND lease IS NOT NULL") >= SHOPPERS

    marketplace.servers.rabbitmq.pause()
    await everybody_buys(people)
    await eventually(a_batch_is_claimed)
    await marketplace.gateway.kill()
    marketplace.servers.rabbitmq.resume()
    for domain in DOMAINS:
        await marketplace.database(domain).write(outbox.RECLAIM)  # as when the leases of the dead have run out
    await marketplace.comes_to_rest()
    await everything_was_bought_once(marketplace, people, 1)


async def test_every_event_comes_twice_and_in_another_order_and_nothing_happens_twice(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)
    await marketplace.comes_to_rest()
    await asyncio.gather(*(worker.stop() for worker in marketplace.workers))
    await everybody_buys(people, times=2)
    await send_copies_of_every_event(marketplace)
    await asyncio.gather(*(worker.start() for worker in marketplace.workers))
    await marketplace.comes_to_rest()
    written = await events(marketplace)
    await send_copies_of_every_event(marketplace)
    await eventually(lambda: nothing_waits(marketplace))
    await asyncio.gather(*(worker.stop() for worker in marketplace.workers))
    assert await nothing_waits(marketplace)
    assert await events(marketplace) == written
    await marketplace.comes_to_rest()
    await everything_was_bought_once(marketplace, people, 2)


async def test_poison_ends_with_the_dead_and_the_traffic_behind_it_flows(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)
    await marketplace.comes_to_rest()
    await asyncio.gather(*(worker.stop() for worker in marketplace.workers))
    async with plain_connection(marketplace) as connection:
        async with connection.channel() as channel:
            exchange = await channel.get_exchange(EXCHANGE.name)
            await exchange.publish(aio_pika.Message(b"{}", message_id=str(uuid4())), "ListingWithdrawn")
        for _ in range(DELIVERY_LIMIT + 1):
            async with connection.channel() as dying:
                queue = await dying.get_queue(queue_of("inventory"))
                await eventually(lambda queue=queue: queue.get(fail=False))
        async with connection.channel() as channel:
            exchange = await channel.get_exchange(EXCHANGE.name)
            await exchange.publish(aio_pika.Message(b"\xff, no JSON", message_id=str(uuid4())), "OrderPaid")
    await everybody_buys(people)
    await asyncio.gather(*(worker.start() for worker in marketplace.workers))

    desk = DeadLetters({domain: marketplace.database(domain) for domain in DOMAINS})

    async def letters() -> list[Any]:
        return list((await desk.list()).items)

    async def four_are_dead() -> bool:
        return len(await letters()) == 4

    await eventually(four_are_dead)
    found = await letters()
    assert sorted((letter.id.domain, letter.event) for letter in found) == [
        ("inventory", "ListingWithdrawn"),
        *((domain, "OrderPaid") for domain in ("inventory", "notifications", "sellers")),
    ]
    assert {letter.error.partition(" before")[0] for letter in found if letter.event == "ListingWithdrawn"} == {
        "GivenUp: each of its consumers died"
    }
    assert {letter.attempts for letter in found} == {1}
    assert await marketplace.waiting(dead_queue_of("inventory")) == 0
    assert await desk.discard([letter.id for letter in found], "poison of a test") == 4
    await marketplace.comes_to_rest()
    await everything_was_bought_once(marketplace, people, 1)
