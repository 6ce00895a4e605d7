"""Private servers, migrated databases on them, and processes that are stopped at the end of a test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.devstack import PostgreSQL, RabbitMQ, Redis
from graph.auth import EmbeddedIssuer
from tests.builders import Shop
from tests.conftest import FORMS, SAMPLES, wait_until
from tests.journeys.processes import Settings, Start
from tests.journeys.world import world as world
from tests.server import Server, bookstall, running

HASTY = {"BOOKSTALL_CHARGE_SECONDS": "2", "BOOKSTALL_LATE_SECONDS": "2"}
"""The sweep looks after unknown payments within seconds."""
STRICT = HASTY | {"BOOKSTALL_CANCEL_SECONDS": "1", "BOOKSTALL_ACTION_SECONDS": "2"}
"""And buyers have no time to think."""

BRIEF = {"BOOKSTALL_ANSWER_SECONDS": "1"}
"""Buyers are answered while the provider is still asked for a slow card."""


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

        async def start(command: str, *options: str) -> Server:
            process = Server(tmp_path / "data", *options, command=command, settings=migrated)
            await process.start()
            running.push_async_callback(process.stop)
            return process

        yield start


@pytest.fixture(scope="session")
async def embedded_hasty_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Everything in one process, and soon asked what became of a payment."""
    async with running(tmp_path_factory.mktemp("hasty") / "data", settings=SAMPLES | HASTY) as server:
        yield server


@pytest.fixture(scope="session")
async def stack_hasty_server(stack_server: Server) -> AsyncIterator[Server]:
    """The same on the full stack."""
    async with _beside(stack_server, HASTY) as server:
        yield server


@pytest.fixture(scope="session")
async def embedded_strict_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Everything in one process, and soon too late."""
    async with running(tmp_path_factory.mktemp("strict") / "data", "--no-samples", settings=STRICT) as server:
        yield server


@pytest.fixture(scope="session")
async def stack_strict_server(stack_server: Server) -> AsyncIterator[Server]:
    """The same on the full stack."""
    async with _beside(stack_server, STRICT) as server:
        yield server


@pytest.fixture(scope="session")
async def embedded_brief_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """Everything in one process, which answers before a slow provider."""
    async with running(tmp_path_factory.mktemp("brief") / "data", "--no-samples", settings=BRIEF) as server:
        yield server


@pytest.fixture(scope="session")
async def stack_brief_server(stack_server: Server) -> AsyncIterator[Server]:
    """The same on the full stack."""
    async with _beside(stack_server, BRIEF) as server:
        yield server


@pytest.fixture(scope="session", params=FORMS)
def hasty_server(request: pytest.FixtureRequest) -> Server:
    """A server of each form that soon asks what became of a payment."""
    return request.getfixturevalue(f"{request.param}_hasty_server")


@pytest.fixture(scope="session", params=FORMS)
def strict_server(request: pytest.FixtureRequest) -> Server:
    """A server of each form where it is soon too late, to cancel or to confirm a payment."""
    return request.getfixturevalue(f"{request.param}_strict_server")


@pytest.fixture(scope="session", params=FORMS)
def brief_server(request: pytest.FixtureRequest) -> Server:
    """A server of each form that answers before a slow provider."""
    return request.getfixturevalue(f"{request.param}_brief_server")


@pytest.fixture
async def hasty_shop(hasty_server: Server) -> AsyncIterator[Shop]:
    """The marketplace of the hasty server."""
    async with httpx.AsyncClient(base_url=hasty_server.url, timeout=30.0) as http:
        yield Shop(hasty_server, http, wait_until)


@pytest.fixture
async def strict_shop(strict_server: Server) -> AsyncIterator[Shop]:
    """The marketplace of the strict server."""
    async with httpx.AsyncClient(base_url=strict_server.url, timeout=30.0) as http:
        yield Shop(strict_server, http, wait_until)


@pytest.fixture
async def brief_shop(brief_server: Server) -> AsyncIterator[Shop]:
    """The marketplace of the brief server."""
    async with httpx.AsyncClient(base_url=brief_server.url, timeout=30.0) as http:
        yield Shop(brief_server, http, wait_until)


@asynccontextmanager
async def _beside(stack: Server, settings: Settings) -> AsyncIterator[Server]:
    """Another gateway and worker on the same servers, with settings of their own."""
    gateway, worker = (
        Server(stack.data, command=command, settings=stack.environment | settings) for command in ("gateway", "worker")
    )
    async with AsyncExitStack() as started:
        for process in (gateway, worker):
            await process.start()
            started.push_async_callback(process.stop)
        yield gateway


@pytest.fixture
def keyed(tmp_path: Path) -> Path:
    """A data folder whose server is not there."""
    EmbeddedIssuer(tmp_path)
    return tmp_path
