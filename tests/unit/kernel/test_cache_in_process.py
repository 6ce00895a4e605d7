"""The cache of one process: versions, generations, and its bounds."""

from kernel.cache import ENTRY_BYTES, InProcessCache


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


async def test_values_come_in_the_order_of_their_keys() -> None:
    cache = InProcessCache()
    await cache.set_if_newer("a", 1, b"A")
    await cache.set_if_newer("b", 1, b"")
    assert await cache.get_many(["b", "missing", "a", "b"]) == [b"", None, b"A", b""]
    assert await cache.get_many([]) == []


async def test_an_older_value_never_overwrites() -> None:
    cache = InProcessCache()
    assert await cache.set_if_newer("a", 2, b"two")
    assert not await cache.set_if_newer("a", 1, b"one")
    assert not await cache.set_if_newer("a", 2, b"two again")
    assert await cache.get_many(["a"]) == [b"two"]
    assert await cache.set_if_newer("a", 3, b"three")
    assert await cache.get_many(["a"]) == [b"three"]


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


async def test_every_bump_begins_a_generation_of_one_group() -> None:
    cache = InProcessCache()
    before = await cache.generation("pages")
    assert await cache.bump("pages") == before + 1
    assert await cache.generation("pages") == before + 1
    assert await cache.generation("others") == before
