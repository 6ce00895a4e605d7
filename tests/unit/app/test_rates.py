"""How often somebody may ask: the same rules in a process and in Redis, each process alone while Redis is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.devstack import Redis
from app.rates import MOST_COUNTS, InProcessRates, RedisRates
from graph.ports import Rates
from tests.stack import BUSY_SECONDS


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def of_redis(server: Redis, **options: object) -> RedisRates:
    given = {"per_viewer": 3, "per_address": 5, "prefix": str(uuid4()), "call_seconds": BUSY_SECONDS, **options}
    return RedisRates(server.url, **given)  # pyright: ignore[reportArgumentType]


@pytest.fixture(params=["process", pytest.param("redis", marks=pytest.mark.redis)])
async def rates(request: pytest.FixtureRequest) -> AsyncIterator[Rates]:
    """Three requests a minute for a viewer and five for an address, counted here or there."""
    if request.param == "process":
        yield InProcessRates(per_viewer=3, per_address=5)
        return
    counting = of_redis(request.getfixturevalue("redis"))
    yield counting
    await counting.close()


async def test_a_viewer_waits_who_asked_too_often(rates: Rates) -> None:
    answers = [await rates.count(None, "alice") for _ in range(5)]
    assert answers[:3] == [0, 0, 0]
    assert all(0 < seconds <= 120 for seconds in answers[3:])
    assert await rates.count(None, "bob") == 0


async def test_an_address_waits_whoever_asks_from_there(rates: Rates) -> None:
    answers = [await rates.count("192.0.2.1", f"viewer-{number}") for number in range(6)]
    assert [seconds > 0 for seconds in answers] == [False] * 5 + [True]
    assert await rates.count("192.0.2.2", "viewer-0") == 0
    assert await rates.count("192.0.2.1", None) > 0


async def test_what_nobody_is_known_of_is_not_counted(rates: Rates) -> None:
    assert [await rates.count(None, None) for _ in range(10)] == [0] * 10


async def test_nobody_waits_where_there_is_no_limit() -> None:
    rates = InProcessRates(per_viewer=0, per_address=0)
    assert [await rates.count("192.0.2.1", "alice") for _ in range(10)] == [0] * 10


@given(st.lists(st.floats(min_value=0, max_value=70), min_size=1, max_size=40))
def test_whoever_waits_as_long_as_told_may_go_on(pauses: list[float]) -> None:
    clock = Clock()
    rates = InProcessRates(per_viewer=3, per_address=0, clock=clock)

    async def ask() -> None:
        for pause in pauses:
            clock.now += pause
            seconds = await rates.count(None, "alice")
            assert 0 <= seconds <= 120
            if seconds:
                clock.now += seconds + 0.001
                assert await rates.count(None, "alice") == 0

    asyncio.run(ask())


@pytest.mark.redis
async def test_all_processes_count_in_the_same_place(redis: Redis) -> None:
    prefix = str(uuid4())
    gateways = [of_redis(redis, prefix=prefix) for _ in range(3)]
    answers = [await gateway.count(None, "alice") for gateway in gateways * 2]
    assert [seconds > 0 for seconds in answers] == [False] * 3 + [True] * 3
    for gateway in gateways:
        await gateway.close()


@pytest.mark.redis
async def test_a_share_of_a_large_limit_is_spent_without_asking(redis: Redis) -> None:
    counted_alone: list[int] = []
    rates = of_redis(redis, per_viewer=6000, per_address=0, counted_alone=lambda: counted_alone.append(1))
    assert await rates.count(None, "alice") == 0
    redis.kill()
    assert [await rates.count(None, "alice") for _ in range(9)] == [0] * 9
    assert counted_alone == []
    await rates.close()


@pytest.mark.redis
async def test_each_process_counts_alone_while_redis_is_away_and_together_when_it_is_back(redis: Redis) -> None:
    clock, counted_alone = Clock(), []
    rates = of_redis(redis, per_viewer=1, clock=clock, counted_alone=lambda: counted_alone.append(1))
    redis.kill()
    answers = [await rates.count("192.0.2.1", viewer) for viewer in ("alice", "alice", "bob", "bob")]
    assert [seconds > 0 for seconds in answers] == [False, True, False, True]
    assert len(counted_alone) == 4
    redis.start()
    clock.now += 2
    assert [await rates.count(None, "alice") > 0 for _ in range(2)] == [False, True]
    assert len(counted_alone) == 4
    await rates.close()


@pytest.mark.redis
async def test_an_answer_of_redis_that_comes_late_gives_nobody_more_than_the_limit(redis: Redis) -> None:
    rates = of_redis(redis, per_viewer=3, call_seconds=0.05, pause_seconds=60)
    redis.pause()
    assert [await rates.count(None, "alice") > 0 for _ in range(5)] == [False] * 3 + [True] * 2
    redis.resume()
    assert await rates.count(None, "alice") > 0
    await rates.close()


@pytest.mark.redis
async def test_one_request_tries_whether_redis_is_back_while_the_others_go_on(redis: Redis) -> None:
    clock, counted_alone = Clock(), []
    rates = of_redis(redis, per_viewer=9, clock=clock, counted_alone=lambda: counted_alone.append(1))
    redis.kill()
    await rates.count(None, "alice")
    redis.start()
    clock.now += 2
    await asyncio.gather(*(rates.count(None, "alice") for _ in range(5)))
    assert len(counted_alone) == 1 + 4
    await rates.close()


async def test_of_ever_new_addresses_those_are_forgotten_that_ask_no_more() -> None:
    rates = InProcessRates(per_viewer=1, per_address=1, clock=Clock())
    assert [await rates.count("192.0.2.1", "alice") > 0 for _ in range(2)] == [False, True]
    for number in range(MOST_COUNTS):
        await rates.count(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::", None)
    assert await rates.count("192.0.2.1", None) == 0


async def test_viewers_are_not_forgotten_for_ever_new_addresses() -> None:
    rates = InProcessRates(per_viewer=1, per_address=1, clock=Clock())
    assert await rates.count(None, "alice") == 0
    for number in range(MOST_COUNTS):
        await rates.count(f"2001:db8:{number >> 16:x}:{number & 0xFFFF:x}::", None)
    assert await rates.count(None, "alice") > 0


@pytest.mark.redis
@pytest.mark.parametrize(("asked", "limit"), [(200, 200), (700, 60_000)], ids=["all of it", "far below it"])
async def test_all_who_ask_at_once_share_what_the_limit_allows(redis: Redis, asked: int, limit: int) -> None:
    counted_alone: list[int] = []
    rates = of_redis(redis, per_address=limit, counted_alone=lambda: counted_alone.append(1))
    answers = await asyncio.gather(*(rates.count("192.0.2.1", None) for _ in range(asked)))
    assert answers == [0] * asked
    assert (await rates.count("192.0.2.1", None) > 0) == (limit == asked)
    assert counted_alone == []
    await rates.close()


@pytest.mark.redis
async def test_all_who_ask_at_once_go_on_when_redis_falls_silent(redis: Redis) -> None:
    counted_alone: list[int] = []
    rates = of_redis(redis, per_viewer=500, call_seconds=0.05, counted_alone=lambda: counted_alone.append(1))
    redis.pause()
    answers = await asyncio.gather(*(rates.count(None, "alice") for _ in range(700)))
    redis.resume()
    assert [seconds > 0 for seconds in answers] == [False] * 500 + [True] * 200
    assert len(counted_alone) == 700
    await rates.close()
