"""A database of the sellers of each kind, and the service over it."""

from collections.abc import AsyncIterator

import pytest

from domains.sellers import SellersService
from kernel.database import Database
from tests.databases import Databases, opened


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[Database]:
    async with opened(await databases.empty("sellers"), "sellers") as database:
        yield database


@pytest.fixture
def service(database: Database) -> SellersService:
    return SellersService(database, currency="EUR")
