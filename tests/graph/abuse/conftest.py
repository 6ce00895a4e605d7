"""What every bad request is held against: a server that lives on, answers others, and tells nothing of its inside."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest

from tests.conftest import FORMS
from tests.server import Environment, Server, running

CANARY = {"query": "{ books(first: 1) { nodes { isbn } } }"}
INSIDE = re.compile(
    r"Traceback|\bSELECT\b|\bINSERT\b|site-packages|\.py\b|/work/|/tmp/|sqlalchemy|orjson", re.IGNORECASE
)

SAFE = {
    "content-type": "application/json",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
"""What every refusal tells browsers."""

MOST_CONNECTIONS = 20
STRICT = {
    "BOOKSTALL_REQUEST_SECONDS": "0.5",
    "BOOKSTALL_SOCKET_INIT_SECONDS": "0.5",
    "BOOKSTALL_SOCKET_PING_SECONDS": "0.5",
    "BOOKSTALL_STALL_SECONDS": "0.5",
    "BOOKSTALL_CONNECTIONS_PER_ADDRESS": "100",  # not counted behind proxies, but for websockets
    "BOOKSTALL_SOCKETS_PER_VIEWER": "3",
    "BOOKSTALL_RATE_PER_VIEWER": "10",
    "BOOKSTALL_EXPLORABLE": "false",
    "BOOKSTALL_TRUSTED_PROXIES": "1",
    "BOOKSTALL_ALLOWED_ORIGINS": "https://shop.example, https://admin.example",
}
LIVING = {"server", "strict_server", "small_server"}
STOPPED = {"strict_server_of_its_own"}

NewServer = Callable[[Path, Environment], AbstractAsyncContextManager[Server]]
"""Starts a server of one form with these settings, for the time of a block."""


@pytest.fixture(scope="session")
def new_embedded_server() -> NewServer:
    """One more process that is everything."""
    return lambda data, settings: running(data, "--no-samples", settings=settings)


@pytest.fixture(scope="session")
def new_stack_server(stack_server: Server) -> NewServer:
    """One more gateway of the full stack."""
    return lambda data, settings: running(data, command="gateway", settings=stack_server.environment | settings)


@pytest.fixture(params=FORMS)
def new_server(request: pytest.FixtureRequest) -> NewServer:
    """Starts servers of each form: a test that asks for this is run on both."""
    return request.getfixturevalue(f"new_{request.param}_server")


@pytest.fixture(scope="session")
async def strict_embedded_server(
    new_embedded_server: NewServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """One process that has little patience."""
    async with new_embedded_server(tmp_path_factory.mktemp("strict") / "data", STRICT) as started:
        yield started


@pytest.fixture(scope="session")
async def strict_stack_server(
    new_stack_server: NewServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    """A gateway that has little patience."""
    async with new_stack_server(tmp_path_factory.mktemp("strict") / "data", STRICT) as started:
        yield started


@pytest.fixture(scope="session", params=FORMS)
def strict_server(request: pytest.FixtureRequest) -> Server:
    """A server of each form that has little patience."""
    return request.getfixturevalue(f"strict_{request.param}_server")


@pytest.fixture
async def strict_server_of_its_own(new_server: NewServer, tmp_path: Path) -> AsyncIterator[Server]:
    """Another one, for a test that stops it."""
    async with new_server(tmp_path / "data", STRICT) as started:
        yield started


@pytest.fixture
async def small_server(new_server: NewServer, tmp_path: Path) -> AsyncIterator[Server]:
    """A server that takes few connections."""
    async with new_server(tmp_path / "data", {"BOOKSTALL_CONNECTIONS": str(MOST_CONNECTIONS)}) as started:
        yield started


async def require_alive(server: Server) -> None:
    """Fails unless the server answers others at once."""
    async with httpx.AsyncClient(base_url=server.url, timeout=10) as http:
        answer = await http.post("/graphql", json=CANARY)
    assert (answer.status_code, list(answer.json())) == (200, ["data"]), answer.text


def require_discreet(text: str) -> None:
    """Fails where a text tells of the program's inside."""
    assert INSIDE.search(text) is None, text[:500]


async def require_refused(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Fails unless it is answered with this status and, where a body can be, this code."""
    answer = await http.request(method, path, headers=headers)
    assert answer.status_code == status, (method, path)
    require_discreet(answer.text)
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE, (method, path)
    if method != "HEAD":
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": code}, (method, path)
    return answer


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> dict[str, Server]:
    """The servers that a test asks for."""
    named = dict.fromkeys(name for name in request.fixturenames if name in LIVING | STOPPED)
    return {name: request.getfixturevalue(name) for name in named}


@pytest.fixture(autouse=True)
async def unharmed(servers: dict[str, Server]) -> AsyncIterator[None]:
    """Every test leaves its servers as they were, and nothing of their inside in their logs."""
    before = {name: len(server.log()) for name, server in servers.items()}
    yield
    for name, server in servers.items():
        if name in LIVING:
            await require_alive(server)
        require_discreet(server.log()[before[name] :])
