"""Private servers for the tests: one of each kind in each process that runs tests, started when first asked for.

Whatever asks for one carries the marker `postgresql`, `rabbitmq` or `redis`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.devstack import PostgreSQL, RabbitMQ, Redis, find_postgresql, find_rabbitmq, find_redis


def installed(find: Callable[[], Path | None]) -> Path:
    """What `find` finds; fails where the machine lacks it."""
    found = find()
    assert found is not None, f"{find.__name__} finds nothing on this machine"
    return found


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
    """A RabbitMQ that runs, whatever the test before did to it; what other tests declared is there."""
    rabbitmq_server.start()
    yield rabbitmq_server
    rabbitmq_server.resume()


@pytest.fixture
def redis(redis_server: Redis) -> Iterator[Redis]:
    """A Redis that runs, whatever the test before did to it; what other tests wrote may be there."""
    redis_server.start()
    yield redis_server
    redis_server.resume()
