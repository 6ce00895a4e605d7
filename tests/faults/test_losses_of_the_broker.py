"""RabbitMQ loses bindings, messages, queues and its disk while people buy: what never came is sent again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import ChannelNotFoundEntity

from messaging.rabbit_topology import EXCHANGE, queue_of
from tests.builders import Shop
from tests.faults.conftest import SETTINGS
from tests.faults.full_stack import FullStack, Marketplace
from tests.faults.shoppers import Shopper, every_acknowledged_order_is_there, everybody_buys, shoppers
from tests.outages import off_the_loop

pytestmark = [pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis]

Wait = Callable[..., Awaitable[Any]]
Harm = Callable[[AbstractChannel], Awaitable[None]]

SHOPPERS = 6
HARM_EVERY_SECONDS = 0.05
IMPATIENCE = {"BOOKSTALL_LOOK_SECONDS": "2", "BOOKSTALL_MISSED_SECONDS": "3"}
"""What is lost is noticed within seconds."""
CONSUMERS_OF_ORDER_PAID = ("inventory", "sellers", "notifications")


@pytest.fixture
async def marketplace(full_stack: FullStack, tmp_path: Path) -> AsyncIterator[Marketplace]:
    """A gateway and two workers who soon notice what is lost."""
    opened = await full_stack.marketplace(tmp_path / "data", SETTINGS | IMPATIENCE)
    await opened.open()
    yield opened
    await opened.close()


@asynccontextmanager
async def harmed(marketplace: Marketplace, harm: Harm) -> AsyncIterator[None]:
    """For the time of the block the broker is harmed again and again, as workers repair it."""
    enough = asyncio.Event()

    async def goes_on() -> bool:
        try:
            await asyncio.wait_for(enough.wait(), HARM_EVERY_SECONDS)
        except TimeoutError:
            return True
        return False

    async def harms() -> None:
        async with await aio_pika.connect(marketplace.servers.transport_url) as connection:
            while await goes_on():
                async with connection.channel() as channel:
                    await harm(channel)

    async with asyncio.TaskGroup() as group:
        group.create_task(harms())
        try:
            yield
        finally:
            enough.set()


def unbinding(*domains: str) -> Harm:
    """Takes the binding of OrderPaid from these domains' queues."""

    async def unbind(channel: AbstractChannel) -> None:
        for domain in domains:
            queue = await channel.get_queue(queue_of(domain), ensure=False)
            await queue.unbind(EXCHANGE.name, "OrderPaid")

    return unbind


async def is_consumed(channel: AbstractChannel, queue: str) -> bool:
    """Whether a queue is there and a worker takes from it."""
    try:
        return bool((await channel.get_queue(queue)).declaration_result.consumer_count)
    except ChannelNotFoundEntity:
        return False


async def sent_again(marketplace: Marketplace, *owners: str) -> int:
    """How many events of these domains never came somewhere and were sent again."""
    return sum([await marketplace.count(owner, "outbox WHERE resent > 0") for owner in owners])


@asynccontextmanager
async def bought_while_workers_are_away(marketplace: Marketplace, people: Sequence[Shopper]) -> AsyncIterator[None]:
    """Everybody has bought when the block begins; when it has ended the workers come back, and nothing is missed."""
    await marketplace.comes_to_rest()
    await asyncio.gather(*(worker.stop() for worker in marketplace.workers))
    async with everybody_buys(people):
        pass
    yield
    await asyncio.gather(*(worker.start() for worker in marketplace.workers))
    await marketplace.comes_to_rest()
    assert await sent_again(marketplace, "orders") >= SHOPPERS
    await every_acknowledged_order_is_there(marketplace, people)


async def test_one_of_several_domains_loses_its_binding_while_people_buy_and_every_order_settles(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)
    async with harmed(marketplace, unbinding("sellers")), everybody_buys(people, times=3):
        pass
    await eventually(lambda: sent_again(marketplace, "orders"), seconds=60)
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)


async def test_one_of_several_domains_loses_its_queue_while_people_buy_and_every_order_settles(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people, queue = await shoppers(stalls, SHOPPERS), queue_of("sellers")
    async with await aio_pika.connect(marketplace.servers.transport_url) as connection:

        async def is_there() -> bool:
            async with connection.channel() as channel:  # which a failure closes
                return await is_consumed(channel, queue)

        for _ in range(3):
            await eventually(is_there)
            async with connection.channel() as channel, everybody_buys(people, times=2):
                await channel.queue_delete(queue)
    await eventually(lambda: sent_again(marketplace, "orders", "inventory"), seconds=60)
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)


async def test_an_event_that_no_queue_takes_any_more_is_refused_loudly_and_sent_when_one_does(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)

    async def is_said() -> bool:
        return any("no queue takes OrderPaid" in process.log() for process in marketplace.processes)

    async with harmed(marketplace, unbinding(*CONSUMERS_OF_ORDER_PAID)):
        async with everybody_buys(people):
            pass
        await eventually(is_said)
        assert await marketplace.count("orders", "outbox WHERE name = 'OrderPaid'") == SHOPPERS
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)


async def test_an_event_that_only_a_watcher_takes_any_more_comes_to_every_domain_in_the_end(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people = await shoppers(stalls, SHOPPERS)
    async with await aio_pika.connect(marketplace.servers.transport_url) as connection:
        channel = await connection.channel()
        watcher = await channel.declare_queue(exclusive=True)
        await watcher.bind(EXCHANGE.name, "OrderPaid")
        async with harmed(marketplace, unbinding(*CONSUMERS_OF_ORDER_PAID)), everybody_buys(people, times=2):
            pass
        await eventually(lambda: sent_again(marketplace, "orders"), seconds=60)
    await marketplace.comes_to_rest()
    await every_acknowledged_order_is_there(marketplace, people)


async def test_a_queue_is_purged_and_a_worker_that_comes_back_misses_nothing(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    queue, url = queue_of("inventory"), marketplace.servers.transport_url

    async def all_wait() -> bool:
        return await marketplace.waiting(queue) >= SHOPPERS

    async with bought_while_workers_are_away(marketplace, await shoppers(stalls, SHOPPERS)):
        await eventually(all_wait)
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            await (await channel.get_queue(queue)).purge()


async def test_the_broker_loses_its_disk_with_everything_that_waited(
    marketplace: Marketplace, stalls: Shop, eventually: Wait
) -> None:
    people, broker = await shoppers(stalls, SHOPPERS), marketplace.servers.rabbitmq

    async def all_are_sent() -> bool:
        return not await marketplace.count("orders", "outbox WHERE sent_at IS NULL")

    async with bought_while_workers_are_away(marketplace, people):
        await eventually(all_are_sent)
        await off_the_loop(broker.kill)
        await off_the_loop(lambda: shutil.rmtree(broker.folder / "mnesia"))
        async with everybody_buys(people):
            await off_the_loop(broker.start)
