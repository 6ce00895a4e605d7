"""What a plain AMQP program sees and may send: properties and headers around the payload."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import UUID

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from app.devstack import RabbitMQ
from messaging.message import Message
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import EXCHANGE
from messaging.rabbit_wire import from_amqp
from tests.messaging.conftest import ROUTES

pytestmark = pytest.mark.rabbitmq

MESSAGE = Message(
    id=UUID("0190a1b2-c3d4-7e5f-8a6b-112233445566"),
    name="StockReleased",
    body=b'{"OrderId":"0190a1b2-0000-7000-8000-000000000001","Amount":21.50,"Text":"\xc3\xa9"}',
    owner="inventory",
    written_at=datetime(2026, 11, 22, 12, 30, 15, tzinfo=UTC),
    correlation_id="request-7",
    aggregate_id="0190a1b2-0000-7000-8000-000000000001",
    aggregate_version=12,
    schema_version=2,
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)


@pytest.fixture
async def channel(broker: RabbitMQ) -> AsyncIterator[AbstractChannel]:
    """A channel of a program that knows nothing of this one."""
    async with await aio_pika.connect(broker.url) as connection, connection.channel() as channel:
        yield channel


def delivered(body: bytes, properties: Basic.Properties) -> aio_pika.IncomingMessage:
    return aio_pika.IncomingMessage(
        DeliveredMessage(
            delivery=Basic.Deliver(consumer_tag="c", delivery_tag=1, routing_key="StockReleased"),
            header=ContentHeader(properties=properties, body_size=len(body)),
            body=body,
            channel=None,  # pyright: ignore[reportArgumentType] - nothing is acknowledged
        )
    )


async def test_a_plain_consumer_reads_payload_properties_and_headers(
    rabbit: RabbitTransport, channel: AbstractChannel
) -> None:
    await rabbit.start()
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind(EXCHANGE.name, "#")
    await rabbit.publish(MESSAGE)
    seen = await queue.get(timeout=10)
    assert (seen.exchange, seen.routing_key) == ("book_events", "StockReleased")
    assert seen.body == MESSAGE.body
    assert seen.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert (seen.content_type, seen.content_encoding) == ("application/json", None)
    assert (seen.message_id, seen.type) == ("0190a1b2-c3d4-7e5f-8a6b-112233445566", "StockReleased")
    assert (seen.app_id, seen.correlation_id) == ("inventory", "request-7")
    assert seen.timestamp == MESSAGE.written_at
    assert seen.headers == {
        "schema-version": 2,
        "aggregate-id": "0190a1b2-0000-7000-8000-000000000001",
        "aggregate-version": 12,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


async def test_a_message_arrives_as_it_was_sent(rabbit: RabbitTransport) -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    rabbit.consume("receiver", ROUTES["receiver"], arrived.put)
    await rabbit.start()
    await rabbit.publish(MESSAGE)
    async with asyncio.timeout(10):
        assert await arrived.get() == MESSAGE


@pytest.mark.parametrize(
    ("sent", "identifier"),
    [
        ("0190a1b2-c3d4-7e5f-8a6b-112233445566", UUID("0190a1b2-c3d4-7e5f-8a6b-112233445566")),
        ("0190A1B2C3D47E5F8A6B112233445566", UUID("0190a1b2-c3d4-7e5f-8a6b-112233445566")),
        ("order-17/paid", UUID("07ebf95c-e28a-55f8-825d-5c3defc38b78")),
    ],
)
async def test_an_event_of_another_program_is_taken_with_whatever_it_says_of_itself(
    rabbit: RabbitTransport, channel: AbstractChannel, eventually: Callable, sent: str, identifier: UUID
) -> None:
    arrived: asyncio.Queue[Message] = asyncio.Queue()
    rabbit.consume("receiver", ROUTES["receiver"], arrived.put)
    await rabbit.start()
    exchange = await channel.get_exchange(EXCHANGE.name)
    headers: dict = {"aggregate-version": "many", "schema-version": None, "traceparent": "somewhere"}
    unusual = aio_pika.Message(b"{}", message_id=sent, app_id="x" * 200, headers=headers)
    await exchange.publish(unusual, "StockReleased")
    async with asyncio.timeout(10):
        message = await arrived.get()
    assert (message.id, message.name, message.body) == (identifier, "StockReleased", b"{}")
    assert (message.aggregate_version, message.schema_version, message.traceparent) == (0, 1, None)
    assert message.owner == "x" * 32
    assert message.correlation_id == str(identifier)


def test_a_message_without_an_id_has_the_same_one_whenever_it_is_delivered() -> None:
    sent = Basic.Properties(timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    first, again = (from_amqp(delivered(b"{}", sent), "StockReleased") for _ in range(2))
    later = Basic.Properties(timestamp=datetime(2026, 1, 2, tzinfo=UTC))
    assert first.id == again.id
    assert first.id != from_amqp(delivered(b"{}", later), "StockReleased").id
    assert first.id != from_amqp(delivered(b"{ }", sent), "StockReleased").id
    assert first.id != from_amqp(delivered(b"{}", sent), "StockDeducted").id


def test_two_programs_that_number_their_messages_alike_lose_none() -> None:
    paid = from_amqp(delivered(b"{}", Basic.Properties(message_id="1", app_id="orders")), "OrderPaid")
    again = from_amqp(delivered(b"{}", Basic.Properties(message_id="1", app_id="orders")), "OrderPaid")
    created = from_amqp(delivered(b"{}", Basic.Properties(message_id="1", app_id="orders")), "OrderCreated")
    elsewhere = from_amqp(delivered(b"{}", Basic.Properties(message_id="1", app_id="tills")), "OrderPaid")
    assert paid.id == again.id
    assert len({paid.id, created.id, elsewhere.id}) == 3
