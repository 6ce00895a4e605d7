"""A database of the orders of each kind, and a shop over it."""

from collections.abc import AsyncIterator

import pytest

from kernel.database import Database, Observation
from tests.databases import Databases, opened
from tests.domains.orders.shop import Shop


@pytest.fixture
def observed() -> list[Observation]:
    """The statements that ran."""
    return []


@pytest.fixture
async def database(databases: Databases, observed: list[Observation]) -> AsyncIterator[Database]:
    async with opened(await databases.empty("orders"), "orders", observe=observed.append) as database:
        yield database
        suspensions = database.suspensions
    assert suspensions == 0, "a transaction awaited something other than its statements"


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)
