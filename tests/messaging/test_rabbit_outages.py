"""RabbitMQ dies, hangs, comes back and loses what was declared: nothing that was committed is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import aio_pika
import pytest

from app.devstack import RabbitMQ
from kernel.database import Database
from kernel.ids import new_id
from messaging import outbox
from messaging.consumer import Consumer
from messaging.events import StockReleased
from messaging.message import Message
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import EXCHANGE, queue_of
from messaging.relay import Relay
from messaging.transport import PublishFailed
from tests.databases import ON_POSTGRESQL
from tests.messaging.conftest import ROUTES
from tests.messaging.recorder import Recorder, connected, only_message, released, written
from tests.outages import off_the_loop, queues_are_on_disk

pytestmark = pytest.mark.rabbitmq

on_postgresql = pytest.mark.parametrize("databases", ON_POSTGRESQL, indirect=True)
"""Slow stories are told once, on what stands beside RabbitMQ."""


def message() -> Message:
    return Message(
        id=new_id(),
        name="StockReleased",
        body=b"{}",
        owner="inventory",
        written_at=datetime.now(UTC),
        correlation_id="c",
    )


def is_connected(transport: RabbitTransport) -> Callable:
    async def connected() -> bool:
        return transport.connected

    return connected


def is_published(transport: RabbitTransport) -> Callable:
    """Tries to publish a message, as a relay does: queues may need a moment after a start."""
    sent = message()

    async def published() -> bool:
        try:
            await transport.publish(sent)
        except PublishFailed:
            return False
        return True

    return published


def is_away(transport: RabbitTransport) -> Callable:
    async def away() -> bool:
        return not transport.connected

    return away


@on_postgresql
async def test_a_process_starts_while_the_broker_is_away_and_delivers_when_it_comes(
    broker: RabbitMQ, rabbit: RabbitTransport, sender: Database, receiver: Database, eventually: Callable
) -> None:
    handler, relay = Recorder(), Relay(sender, rabbit)
    await off_the_loop(broker.stop)
    before = datetime.now(UTC)
    await connected(rabbit, receiver, handler)
    assert rabbit.away_since is not None
    assert rabbit.away_since <= datetime.now(UTC)
    assert (rabbit.connected, (rabbit.away_since - before).total_seconds() < 60) == (False, True)
    await written(sender, released())
    assert await relay.send_due() == 0
    await off_the_loop(broker.start)
    await eventually(is_connected(rabbit), seconds=60)
    assert rabbit.away_since is None
    await eventually(relay.send_due)
    await eventually(lambda: handler.has(1))


@on_postgresql
async def test_a_broker_that_is_killed_while_events_are_sent_loses_none(
    broker: RabbitMQ, rabbit: RabbitTransport, sender: Database, receiver: Database, eventually: Callable
) -> None:
    handler = Recorder()
    await connected(rabbit, receiver, handler)
    await queues_are_on_disk(broker)
    events = [released() for _ in range(1500)]
    await written(sender, *events)
    relays = [Relay(sender, rabbit) for _ in range(2)]
    sending = [asyncio.create_task(relay.send_due()) for relay in relays]

    async def some_arrived() -> bool:
        return bool(handler.handled)

    await eventually(some_arrived)
    more = [asyncio.create_task(relay.send_due()) for relay in relays]
    await off_the_loop(broker.kill)
    sent = sum(await asyncio.gather(*sending, *more))
    assert (await outbox.lag(sender.read())).waiting == 1500 - sent
    await eventually(is_away(rabbit))
    with pytest.raises(PublishFailed, match="away"):
        await rabbit.publish(message())
    await off_the_loop(broker.start)

    async def drained() -> bool:
        for relay in relays:
            await relay.send_due()
        return (await outbox.lag(sender.read())).waiting == 0

    await eventually(drained, seconds=60)
    await eventually(lambda: handler.has(1500), seconds=60)
    assert Counter(e.aggregate_id for e in handler.handled) == Counter(e.aggregate_id for e in events)


@on_postgresql
async def test_what_a_handler_works_on_while_the_connection_is_lost_is_handled_once(
    broker: RabbitMQ, rabbit: RabbitTransport, sender: Database, receiver: Database, eventually: Callable
) -> None:
    handler, deliveries, go_on = Recorder(), [], asyncio.Event()
    consumer = Consumer(receiver, {StockReleased: handler})

    async def receive(message: Message) -> None:
        deliveries.append(message.id)
        await go_on.wait()
        await consumer.receive(message)

    async def was_delivered_twice() -> bool:
        return len(deliveries) == 2

    rabbit.consume("receiver", ROUTES["receiver"], receive)
    await rabbit.start()
    await queues_are_on_disk(broker)
    await written(sender, released())
    identifier = (await only_message(sender)).id
    await Relay(sender, rabbit).send_due()
    await off_the_loop(broker.kill)
    await off_the_loop(broker.start)
    await eventually(was_delivered_twice, seconds=60)
    assert deliveries == [identifier, identifier]
    go_on.set()
    await eventually(lambda: handler.has(1))
    await rabbit.stop()
    assert await handler.has(1)


async def test_a_deleted_binding_makes_sending_fail_loudly_and_the_rows_stay(
    broker: RabbitMQ, rabbit: RabbitTransport, sender: Database, receiver: Database, eventually: Callable
) -> None:
    handler, relay = Recorder(), Relay(sender, rabbit)
    await connected(rabbit, receiver, handler)
    await written(sender, released())
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        queue = await channel.get_queue(queue_of("receiver"))
        await queue.unbind(EXCHANGE.name, "StockReleased")
        with pytest.raises(PublishFailed, match="no queue takes StockReleased"):
            await rabbit.publish(await only_message(sender))
        assert await relay.send_due() == 0
        assert (await outbox.lag(sender.read())).waiting == 1
    restarted = RabbitTransport(broker.url, routes=ROUTES)
    await restarted.start()
    await eventually(relay.send_due)
    await eventually(lambda: handler.has(1))
    await restarted.stop()


async def test_a_deleted_queue_is_declared_and_consumed_again(
    broker: RabbitMQ, sender: Database, receiver: Database, eventually: Callable
) -> None:
    transport, handler = RabbitTransport(broker.url, routes=ROUTES, check_seconds=0.1), Recorder()
    relay = Relay(sender, transport)
    await connected(transport, receiver, handler)
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.queue_delete(queue_of("receiver"))
    await written(sender, released())
    await eventually(relay.send_due, seconds=30)
    await eventually(lambda: handler.has(1))
    await transport.stop()


async def test_a_broker_that_hangs_is_no_confirmation(broker: RabbitMQ, eventually: Callable) -> None:
    transport = RabbitTransport(broker.url, routes=ROUTES, confirm_seconds=0.5)
    await transport.start()
    broker.pause()
    with pytest.raises(PublishFailed, match="did not confirm"):
        await transport.publish(message())
    broker.resume()
    await eventually(is_published(transport))
    await transport.stop()


async def test_watchers_are_told_that_they_missed_something_when_the_broker_is_back(
    broker: RabbitMQ, rabbit: RabbitTransport, eventually: Callable
) -> None:
    seen: list[str] = []
    rabbit.watch(["StockReleased"], lambda message: seen.append(message.name), lambda: seen.append("missed"))
    await rabbit.start()
    await queues_are_on_disk(broker)
    seen.clear()
    await off_the_loop(broker.kill)
    await eventually(is_away(rabbit))
    await off_the_loop(broker.start)
    await eventually(is_connected(rabbit), seconds=60)
    await eventually(is_published(rabbit))

    async def two() -> bool:
        return len(seen) == 2

    await eventually(two)
    assert seen == ["missed", "StockReleased"]


async def test_each_connection_tells_since_when_it_is_away(
    broker: RabbitMQ, rabbit: RabbitTransport, receiver: Database, eventually: Callable
) -> None:
    await connected(rabbit, receiver, Recorder())
    assert rabbit.connections == {"sends": None, "takes": None}
    before = datetime.now(UTC)
    await off_the_loop(broker.stop)
    await eventually(is_away(rabbit))

    async def both_are_away() -> bool:
        return None not in rabbit.connections.values()

    await eventually(both_are_away)
    lost = dict(rabbit.connections)
    assert all(before <= since <= datetime.now(UTC) for since in lost.values() if since is not None)
    await off_the_loop(broker.start)
    assert rabbit.connections in (lost, {**lost, "sends": None}, {**lost, "takes": None}, dict.fromkeys(lost))
    await eventually(is_connected(rabbit), seconds=60)
    assert rabbit.connections == {"sends": None, "takes": None}


async def test_a_connection_on_which_nothing_can_be_declared_is_away_all_the_time(
    broker: RabbitMQ, rabbit: RabbitTransport
) -> None:
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.declare_queue(queue_of("receiver"), durable=True)  # which is another kind of queue
    since = dict(rabbit.connections)
    await rabbit.start()
    assert rabbit.connections == since


async def test_a_connection_that_closes_ends_questions_and_not_those_who_ask(
    broker: RabbitMQ, rabbit: RabbitTransport, eventually: Callable
) -> None:
    await rabbit.start()
    broker.pause()
    asking = [asyncio.create_task(rabbit.waiting("receiver")) for _ in range(3)]
    sending = asyncio.create_task(rabbit.publish(message()))
    await off_the_loop(broker.kill)
    assert await asyncio.gather(*asking) == [None] * 3
    with pytest.raises(PublishFailed):
        await sending
    await off_the_loop(broker.start)
    await eventually(is_connected(rabbit), seconds=60)


async def test_nobody_can_say_how_many_messages_wait_while_the_broker_or_the_queue_is_away(
    broker: RabbitMQ, rabbit: RabbitTransport
) -> None:
    assert await rabbit.waiting("receiver") is None
    await rabbit.start()
    await rabbit.publish(message())
    assert await rabbit.waiting("receiver") == 1
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        await channel.queue_delete(queue_of("receiver"))
    assert await rabbit.waiting("receiver") is None
    assert rabbit.connected
    await off_the_loop(broker.stop)
    assert await rabbit.waiting("receiver") is None
