"""Private servers, migrated databases on them, and processes that are stopped at the end of a test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from app.devstack import PostgreSQL, RabbitMQ, Redis
from tests.journeys.processes import IS_READY, Process, Settings, Start
from tests.server import bookstall


@pytest.fixture
def servers(postgresql: PostgreSQL, rabbitmq: RabbitMQ, redis: Redis) -> Settings:
    """The settings with which Bookstall runs on private servers, in databases that are not there yet."""
    postgresql.start()
    return {
        "BOOKSTALL_DATABASE_URL": postgresql.url(f"{{domain}}_{secrets.token_hex(4)}"),
        "BOOKSTALL_TRANSPORT_URL": rabbitmq.url,
        "BOOKSTALL_CACHE_URL": redis.url,
    }


@pytest.fixture
async def migrated(servers: Settings, tmp_path: Path) -> Settings:
    """The same, in databases at their newest version."""
    said = await bookstall("migrate", "--data", tmp_path / "data", settings=servers)
    assert (said.code, said.out, said.err) == (0, "All databases are at their newest version.\n", "")
    return servers


@pytest.fixture
async def start(migrated: Settings, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts processes on these servers, with one data folder."""
    async with AsyncExitStack() as running:

        async def start(command: str, *options: str) -> Process:
            process = Process(command, tmp_path / "data", *options, settings=migrated)
            await process.start(until=IS_READY)
            running.push_async_callback(process.stop)
            return process

        yield start
