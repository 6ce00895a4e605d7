"""Bookcases on both kinds of database and of cache."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from domains.catalog import read_sample_books
from kernel.cache import InProcessCache
from tests.databases import Databases
from tests.domains.catalog.bookcase import Bookcase, open_bookcase
from tests.stack import new_redis_cache

SQLITE = "sqlite"
KINDS = [SQLITE, pytest.param("postgresql", marks=[pytest.mark.postgresql, pytest.mark.redis])]
"""A catalog on SQLite caches in its process, one on PostgreSQL in Redis."""
SAMPLE_BOOKS = 500


@pytest.fixture(scope="session", params=KINDS)
def databases(request: pytest.FixtureRequest) -> Databases:
    """The databases of each kind."""
    return request.getfixturevalue(f"{request.param}_databases")


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


@pytest.fixture
async def catalog_url(databases: Databases) -> str:
    """An empty catalog's database."""
    return await databases.empty("catalog")


@pytest.fixture
async def bookcase(catalog_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Bookcase]:
    """An empty catalog."""
    async with _opened(request, catalog_url) as bookcase:
        yield bookcase


@pytest.fixture(scope="session")
async def library(databases: Databases, request: pytest.FixtureRequest) -> AsyncIterator[Bookcase]:
    """A catalog of 500 real books, for tests that add and change none."""
    async with _opened(request, await databases.new("catalog")) as library:
        await library.service.add_books(read_sample_books(SAMPLE_BOOKS))
        yield library
