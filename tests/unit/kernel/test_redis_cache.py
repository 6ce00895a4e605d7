"""What only Redis does: it is shared, it goes away, it hangs, and it comes back with nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis as RedisClient

from app.devstack import Redis
from kernel.cache import CacheUnavailable
from kernel.redis_cache import RedisCache
from tests.stack import new_redis_cache
from tests.unit.kernel.test_caches import Clock

pytestmark = pytest.mark.redis


@pytest.fixture
async def client(redis: Redis) -> AsyncIterator[RedisClient]:
    """Who does to the server what a cache does not."""
    async with RedisClient.from_url(redis.url) as client:
        yield client


@pytest.fixture
async def new_cache(redis: Redis) -> AsyncIterator[Callable[..., RedisCache]]:
    """Makes caches, and closes them at the end."""
    caches: list[RedisCache] = []

    def new_cache(**options) -> RedisCache:
        caches.append(new_redis_cache(redis, **options))
        return caches[-1]

    yield new_cache
    await asyncio.gather(*(cache.close() for cache in caches))


async def test_processes_share_what_is_kept(new_cache) -> None:
    here, there = new_cache(prefix="shared:"), new_cache(prefix="shared:")
    await here.set_if_newer("a", 2, b"two")
    assert not await there.set_if_newer("a", 1, b"one")
    assert await there.get_many(["a"]) == [b"two"]
    assert await there.bump("pages") == await here.generation("pages")
    assert await there.incarnation() == await here.incarnation()


async def test_of_many_versions_at_once_the_newest_stays(new_cache) -> None:
    cache = new_cache()
    versions = [7, 3, 50, 12, 49, 1, 50, 33]
    kept = await asyncio.gather(*(cache.set_if_newer("a", version, b"%d" % version) for version in versions))
    assert any(kept)
    assert await cache.get_many(["a"]) == [b"50"]


async def test_a_value_lives_in_redis_for_its_time(new_cache, client: RedisClient) -> None:
    await new_cache(prefix="lives:", life_seconds=60).set_if_newer("a", 1, b"A")
    assert 50_000 < await client.pttl("lives:a") <= 60_000


@pytest.mark.parametrize("way", ["kill", "flush"])
async def test_a_redis_that_lost_everything_has_another_incarnation(
    way: str, new_cache, redis: Redis, client: RedisClient
) -> None:
    cache = new_cache()
    await cache.set_if_newer("a", 2, b"two")
    incarnation, generation = await cache.incarnation(), await cache.bump("pages")
    if way == "kill":
        redis.kill()
        redis.start()
    else:
        await client.flushall()
    assert await cache.get_many(["a"]) == [None]
    assert await cache.incarnation() != incarnation
    assert await cache.generation("pages") > generation
    assert await cache.set_if_newer("a", 1, b"one")


async def test_a_redis_that_was_restarted_with_its_data_has_another_incarnation(
    new_cache, redis: Redis, client: RedisClient
) -> None:
    cache = new_cache(prefix="restarted:")
    incarnation = await cache.incarnation()
    kept = await client.dump("restarted:incarnation")
    assert kept is not None
    redis.stop()
    redis.start()
    async with RedisClient.from_url(redis.url) as again:
        await again.restore("restarted:incarnation", 0, kept)
    assert await cache.incarnation() != incarnation


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_a_redis_that_is_away_fails_one_call_and_then_all_at_once_until_the_pause_is_over(
    fault: str, new_cache, redis: Redis
) -> None:
    clock = Clock()
    cache = new_cache(call_seconds=0.05, pause_seconds=1.0, clock=clock)
    getattr(redis, fault)()
    with pytest.raises(CacheUnavailable, match="cannot be used"):
        await cache.get_many(["a"])
    for call in (cache.get_many(["a"]), cache.set_if_newer("a", 1, b""), cache.generation("a"), cache.bump("a")):
        with pytest.raises(CacheUnavailable, match="a moment ago"):
            await call
    clock.seconds = 1.0
    answers = await asyncio.gather(*(cache.get_many(["a"]) for _ in range(5)), return_exceptions=True)
    assert sorted("a moment ago" in str(answer) for answer in answers) == [False, True, True, True, True]


async def test_a_redis_that_came_back_is_used_after_the_pause(new_cache, redis: Redis) -> None:
    clock = Clock()
    cache = new_cache(clock=clock)
    redis.kill()
    with pytest.raises(CacheUnavailable):
        await cache.set_if_newer("a", 1, b"one")
    redis.start()
    with pytest.raises(CacheUnavailable):
        await cache.set_if_newer("a", 1, b"one")
    clock.seconds = 1.0
    assert await cache.set_if_newer("a", 1, b"one")
    assert await cache.get_many(["a"]) == [b"one"]


async def test_a_redis_that_refuses_is_unavailable_too(new_cache, client: RedisClient) -> None:
    await client.lpush("refuses:a", "no value")
    with pytest.raises(CacheUnavailable, match="ResponseError"):
        await new_cache(prefix="refuses:").set_if_newer("a", 1, b"one")


async def test_a_call_that_is_cancelled_leaves_no_answer_to_the_next(new_cache) -> None:
    cache = new_cache()
    await cache.set_if_newer("a", 1, b"A")
    for turns in range(6):
        asking = asyncio.create_task(cache.get_many(["a", "a"]))
        for _ in range(turns):
            await asyncio.wait([asking], timeout=0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await cache.get_many(["a"]) == [b"A"]
