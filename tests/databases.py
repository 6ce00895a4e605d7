"""Databases of the domains, of both kinds: migrated once in each process that runs tests, and empty for each test."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from app.devstack import PostgreSQL
from kernel.database import Database, open_database
from kernel.migrations import migrate

ON_POSTGRESQL = [pytest.param("postgresql", marks=pytest.mark.postgresql)]
KINDS = ["sqlite", *ON_POSTGRESQL]

TABLES = """
    SELECT string_agg(format('DELETE FROM %I', tablename), ';') FROM pg_tables
    WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


class Databases(Protocol):
    """One kind of database. URLs are of databases that nobody else uses; a domain's name says what tables they have."""

    async def empty(self, domain: str) -> str:
        """One for the test that runs now; the next test that asks may be given the same."""
        ...

    async def new(self, domain: str) -> str:
        """One for as long as tests run."""
        ...


class SqliteDatabases:
    """Files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)

    async def empty(self, domain: str) -> str:
        return await self.new(domain)

    async def new(self, domain: str) -> str:
        template = self._folder / f"{domain}.db"
        if not template.exists():
            await migrate(f"sqlite:///{template}", domain)
        return f"sqlite:///{shutil.copyfile(template, self._folder / f'{domain}_{next(self._numbers)}.db')}"


class PostgresqlDatabases:
    """Databases of a private server: to make one takes as long as to empty it ten times."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server = server
        self._numbers = count(1)
        self._templates: dict[str, str] = {}
        self._reused: dict[str, str] = {}

    async def empty(self, domain: str) -> str:
        if domain not in self._reused:
            self._reused[domain] = await self.new(domain)
        await _delete_all_rows(self._reused[domain])
        return self._reused[domain]

    async def new(self, domain: str) -> str:
        if domain not in self._templates:
            template = f"template_{domain}"
            await migrate(self._server.create_database(template), domain)
            self._templates[domain] = template
        return self._server.create_database(f"{domain}_{next(self._numbers)}", template=self._templates[domain])


async def _delete_all_rows(url: str) -> None:
    """Without foreign keys in the way, and all at once."""
    connection = await asyncpg.connect(url)
    deletions = await connection.fetchval(TABLES)
    await connection.execute(f"SET session_replication_role = replica; {deletions}")
    await connection.close()


@asynccontextmanager
async def opened(url: str, name: str, **options: Any) -> AsyncIterator[Database]:
    """A database for the time of the block."""
    database = await open_database(url, name=name, **options)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """The domains' databases as files."""
    return SqliteDatabases(tmp_path_factory.mktemp("databases"))


@pytest.fixture(scope="session")
def postgresql_databases(postgresql: PostgreSQL) -> Databases:
    """The domains' databases in PostgreSQL."""
    return PostgresqlDatabases(postgresql)


@pytest.fixture(scope="session", params=KINDS)
def databases(request: pytest.FixtureRequest) -> Databases:
    """The domains' databases: a test that asks for this is run on each kind."""
    return request.getfixturevalue(f"{request.param}_databases")
