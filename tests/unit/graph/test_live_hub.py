"""The live hub: nobody misses the last state, sees one twice, or makes it hold more than one change of a topic."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import suppress

import pytest

from graph.deadline import at_work_for
from graph.live import Hub, OneAlone, Source, Watch, follow
from graph.ports import Change
from tests.conftest import wait_until
from tests.unit.graph.watching import Feed, Ticks, turn

SECONDS = 0.2


def opened() -> tuple[Feed, Hub]:
    feed = Feed()
    return feed, Hub(feed)


async def taken(watch: Watch, count: int) -> list[Change | None]:
    found: list[Change | None] = []
    async with asyncio.timeout(5):
        async for change in watch:
            found.append(change)
            if len(found) == count:
                return found
    return found


async def test_a_watch_sees_its_topics_and_no_others() -> None:
    feed, hub = opened()
    with hub.watch("order:1", "order:2") as watch:
        for topic in ("order:1", "order:3", "order:2"):
            feed.tell(topic, 1)
        assert await taken(watch, 2) == [Change("order:1", 1), Change("order:2", 1)]


async def test_a_slow_watch_holds_the_newest_change_of_each_topic() -> None:
    feed, hub = opened()
    with hub.watch("a", "b") as watch:
        for version in (1, 3, 2):
            feed.tell("a", version)
            feed.tell("b", version)
        assert await taken(watch, 2) == [Change("a", 3), Change("b", 3)]
        feed.tell("a", 4)
        assert await taken(watch, 1) == [Change("a", 4)]


async def test_a_watch_may_keep_one_change_of_each_thing_under_a_topic() -> None:
    feed, hub = opened()
    with hub.watch("buyer:1", key=lambda change: change.payload) as watch:
        feed.tell("buyer:1", 7, "first order")
        feed.tell("buyer:1", 1, "second order")
        feed.tell("buyer:1", 8, "first order")
        assert await taken(watch, 2) == [Change("buyer:1", 8, "first order"), Change("buyer:1", 1, "second order")]


async def test_every_watch_of_a_topic_is_told() -> None:
    feed, hub = opened()
    with hub.watch("a") as one, hub.watch("a") as other:
        feed.tell("a", 1)
        assert await taken(one, 1) == await taken(other, 1) == [Change("a", 1)]


async def test_whoever_left_is_forgotten() -> None:
    _, hub = opened()
    with hub.watch("a", "b"), hub.watch("b"):
        assert hub.watched() == {"a", "b"}
    assert hub.watched() == set()


async def test_after_lost_news_everything_is_read_again() -> None:
    feed, hub = opened()
    with hub.watch("a") as watch:
        feed.tell("a", 1)
        feed.lose()
        assert await taken(watch, 1) == [None]
        assert watch.lost
        assert await taken(watch, 1) == [Change("a", 1)]


async def test_everything_is_read_for_somebody_who_comes_later() -> None:
    feed, hub = opened()
    with hub.watch("a") as watch:
        feed.tell("a", 1)
        watch.come()
        assert await taken(watch, 2) == [None, Change("a", 1)]
        assert not watch.lost


async def test_a_watch_counts_as_many_as_it_is_for() -> None:
    _, hub = opened()
    with hub.watch("a", "b"), hub.watch("b", size=lambda: 5):
        assert hub.watchers() == 6


async def test_a_closed_hub_ends_what_is_watched_and_what_will_be() -> None:
    _, hub = opened()
    with hub.watch("a") as watch:
        hub.close()
        assert await taken(watch, 1) == []
    with hub.watch("a") as later:
        assert await taken(later, 1) == []


class Versions:
    """One thing whose version rises with each read, as if somebody changed it between two."""

    def __init__(self, *versions: int) -> None:
        self.versions = list(versions)

    def source(self, key: Callable[[Change], Hashable] = lambda change: "a") -> Source[int]:
        return Source(topics=["a"], thing=key, read=self._read, place=lambda version: ("a", version), update=_told)

    async def _read(self, change: Change | None) -> list[int]:
        return [self.versions.pop(0)]


def _told(version: int, is_snapshot: bool) -> str:
    return f"{version}, a snapshot" if is_snapshot else f"{version}"


def alone(hub: Hub, source: Source[int]) -> AsyncIterator[str]:
    return follow(hub, source, OneAlone())


async def told(updates: AsyncIterator[str], count: int) -> list[str]:
    async with asyncio.timeout(5):
        return [await anext(updates) for _ in range(count)]


async def test_a_change_while_the_snapshot_is_read_is_not_told_twice() -> None:
    feed, hub = opened()
    state = Versions(2, 3)
    updates = alone(hub, state.source())
    assert await told(updates, 1) == ["2, a snapshot"]
    feed.tell("a", 2)
    feed.tell("a", 3)
    assert await told(updates, 1) == ["3"]


async def test_a_read_ahead_of_its_change_is_told_once() -> None:
    feed, hub = opened()
    state = Versions(2, 5, 6)
    updates = alone(hub, state.source())
    await told(updates, 1)
    for version in (3, 4, 5, 6):
        feed.tell("a", version)
        if version == 3:
            assert await told(updates, 1) == ["5"]
    assert await told(updates, 1) == ["6"]
    assert state.versions == []


async def test_a_read_behind_its_change_is_not_taken_for_it() -> None:
    feed, hub = opened()
    state = Versions(2, 2, 3)
    updates = alone(hub, state.source())
    await told(updates, 1)
    feed.tell("a", 3)
    following = asyncio.create_task(told(updates, 1))

    async def is_read() -> bool:
        return len(state.versions) == 1

    await wait_until(is_read)
    feed.tell("a", 3)
    assert await following == ["3"]


async def test_reading_again_tells_only_what_is_newer() -> None:
    feed, hub = opened()
    state = Versions(2, 2, 3)
    updates = alone(hub, state.source())
    await told(updates, 1)
    feed.lose()
    following = asyncio.create_task(told(updates, 1))

    async def is_read() -> bool:
        return len(state.versions) == 1

    await wait_until(is_read)
    feed.lose()
    assert await following == ["3"]


async def test_a_state_that_is_gone_is_passed_over() -> None:
    feed, hub = opened()
    states = [[1], []]

    async def read(change: Change | None) -> list[int]:
        if len(states) == 1:
            hub.close()
        return states.pop(0)

    source = Source(topics=["a"], thing=lambda change: "a", read=read, place=lambda found: ("a", found), update=_told)
    updates = alone(hub, source)
    await told(updates, 1)
    feed.tell("a", 2)
    assert [update async for update in updates] == []


def standing(versions: Sequence[int]) -> Source[int]:
    """Things that stand where they stand, each at its own version."""

    async def read(change: Change | None) -> Sequence[int]:
        return versions

    return Source(topics=["a"], thing=lambda _: None, read=read, place=lambda version: (version, version), update=_told)


async def test_updates_start_one_in_a_turn_of_the_loop_and_who_follows_is_served_in_turn() -> None:
    _, hub = opened()
    started: list[tuple[str, int]] = []

    async def follow_as(name: str) -> None:
        updates = alone(hub, standing(range(10)))
        for _ in range(10):
            await anext(updates)
            started.append((name, ticks.count))

    with Ticks() as ticks:
        await asyncio.gather(*map(follow_as, "abc"))
    assert "".join(name for name, _ in started) == "abc" * 10
    assert all(one < other for (_, one), (_, other) in itertools.pairwise(started))


async def test_reads_begin_one_in_a_turn_of_the_loop() -> None:
    feed, hub = opened()
    begun: list[int] = []

    async def read(change: Change | None) -> list[int]:
        begun.append(ticks.count)
        return [len(begun)]

    source = Source(topics=["a"], thing=lambda _: "a", read=read, place=lambda version: ("a", version), update=_told)
    with Ticks() as ticks:
        followers = [alone(hub, source) for _ in range(5)]
        await asyncio.gather(*(told(updates, 1) for updates in followers))
        feed.tell("a", 100)
        await asyncio.gather(*(told(updates, 1) for updates in followers))
    assert len(set(begun)) == len(begun) == 10


@pytest.mark.parametrize("after", range(1, 9))
async def test_whoever_goes_while_it_waits_for_its_turn_holds_up_nobody(after: int) -> None:
    _, hub = opened()
    leaving, *staying = [asyncio.create_task(told(alone(hub, standing(range(10))), 10)) for _ in range(3)]
    while not leaving.done():
        for _ in range(after):
            await turn()
        leaving.cancel()
    assert [len(await other) for other in staying] == [10, 10]
    assert leaving.cancelled()


async def test_no_time_to_work_passes_while_an_update_waits_for_its_turn() -> None:
    _, hub = opened()
    updates = alone(hub, standing(range(3)))
    async with hub.turn:
        waiting = asyncio.create_task(told_in_time(updates, 3))
        with suppress(TimeoutError):
            async with at_work_for(2 * SECONDS):
                await asyncio.Event().wait()
    assert await waiting == ["0, a snapshot", "1, a snapshot", "2, a snapshot"]


async def told_in_time(updates: AsyncIterator[str], count: int) -> list[str]:
    """What is told by an operation that has little time."""
    async with at_work_for(SECONDS):
        return await told(updates, count)
