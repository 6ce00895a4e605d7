"""The migrations of every domain make exactly the tables that its statements are written for, and can be undone."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import NamedTuple

import pytest
from alembic import command
from sqlalchemy import CheckConstraint, Connection, MetaData, inspect

from kernel import migrations
from kernel.migrations import differences, migrate
from tests.databases import Databases

DOMAINS = sorted(path.parent.name for path in (Path(__file__).parents[2] / "domains").glob("*/tables.py"))
ALEMBICS_OWN = "alembic_version"


class Check(NamedTuple):
    """What a table refuses."""

    table: str
    name: str | None
    refuses: str


def metadata_of(domain: str) -> MetaData:
    return importlib.import_module(f"domains.{domain}.tables").metadata


async def undo(url: str, domain: str) -> None:
    """Takes the database back to where it was before its first version."""

    def downgrade(connection: Connection) -> None:
        command.downgrade(migrations._configuration(migrations._folder(domain), connection), "base")

    await migrations._in_transaction(url, downgrade)


async def tables_in(url: str) -> list[str]:
    found: list[str] = []
    await migrations._in_transaction(url, lambda connection: found.extend(inspect(connection).get_table_names()))
    return found


async def checks_in(url: str) -> set[Check]:
    """What the database refuses, which Alembic does not compare."""
    found: set[Check] = set()

    def look(connection: Connection) -> None:
        for (_, table), checks in inspect(connection).get_multi_check_constraints().items():
            found.update(Check(table, check["name"], "".join(check["sqltext"].split())) for check in checks)

    await migrations._in_transaction(url, look)
    return found


def test_every_domain_has_tables_of_its_own() -> None:
    assert DOMAINS == ["catalog", "inventory", "notifications", "orders", "sellers"]


@pytest.mark.parametrize("domain", DOMAINS)
async def test_the_migrations_of_a_domain_make_its_tables(domain: str, databases: Databases) -> None:
    assert await differences(await databases.new(domain), domain, metadata_of(domain)) == []


@pytest.mark.parametrize("domain", DOMAINS)
async def test_the_migrations_of_a_domain_can_be_undone_and_run_again(domain: str, databases: Databases) -> None:
    url = await databases.new(domain)
    await undo(url, domain)
    assert await tables_in(url) == [ALEMBICS_OWN]
    await migrate(url, domain)
    assert await differences(url, domain, metadata_of(domain)) == []


@pytest.mark.parametrize("domain", DOMAINS)
async def test_a_migrated_database_refuses_what_the_tables_of_its_domain_refuse(
    domain: str, databases: Databases
) -> None:
    url, metadata = await databases.new(domain), metadata_of(domain)
    migrated = await checks_in(url)
    await undo(url, domain)
    await migrations._in_transaction(url, metadata.create_all)
    assert await checks_in(url) == migrated
    constraints = [constraint for table in metadata.tables.values() for constraint in table.constraints]
    assert len(migrated) == sum(isinstance(constraint, CheckConstraint) for constraint in constraints)
