"""Empty databases with the tables of `accounts`: every test that asks for `database` runs on both kinds."""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import NullPool, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from app.devstack import PostgreSQL
from kernel.database import Database, open_database
from tests.unit.kernel.accounts import metadata

Opener = Callable[..., Awaitable[Database]]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def postgresql_tables(postgresql: PostgreSQL) -> str:
    """A PostgreSQL database with the tables, for all tests."""
    url = postgresql.create_database("accounts")
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
    return url


@pytest.fixture
async def postgresql_url(postgresql_tables: str) -> str:
    """A PostgreSQL database with the tables, empty: deleting takes a twentieth of the time of a new one."""
    connection = await asyncpg.connect(postgresql_tables)
    for table in reversed(metadata.sorted_tables):
        await connection.execute(f"DELETE FROM {table.name}")
    await connection.close()
    return postgresql_tables


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the tables, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "accounts.db"
    metadata.create_all(create_engine(f"sqlite:///{path}", poolclass=NullPool))
    return path


@pytest.fixture
def sqlite_url(sqlite_tables: Path, tmp_path: Path) -> str:
    """A SQLite file with the tables."""
    return f"sqlite:///{shutil.copy(sqlite_tables, tmp_path / 'accounts.db')}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def url(request: pytest.FixtureRequest) -> str:
    """A database of each kind with the tables."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind without anything in it; the SQLite file and its folder are not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/data/empty.db"
    return request.getfixturevalue("postgresql").create_database(f"test_{next(_numbers)}")


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens databases, and closes them at the end."""
    async with AsyncExitStack() as stack:

        async def opened(url: str, name: str = "accounts", **options: Any) -> Database:
            database = await open_database(url, name=name, **options)
            stack.push_async_callback(database.close)
            return database

        yield opened


@pytest.fixture
async def database(url: str, opened: Opener) -> Database:
    """An open database of each kind with the tables."""
    return await opened(url)


@pytest.fixture
async def sqlite(sqlite_url: str, opened: Opener) -> Database:
    """An open SQLite database with the tables."""
    return await opened(sqlite_url)
