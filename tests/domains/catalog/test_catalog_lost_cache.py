"""A cache that lost what it kept: the sweep notices, and copies everything again; nothing else makes it do so."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis as RedisClient

from app.devstack import Redis
from domains.catalog import CatalogService
from domains.catalog.copies import Copies
from kernel.cache import InProcessCache
from kernel.redis_cache import RedisCache
from tests.domains.catalog.bookcase import Bookcase, new_isbn, open_bookcase, stock_of
from tests.domains.catalog.conftest import SQLITE
from tests.stack import new_redis_cache

ISBN = "9780141439587"


@pytest.fixture
async def cache(redis: Redis) -> AsyncIterator[RedisCache]:
    """An empty cache in Redis that tries again at once."""
    cache = new_redis_cache(redis, pause_seconds=0)
    yield cache
    await cache.close()


@pytest.fixture
async def shelf(cache: RedisCache, catalog_url: str) -> AsyncIterator[Bookcase]:
    """An empty catalog that caches in Redis."""
    async with open_bookcase(catalog_url, cache) as shelf:
        yield shelf


@pytest.mark.redis
@pytest.mark.parametrize("way", ["kill", "flush"])
async def test_an_older_copy_in_a_redis_that_lost_the_newer_is_replaced(
    way: str, shelf: Bookcase, redis: Redis
) -> None:
    await shelf.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    read_before = await shelf.offers_of(ISBN)
    await shelf.deliver(stock_of(ISBN, 2, ("ann-1", 800, 1)))
    await shelf.refresh()
    if way == "kill":
        redis.kill()
        redis.start()
    else:
        async with RedisClient.from_url(redis.url) as client:
            await client.flushall()
    await Copies(shelf.cache).keep_offers(read_before)
    assert (await shelf.offers_of(ISBN)).version == 1
    assert await shelf.service.refresh_cache() == 0
    assert (await shelf.offers_of(ISBN)).version == 2


@pytest.mark.redis
async def test_what_changed_while_redis_was_away_is_copied_when_it_is_back(shelf: Bookcase, redis: Redis) -> None:
    await shelf.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    await shelf.refresh()
    redis.kill()
    await shelf.deliver(stock_of(ISBN, 2, ("ann-1", 800, 1)))
    assert (await shelf.offers_of(ISBN)).version == 2
    redis.start()
    await shelf.refresh()
    assert (await Copies(shelf.cache).offers([ISBN]))[ISBN] == await shelf.offers_of(ISBN)


@pytest.mark.redis
async def test_everything_is_copied_again_with_the_same_bytes(shelf: Bookcase, cache: RedisCache, redis: Redis) -> None:
    isbns = sorted(new_isbn() for _ in range(450))
    await shelf.deliver(*(stock_of(isbn, 1, ("ann-1", 900, 1)) for isbn in isbns))
    await shelf.refresh()
    keys = [f"{kind}:{isbn}" for isbn in isbns for kind in ("book", "sellers")]
    copied = await cache.get_many(keys)
    assert None not in copied
    other = new_redis_cache(redis)
    assert await CatalogService(shelf.database, other).rebuild_cache() == 450
    assert await other.get_many(keys) == copied
    await other.close()


@pytest.mark.redis
async def test_a_worker_that_starts_copies_nothing_to_a_redis_that_lost_nothing(
    shelf: Bookcase, cache: RedisCache, redis: Redis
) -> None:
    await shelf.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    await shelf.refresh()
    async with RedisClient.from_url(redis.url) as client:
        assert await client.delete(*[key async for key in client.scan_iter(match=f"*:{ISBN}")]) > 0
    assert await CatalogService(shelf.database, cache).refresh_cache() == 0
    assert await Copies(cache).offers([ISBN]) == {}


@pytest.mark.parametrize("databases", [SQLITE], indirect=True)
async def test_an_embedded_shop_that_starts_again_fills_its_cache_by_its_readers(bookcase: Bookcase) -> None:
    await bookcase.deliver(stock_of(ISBN, 1, ("ann-1", 900, 1)))
    await bookcase.refresh()
    cache = InProcessCache()
    service = CatalogService(bookcase.database, cache)
    assert await service.refresh_cache() == 0
    assert await Copies(cache).offers([ISBN]) == {}
    stored = await service.find_offers([ISBN])
    assert await Copies(cache).offers([ISBN]) == stored
