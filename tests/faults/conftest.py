"""A small sample shop whose server has stopped, copied for each test that does something terrible to it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.server import Server

SETTINGS = {
    "BOOKSTALL_SAMPLE_BOOKS": "60",
    # Orders that a crash leaves unfinished are looked after within seconds.
    "BOOKSTALL_PLACING_SECONDS": "2",
    "BOOKSTALL_CHARGE_SECONDS": "1",
    "BOOKSTALL_LATE_SECONDS": "1",
}


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
