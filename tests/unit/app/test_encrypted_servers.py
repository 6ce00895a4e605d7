"""RabbitMQ and Redis over TLS, as their URLs ask for it; PostgreSQL is in tests/unit/kernel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from sqlalchemy.engine import make_url

from app.devstack import RabbitMQ, Redis
from app.rates import RedisRates
from kernel.cache import CacheUnavailable
from kernel.redis_cache import RedisCache
from messaging.rabbit import RabbitTransport
from tests.encryption import encrypting
from tests.stack import BUSY_SECONDS

Wait = Callable[..., Awaitable[Any]]


@pytest.mark.redis
@pytest.mark.parametrize(("read", "believed"), [("own.pem", True), ("other.pem", False)])
async def test_redis_is_believed_by_its_certificate(redis: Redis, tmp_path: Path, read: str, believed: bool) -> None:
    counted_alone: list[int] = []
    async with encrypting(make_url(redis.url).port or 0, tmp_path) as port:
        url = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / read}"
        cache = RedisCache(url, call_seconds=BUSY_SECONDS)
        rates = RedisRates(
            url, per_viewer=9, per_address=0, call_seconds=BUSY_SECONDS, counted_alone=lambda: counted_alone.append(1)
        )
        if believed:
            assert await cache.get_many(["nothing"]) == [None]
        else:
            with pytest.raises(CacheUnavailable):
                await cache.get_many(["nothing"])
        assert await rates.count(None, "alice") == 0
        assert bool(counted_alone) is not believed
        await cache.close()
        await rates.close()


@pytest.mark.rabbitmq
async def test_rabbitmq_is_believed_by_its_certificate(rabbitmq: RabbitMQ, tmp_path: Path, eventually: Wait) -> None:
    plain = make_url(rabbitmq.url)
    async with encrypting(plain.port or 0, tmp_path) as port:
        url = f"amqps://{plain.username}:{plain.password}@127.0.0.1:{port}/?cafile={tmp_path}"
        transport = RabbitTransport(f"{url}/own.pem", routes={})
        await transport.start()

        async def can_send() -> bool:
            return transport.can_send

        await eventually(can_send)
        await transport.stop()
        refused = aio_pika.Connection(aio_pika.connection.make_url(f"{url}/other.pem"))
        with pytest.raises(aio_pika.exceptions.AMQPConnectionError):
            await refused.connect()
        await refused.close()  # one that nobody closes is a warning in whatever test comes next
