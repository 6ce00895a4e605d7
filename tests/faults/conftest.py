"""A small sample shop whose server has stopped, copied for each test that does something terrible to it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from app.devstack import Stack
from tests.builders import Shop
from tests.conftest import wait_until
from tests.faults.full_stack import FullStack, Marketplace
from tests.faults.ledger import AT_REST, broken
from tests.server import Server

SETTINGS = {
    "BOOKSTALL_SAMPLE_BOOKS": "60",
    # Orders that a crash leaves unfinished are looked after within seconds.
    "BOOKSTALL_PLACING_SECONDS": "2",
    "BOOKSTALL_CHARGE_SECONDS": "1",
    "BOOKSTALL_LATE_SECONDS": "1",
}
REST_SECONDS = 60
"""Ample: a machine may have other things to do."""


async def comes_to_rest(data: Path) -> None:
    """Everything that was begun is finished, and the books of all domains agree."""

    async def at_rest() -> bool:
        return not broken(data, AT_REST)

    with suppress(TimeoutError):
        await wait_until(at_rest, seconds=REST_SECONDS)
    assert broken(data, AT_REST) == {}


@pytest.fixture(scope="session")
async def sample_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that was started once and stopped."""
    server = Server(tmp_path_factory.mktemp("sample") / "data", settings=SETTINGS)
    await server.start()
    assert await server.stop() == 0
    return server.data


@pytest.fixture
def doomed(sample_shop: Path, tmp_path: Path) -> Server:
    """A server that is not started yet, with a data folder of its own."""
    return Server(Path(shutil.copytree(sample_shop, tmp_path / "data")), settings=SETTINGS)


@pytest.fixture(scope="session")
async def full_stack() -> AsyncIterator[FullStack]:
    """Servers that no other test uses, so that they can be killed."""
    with Stack() as servers:
        stack = FullStack(servers)
        await stack.prepare()
        yield stack


@pytest.fixture
async def marketplace(full_stack: FullStack, tmp_path: Path) -> AsyncIterator[Marketplace]:
    """A gateway and two workers, who have nothing of another test."""
    opened = await full_stack.marketplace(tmp_path / "data", SETTINGS)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def stalls(marketplace: Marketplace) -> AsyncIterator[Shop]:
    """Where buyers and sellers meet, at the marketplace's gateway."""
    async with httpx.AsyncClient(base_url=marketplace.gateway.url, timeout=30) as http:
        yield Shop(marketplace.gateway, http, wait_until)
