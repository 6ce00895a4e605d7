"""What every test shares: how hypothesis searches, and how to wait for something without sleeping."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import settings

from app.devstack import Stack
from tests.builders import Shop
from tests.databases import databases as databases
from tests.databases import postgresql_databases as postgresql_databases
from tests.databases import sqlite_databases as sqlite_databases
from tests.server import Server, running, running_apart
from tests.stack import postgresql as postgresql
from tests.stack import rabbitmq as rabbitmq
from tests.stack import rabbitmq_server as rabbitmq_server
from tests.stack import redis as redis
from tests.stack import redis_server as redis_server

# A time limit is no assertion, so there is no deadline; CI repeats the same examples every time.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")

POLL_SECONDS = 0.02

FORMS = ["embedded", pytest.param("stack", marks=[pytest.mark.postgresql, pytest.mark.rabbitmq, pytest.mark.redis])]
"""All in one process; and processes of their own on PostgreSQL, RabbitMQ and Redis."""
SAMPLES = {
    "BOOKSTALL_SAMPLE_BOOKS": "60",
    "BOOKSTALL_QUERY_SECONDS": "60",  # a loaded machine takes its time over a hundred buyers at once
    "BOOKSTALL_ANSWER_SECONDS": "50",
}

Condition = Callable[[], Awaitable[Any]]


async def wait_until(condition: Condition, *, seconds: float = 20.0) -> Any:
    """Asks until the answer is true and gives it back; fails when that takes too long."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(seconds):
        while not (answer := await condition()):
            tick = asyncio.Event()
            loop.call_later(POLL_SECONDS, tick.set)
            await tick.wait()
    return answer


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """`await eventually(condition)` asks an async condition until it is true."""
    return wait_until


@pytest.fixture(scope="session")
async def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One server with a small sample shop, shared by all tests: each brings buyers, sellers and books of its own."""
    data = tmp_path_factory.mktemp("server") / "data"
    async with running(data, settings=SAMPLES) as started:
        yield started


@pytest.fixture(scope="session")
async def stack_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A gateway and two workers with the same sample shop, on servers that no test stops or kills."""
    data = tmp_path_factory.mktemp("stack") / "data"
    with Stack() as stack:
        settings = SAMPLES | stack.environment
        async with running(data, settings=settings):
            """The first start loads the samples."""
        async with running_apart(data, workers=2, settings=settings) as gateway:
            yield gateway


@pytest.fixture(scope="session", params=FORMS)
def server(request: pytest.FixtureRequest) -> Server:
    """A server of each form: a test that asks for this is run on both."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
async def shop(server: Server) -> AsyncIterator[Shop]:
    """The server's marketplace, to which a test brings buyers, sellers and books of its own."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30.0) as http:
        yield Shop(server, http, wait_until)
