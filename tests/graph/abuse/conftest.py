"""What every bad request is held against: a server that lives on, answers others, and tells nothing of its inside."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import SAMPLES
from tests.server import Server, running

CANARY = {"query": "{ books(first: 1) { nodes { isbn } } }"}
INSIDE = re.compile(
    r"Traceback|\bSELECT\b|\bINSERT\b|site-packages|\.py\b|/work/|/tmp/|sqlalchemy|orjson", re.IGNORECASE
)

MOST_CONNECTIONS = 20
STRICT = SAMPLES | {
    "BOOKSTALL_REQUEST_SECONDS": "0.5",
    "BOOKSTALL_SOCKET_INIT_SECONDS": "0.5",
    "BOOKSTALL_SOCKET_PING_SECONDS": "0.5",
    "BOOKSTALL_SOCKET_STALL_SECONDS": "0.5",
    "BOOKSTALL_SOCKETS_PER_VIEWER": "3",
    "BOOKSTALL_RATE_PER_VIEWER": "10",
    "BOOKSTALL_EXPLORABLE": "false",
    "BOOKSTALL_TRUSTED_PROXIES": "1",
    "BOOKSTALL_ALLOWED_ORIGINS": "https://shop.example, https://admin.example",
}


@pytest.fixture(scope="session")
async def strict_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A server that has little patience."""
    async with running(tmp_path_factory.mktemp("strict") / "data", settings=STRICT) as started:
        yield started


@pytest.fixture
async def strict_server_of_its_own(tmp_path: Path) -> AsyncIterator[Server]:
    """Another one, for a test that stops it."""
    async with running(tmp_path / "data", "--no-samples", settings=STRICT) as started:
        yield started


@pytest.fixture
async def small_server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that takes few connections."""
    settings = {"BOOKSTALL_CONNECTIONS": str(MOST_CONNECTIONS)}
    async with running(tmp_path / "data", "--no-samples", settings=settings) as started:
        yield started


async def require_unharmed(server: Server, logged_before: int) -> None:
    """Fails unless the server answers others at once, and has logged no crash since then."""
    async with httpx.AsyncClient(base_url=server.url, timeout=10) as http:
        answer = await http.post("/graphql", json=CANARY)
    assert (answer.status_code, list(answer.json())) == (200, ["data"])
    assert "Traceback" not in server.log()[logged_before:]


def require_discreet(text: str) -> None:
    """Fails where an answer tells of the program's inside."""
    assert INSIDE.search(text) is None, text[:500]


@pytest.fixture(autouse=True)
async def unharmed(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Every test leaves the servers that it asked for as they were."""
    names = {"server", "strict_server"} & set(request.fixturenames)
    servers: list[Server] = [request.getfixturevalue(name) for name in names]
    before = [len(server.log()) for server in servers]
    yield
    for server, logged in zip(servers, before, strict=True):
        await require_unharmed(server, logged)
