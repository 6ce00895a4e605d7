"""Two domains' databases, of which outbox and inbox are used alone, and what carries events between them."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import aio_pika
import pytest

from app.devstack import RabbitMQ
from kernel.database import Database
from messaging.inprocess import InProcessTransport
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import DEAD_EXCHANGE, EXCHANGE, dead_queue_of, queue_of
from messaging.transport import Transport
from tests.databases import Databases, opened

ROUTES = {"receiver": ["StockReleased"]}


async def forget_topology(url: str) -> None:
    """Deletes every exchange and queue that these tests declare."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        for exchange in (EXCHANGE.name, DEAD_EXCHANGE):
            await channel.exchange_delete(exchange)
        for domain in ROUTES:
            await channel.queue_delete(queue_of(domain))
            await channel.queue_delete(dead_queue_of(domain))


@pytest.fixture
async def sender(databases: Databases) -> AsyncIterator[Database]:
    """The database of the domain that publishes."""
    async with opened(await databases.empty("orders"), "sender") as database:
        yield database


@pytest.fixture
async def receiver(databases: Databases) -> AsyncIterator[Database]:
    """The database of a domain that consumes."""
    async with opened(await databases.empty("inventory"), "receiver") as database:
        yield database


@pytest.fixture(params=["in process", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def broker_url(request: pytest.FixtureRequest) -> str | None:
    """None where the process itself is to carry the events: a test that asks for this is run both ways."""
    return request.getfixturevalue("rabbitmq").url if request.param == "rabbitmq" else None


@pytest.fixture
async def transport(broker_url: str | None) -> AsyncIterator[Transport]:
    """Each kind of transport, not started."""
    if broker_url is None:
        transport: Transport = InProcessTransport()
    else:
        await forget_topology(broker_url)
        transport = RabbitTransport(broker_url, routes=ROUTES)
    yield transport
    await transport.stop()


@pytest.fixture
async def broker(rabbitmq: RabbitMQ) -> AsyncIterator[RabbitMQ]:
    """A RabbitMQ without anything that these tests declare."""
    await forget_topology(rabbitmq.url)
    yield rabbitmq
    # The client library closes a connection that never came about when it is collected, which needs a loop that runs.
    gc.collect()


@pytest.fixture
async def rabbit(broker: RabbitMQ) -> AsyncIterator[RabbitTransport]:
    """A transport over RabbitMQ, not started."""
    transport = RabbitTransport(broker.url, routes=ROUTES)
    yield transport
    await transport.stop()
