"""A shelf for every test, over a copy of a database that is migrated once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kernel.migrations import migrate
from tests.domains.inventory.shelf import Shelf, open_shelf


@pytest.fixture(scope="session")
async def inventory_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file of the inventory domain, to copy."""
    path = tmp_path_factory.mktemp("inventory") / "template.db"
    await migrate(f"sqlite:///{path}", "inventory")
    return path


@pytest.fixture
async def shelf(inventory_template: Path, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Inventory with an empty database of its own."""
    async with open_shelf(inventory_template, tmp_path) as shelf:
        yield shelf
