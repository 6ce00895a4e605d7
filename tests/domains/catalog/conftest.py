"""Bookcases on both kinds of database and of cache, each on a copy of a database that is migrated once."""

import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.devstack import PostgreSQL
from domains.catalog import read_sample_books
from kernel.cache import InProcessCache
from kernel.migrations import migrate
from tests.domains.catalog.bookcase import Bookcase, open_bookcase
from tests.stack import new_redis_cache

SQLITE = "sqlite"
KINDS = [SQLITE, pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.redis])]
"""A catalog on SQLite caches in its process, one on PostgreSQL in Redis."""
SAMPLE_BOOKS = 500

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def catalog_on_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to copy."""
    path = tmp_path_factory.mktemp("catalog") / "template.db"
    await migrate(f"sqlite:///{path}", "catalog")
    return path


@pytest.fixture(scope="session")
async def catalog_on_postgresql(postgresql: PostgreSQL) -> PostgreSQL:
    """A server with a migrated database called `template_catalog`, to copy."""
    await migrate(postgresql.create_database("template_catalog"), "catalog")
    return postgresql


def _copied(request: pytest.FixtureRequest, folder: Path) -> str:
    """The URL of a fresh copy of the kind that the test is run for."""
    template = request.getfixturevalue(f"catalog_on_{request.param}")
    if isinstance(template, PostgreSQL):
        return template.create_database(f"catalog_{next(_numbers)}", template="template_catalog")
    copy = folder / f"catalog_{next(_numbers)}.db"
    shutil.copy(template, copy)
    return f"sqlite:///{copy}"


@asynccontextmanager
async def _opened(request: pytest.FixtureRequest, url: str) -> AsyncIterator[Bookcase]:
    if url.startswith("sqlite"):
        async with open_bookcase(url, InProcessCache()) as bookcase:
            yield bookcase
        return
    cache = new_redis_cache(request.getfixturevalue("redis_server"))
    async with open_bookcase(url, cache) as bookcase:
        yield bookcase
    await cache.close()


@pytest.fixture(params=KINDS)
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty catalog's database."""
    return _copied(request, tmp_path)


@pytest.fixture
async def bookcase(catalog_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Bookcase]:
    """An empty catalog."""
    async with _opened(request, catalog_url) as bookcase:
        yield bookcase


@pytest.fixture(scope="session", params=KINDS)
def library_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The library's database, still empty."""
    return _copied(request, tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
async def library(library_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Bookcase]:
    """A catalog of 500 real books, for tests that add and change none."""
    async with _opened(request, library_url) as library:
        await library.service.add_books(read_sample_books(SAMPLE_BOOKS))
        yield library
