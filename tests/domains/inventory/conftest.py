"""A shelf for every test, over a database of each kind."""

from collections.abc import AsyncIterator

import pytest

from tests.databases import Databases
from tests.domains.inventory.shelf import Shelf, open_shelf


@pytest.fixture
async def shelf(databases: Databases) -> AsyncIterator[Shelf]:
    """Inventory with an empty database of its own."""
    async with open_shelf(databases) as shelf:
        yield shelf
