"""The migrations of every domain make exactly the tables that its statements are written for."""

import importlib
from pathlib import Path

import pytest

from kernel.migrations import differences
from tests.databases import Databases

DOMAINS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "domains").glob("*/tables.py"))


def test_every_domain_has_tables_of_its_own() -> None:
    assert DOMAINS == ["catalog", "inventory", "notifications", "orders", "sellers"]


@pytest.mark.parametrize("domain", DOMAINS)
async def test_the_migrations_of_a_domain_make_its_tables(domain: str, databases: Databases) -> None:
    metadata = importlib.import_module(f"domains.{domain}.tables").metadata
    assert await differences(await databases.new(domain), domain, metadata) == []
