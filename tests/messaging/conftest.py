"""Two domains' databases with nothing but outbox and inbox, and what carries events between them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aio_pika
import pytest
from sqlalchemy import create_engine

from app.devstack import RabbitMQ
from kernel.database import Database, open_database
from messaging.inprocess import InProcessTransport
from messaging.rabbit import RabbitTransport
from messaging.rabbit_topology import DEAD_EXCHANGE, EXCHANGE, dead_queue_of, queue_of
from messaging.tables import metadata
from messaging.transport import Transport

ROUTES = {"receiver": ["StockReleased"]}


async def open_messaging_database(folder: Path, name: str) -> Database:
    path = folder / f"{name}.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return await open_database(f"sqlite:///{path}", name=name)


async def forget_topology(url: str) -> None:
    """Deletes every exchange and queue that these tests declare."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        for exchange in (EXCHANGE.name, DEAD_EXCHANGE):
            await channel.exchange_delete(exchange)
        for domain in ROUTES:
            await channel.queue_delete(queue_of(domain))
            await channel.queue_delete(dead_queue_of(domain))


@pytest.fixture
async def sender(tmp_path: Path) -> AsyncIterator[Database]:
    """The database of the domain that publishes."""
    database = await open_messaging_database(tmp_path, "sender")
    yield database
    await database.close()


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Database]:
    """The database of a domain that consumes."""
    database = await open_messaging_database(tmp_path, "receiver")
    yield database
    await database.close()


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
async def broker(rabbitmq: RabbitMQ) -> RabbitMQ:
    """A RabbitMQ without anything that these tests declare."""
    await forget_topology(rabbitmq.url)
    return rabbitmq


@pytest.fixture
async def rabbit(broker: RabbitMQ) -> AsyncIterator[RabbitTransport]:
    """A transport over RabbitMQ, not started."""
    transport = RabbitTransport(broker.url, routes=ROUTES)
    yield transport
    await transport.stop()
