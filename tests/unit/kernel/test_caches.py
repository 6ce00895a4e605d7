"""Both caches: versions, generations, and their bounds."""

from collections.abc import AsyncIterator

import pytest

from app.devstack import Redis
from kernel.cache import ENTRY_BYTES, Cache, InProcessCache
from tests.stack import new_redis_cache


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(params=["in process", pytest.param("redis", marks=pytest.mark.redis)])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    """An empty cache of each kind."""
    if request.param == "in process":
        yield InProcessCache()
        return
    server: Redis = request.getfixturevalue("redis")
    cache = new_redis_cache(server)
    yield cache
    await cache.close()


async def test_values_come_in_the_order_of_their_keys(cache: Cache) -> None:
    await cache.set_if_newer("a", 1, b"A\x00\xff")
    await cache.set_if_newer("b", 1, b"")
    assert await cache.get_many(["b", "missing", "a", "b"]) == [b"", None, b"A\x00\xff", b""]
    assert await cache.get_many([]) == []


async def test_an_older_value_never_overwrites(cache: Cache) -> None:
    assert await cache.set_if_newer("a", 9, b"nine")
    assert not await cache.set_if_newer("a", 8, b"eight")
    assert not await cache.set_if_newer("a", 9, b"nine again")
    assert await cache.get_many(["a"]) == [b"nine"]
    assert await cache.set_if_newer("a", 10, b"ten")
    assert await cache.set_if_newer("a", 2**62, b"the last")
    assert not await cache.set_if_newer("a", 2**62 - 1, b"the last but one")
    assert await cache.get_many(["a"]) == [b"the last"]


async def test_every_bump_begins_a_generation_of_one_group(cache: Cache) -> None:
    before, other = await cache.generation("pages"), await cache.generation("others")
    assert await cache.bump("pages") == before + 1
    assert await cache.generation("pages") == before + 1
    assert await cache.generation("others") == other


async def test_a_cache_that_forgets_nothing_keeps_its_incarnation(cache: Cache) -> None:
    incarnation = await cache.incarnation()
    await cache.set_if_newer("a", 1, b"A")
    await cache.bump("pages")
    assert await cache.incarnation() == incarnation


async def test_a_value_lives_for_its_time() -> None:
    clock = Clock()
    cache = InProcessCache(life_seconds=60, clock=clock)
    await cache.set_if_newer("a", 2, b"two")
    clock.seconds = 59
    assert await cache.get_many(["a"]) == [b"two"]
    clock.seconds = 61
    assert await cache.get_many(["a"]) == [None]
    assert await cache.set_if_newer("a", 1, b"one")


async def test_what_was_not_used_for_longest_makes_room() -> None:
    cache = InProcessCache(largest_bytes=2 * (ENTRY_BYTES + 10))
    for key in ("a", "b"):
        await cache.set_if_newer(key, 1, bytes(10))
    await cache.get_many(["a"])
    await cache.set_if_newer("c", 1, bytes(10))
    assert await cache.get_many(["a", "b", "c"]) == [bytes(10), None, bytes(10)]


async def test_a_value_larger_than_the_cache_is_not_kept() -> None:
    cache = InProcessCache(largest_bytes=1000)
    assert not await cache.set_if_newer("a", 1, bytes(1000))
    assert await cache.get_many(["a"]) == [None]
