"""A migrated orders database, and a shop over it."""

from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copyfile

import pytest

from kernel.database import Database, Observation, open_database
from kernel.migrations import migrate
from tests.domains.orders.shop import Shop


@pytest.fixture(scope="session")
async def migrated_orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied."""
    path = tmp_path_factory.mktemp("orders") / "orders.db"
    await migrate(f"sqlite:///{path}", "orders")
    return path


@pytest.fixture
def observed() -> list[Observation]:
    """The statements that ran."""
    return []


@pytest.fixture
async def database(migrated_orders: Path, tmp_path: Path, observed: list[Observation]) -> AsyncIterator[Database]:
    path = copyfile(migrated_orders, tmp_path / "orders.db")
    database = await open_database(f"sqlite:///{path}", name="orders", observe=observed.append)
    yield database
    suspensions = database.suspensions
    await database.close()
    assert suspensions == 0, "a transaction awaited something other than its statements"


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)
