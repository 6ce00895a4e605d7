"""Deliveries over RabbitMQ: acknowledged when they are safe, kept while they cannot be, and never dropped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from app.devstack import RabbitMQ
from kernel.database import Database, Unavailable
from kernel.ids import new_id
from messaging.deadletters import DeadLetters
from messaging.message import Message
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import DELIVERY_LIMIT, EXCHANGE, dead_queue_of, queue_of
from tests.messaging.conftest import ROUTES
from tests.messaging.recorder import Recorder, connected

pytestmark = pytest.mark.rabbitmq

QUEUE, DEAD_QUEUE = queue_of("receiver"), dead_queue_of("receiver")


def message(body: bytes = b"{}") -> Message:
    return Message(
        id=new_id(),
        name="StockReleased",
        body=body,
        owner="inventory",
        written_at=datetime.now(UTC),
        correlation_id="c",
    )


@pytest.fixture
async def connection(broker: RabbitMQ) -> AsyncIterator[AbstractConnection]:
    """A plain connection, to look at the queues with."""
    async with await aio_pika.connect(broker.url) as connection:
        yield connection


@pytest.fixture
async def channel(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    """A plain channel, to look at the queues with."""
    async with connection.channel() as channel:
        yield channel


async def waiting(channel: AbstractChannel, queue: str) -> int:
    """How many messages of a queue are not with a consumer."""
    return (await channel.get_queue(queue)).declaration_result.message_count or 0


async def are_waiting(channel: AbstractChannel, count: int, queue: str = QUEUE) -> bool:
    """Whether so many messages wait for a consumer: those of a connection that was closed return after a moment."""
    return await waiting(channel, queue) == count


async def dead_letter(channel: AbstractChannel, eventually: Callable) -> AbstractIncomingMessage:
    queue = await channel.get_queue(DEAD_QUEUE)
    found: AbstractIncomingMessage = await eventually(lambda: queue.get(fail=False))
    await found.ack()
    return found


class Gate:
    """Takes messages once it is open, and notes which it was asked to take."""

    def __init__(self) -> None:
        self.asked: list[Message] = []
        self.taken: list[Message] = []
        self.open = asyncio.Event()

    async def wait(self, message: Message) -> None:
        """Waits until it is open."""
        self.asked.append(message)
        await self.open.wait()
        self.taken.append(message)

    async def refuse(self, message: Message) -> None:
        """Has no database until it is open."""
        self.asked.append(message)
        if not self.open.is_set():
            raise Unavailable("the database is away")
        self.taken.append(message)


async def test_while_the_database_is_away_deliveries_wait_unacknowledged_and_then_all_are_taken(
    broker: RabbitMQ, channel: AbstractChannel, eventually: Callable
) -> None:
    transport, gate = RabbitTransport(broker.url, routes=ROUTES, prefetch=10), Gate()
    transport.consume("receiver", ROUTES["receiver"], gate.refuse)
    await transport.start()
    sent = [message() for _ in range(40)]
    await asyncio.gather(*map(transport.publish, sent))

    async def every_one_was_refused_twice() -> bool:
        return len(gate.asked) >= 20 and await waiting(channel, QUEUE) == 30

    await eventually(every_one_was_refused_twice)
    assert len({one.id for one in gate.asked}) == 10
    gate.open.set()

    async def all_taken() -> bool:
        return len(gate.taken) == 40

    await eventually(all_taken)
    assert {one.id for one in gate.taken} == {one.id for one in sent}
    await transport.stop()
    assert (await waiting(channel, QUEUE), await waiting(channel, DEAD_QUEUE)) == (0, 0)


async def test_what_waits_for_the_database_when_the_process_stops_goes_back_to_the_queue(
    rabbit: RabbitTransport, channel: AbstractChannel, eventually: Callable
) -> None:
    gate = Gate()
    rabbit.consume("receiver", ROUTES["receiver"], gate.refuse)
    await rabbit.start()
    await rabbit.publish(message())

    async def was_refused() -> bool:
        return bool(gate.asked)

    await eventually(was_refused)
    await rabbit.stop()
    await eventually(lambda: are_waiting(channel, 1))


async def test_stopping_finishes_what_runs_and_leaves_the_rest(
    broker: RabbitMQ, channel: AbstractChannel, eventually: Callable
) -> None:
    transport, gate = RabbitTransport(broker.url, routes=ROUTES, prefetch=10), Gate()
    transport.consume("receiver", ROUTES["receiver"], gate.wait)
    await transport.start()
    await asyncio.gather(*(transport.publish(message()) for _ in range(25)))

    async def ten_run() -> bool:
        return len(gate.asked) == 10

    await eventually(ten_run)
    stopping = asyncio.create_task(transport.stop())
    await transport.publish(message())
    assert not stopping.done()
    gate.open.set()
    await stopping
    await eventually(lambda: are_waiting(channel, 16))
    assert len(gate.taken) == 10


async def test_a_message_that_kills_its_consumers_ends_as_a_dead_letter_and_the_traffic_behind_it_flows(
    broker: RabbitMQ,
    rabbit: RabbitTransport,
    connection: AbstractConnection,
    channel: AbstractChannel,
    receiver: Database,
    eventually: Callable,
) -> None:
    await rabbit.start()
    poison, good = message(), message(b'{"OrderId":"0190a1b2-0000-7000-8000-000000000001","Reason":"TEST"}')
    await rabbit.publish(poison)
    for _ in range(DELIVERY_LIMIT + 1):
        async with connection.channel() as dying:
            queue = await dying.get_queue(QUEUE)
            taken = await eventually(lambda queue=queue: queue.get(fail=False))
            assert taken.message_id == str(poison.id)
    await rabbit.publish(good)
    found = await dead_letter(channel, eventually)
    assert (found.message_id, found.type) == (str(poison.id), "StockReleased")
    await rabbit.stop()
    taking, handler = RabbitTransport(broker.url, routes=ROUTES), Recorder()
    await connected(taking, receiver, handler)
    await eventually(lambda: handler.has(1))
    await taking.stop()


async def test_a_message_that_cannot_even_be_kept_is_a_dead_letter_of_the_broker(
    rabbit: RabbitTransport, channel: AbstractChannel, eventually: Callable
) -> None:
    async def fail(message: Message) -> None:
        raise RuntimeError("a bug")

    rabbit.consume("receiver", ROUTES["receiver"], fail)
    await rabbit.start()
    sent = message()
    await rabbit.publish(sent)
    found = await dead_letter(channel, eventually)
    assert (found.message_id, found.body) == (str(sent.id), sent.body)


async def test_what_the_broker_gave_up_becomes_a_dead_letter_like_any_other(
    broker: RabbitMQ, rabbit: RabbitTransport, channel: AbstractChannel, receiver: Database, eventually: Callable
) -> None:
    await rabbit.start()
    refused = message(b'{"OrderId":"0190a1b2-0000-7000-8000-000000000001","Reason":"TEST"}')
    await rabbit.publish(refused)
    queue, exchange = await channel.get_queue(QUEUE), await channel.get_exchange(EXCHANGE.name)
    await queue.bind(EXCHANGE.name, "SomethingElse" * 9)
    strange = aio_pika.Message(b"what is this", app_id="x" * 99, correlation_id="a\0b")
    await exchange.publish(strange, "SomethingElse" * 9)
    for _ in range(2):
        await (await eventually(lambda: queue.get(fail=False))).reject()
    handler, desk = Recorder(), DeadLetters({"receiver": receiver})
    taking = RabbitTransport(broker.url, routes=ROUTES)
    consumer = await connected(taking, receiver, handler)

    async def two_are_dead() -> bool:
        return len((await desk.list()).items) == 2

    await eventually(two_are_dead)
    letters = {letter.event: letter for letter in (await desk.list()).items}
    assert letters.keys() == {"StockReleased", ("SomethingElse" * 9)[:64]}
    assert letters["StockReleased"].id.event_id == refused.id
    assert {letter.error[:33] for letter in letters.values()} == {"GivenUp: its consumer refused it:"}
    await eventually(lambda: are_waiting(channel, 0, DEAD_QUEUE))
    await desk.replay([letter.id for letter in letters.values()])
    await consumer.retry_due()
    assert [event.aggregate_id for event in handler.handled] == ["0190a1b2-0000-7000-8000-000000000001"]
    (still_dead,) = (await desk.list()).items
    assert "does not consume SomethingElse" in still_dead.error
    await taking.stop()


async def test_an_event_that_the_domain_does_not_consume_is_a_dead_letter_of_the_broker(
    rabbit: RabbitTransport, channel: AbstractChannel, eventually: Callable
) -> None:
    gate = Gate()
    rabbit.consume("receiver", ROUTES["receiver"], gate.wait)
    await rabbit.start()
    queue = await channel.get_queue(QUEUE)
    await queue.bind(EXCHANGE.name, "SomethingElse")
    exchange = await channel.get_exchange(EXCHANGE.name)
    await exchange.publish(aio_pika.Message(b"what is this"), "SomethingElse")
    assert (await dead_letter(channel, eventually)).body == b"what is this"
    assert gate.asked == []


async def test_each_process_that_watches_gets_its_copy_and_one_of_two_consumers_the_message(
    broker: RabbitMQ, eventually: Callable
) -> None:
    processes = [RabbitTransport(broker.url, routes=ROUTES) for _ in range(2)]
    seen: list[list[Message]] = [[], []]
    gate, sent = Gate(), message()
    gate.open.set()
    for process, copies in zip(processes, seen, strict=True):
        process.watch(["StockReleased"], copies.append, lambda: None)
        process.consume("receiver", ROUTES["receiver"], gate.wait)
        await process.start()
    await processes[0].publish(sent)

    async def all_have_it() -> bool:
        return [len(copies) for copies in (*seen, gate.taken)] == [1, 1, 1]

    await eventually(all_have_it)
    assert [copies[0].id for copies in (*seen, gate.taken)] == [sent.id] * 3
    for process in processes:
        await process.stop()


def test_a_consumer_needs_a_route_and_a_domain_has_one_in_a_process(rabbit: RabbitTransport) -> None:
    with pytest.raises(ValueError, match="no route leads OrderPaid to receiver"):
        rabbit.consume("receiver", ["StockReleased", "OrderPaid"], Gate().wait)
    rabbit.consume("receiver", ["StockReleased"], Gate().wait)
    with pytest.raises(ValueError, match="already"):
        rabbit.consume("receiver", ["StockReleased"], Gate().wait)
