"""Private servers for the tests: one of each kind in each process that runs tests, started when first asked for.

Whatever asks for one carries the marker `postgresql`, `rabbitmq` or `redis`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.devstack import PostgreSQL, RabbitMQ, Redis, find_postgresql, find_rabbitmq, find_redis
from kernel.redis_cache import RedisCache

BUSY_SECONDS = 10.0


def installed(find: Callable[[], Path | None]) -> Path:
    """What `find` finds; fails where the machine lacks it."""
    found = find()
    assert found is not None, f"{find.__name__} finds nothing on this machine"
    return found


def new_redis_cache(server: Redis, **options: Any) -> RedisCache:
    """A cache that shares no key with another, and waits long for an answer unless told otherwise: busy is not away."""
    return RedisCache(server.url, **{"prefix": f"{uuid4()}:", "call_seconds": BUSY_SECONDS, **options})


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A PostgreSQL without databases; whoever kills it starts it again."""
    with PostgreSQL(installed(find_postgresql)) as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[RabbitMQ]:
    """A RabbitMQ for all tests; ask for `rabbitmq`."""
    with RabbitMQ(installed(find_rabbitmq)) as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A Redis for all tests; ask for `redis`."""
    with Redis(installed(find_redis)) as server:
        yield server


@pytest.fixture
def rabbitmq(rabbitmq_server: RabbitMQ) -> Iterator[RabbitMQ]:
    """A RabbitMQ that runs again for the next test, whatever this one does to it; what others declared is there."""
    yield rabbitmq_server
    rabbitmq_server.resume()
    rabbitmq_server.start()


@pytest.fixture
def redis(redis_server: Redis) -> Iterator[Redis]:
    """A Redis that runs again for the next test, whatever this one does to it; what others wrote may be there."""
    yield redis_server
    redis_server.resume()
    redis_server.start()
