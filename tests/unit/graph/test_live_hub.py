"""The live hub: nobody misses the last state, sees one twice, or makes it hold more than one change of a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from graph.live import Hub, Watch, newer
from graph.ports import Change


class Feed:
    """A feed that brings what a test tells it to."""

    def __init__(self) -> None:
        self.receivers: list[Callable[[Change], None]] = []
        self.missed: list[Callable[[], None]] = []

    def listen(self, receive: Callable[[Change], None], missed: Callable[[], None]) -> None:
        self.receivers.append(receive)
        self.missed.append(missed)

    def lose(self) -> None:
        for missed in self.missed:
            missed()

    def tell(self, topic: str, version: int, payload: object = None) -> None:
        for receive in self.receivers:
            receive(Change(topic, version, payload))


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


async def test_after_lost_news_everything_is_read_again_and_nothing_older_passed_on() -> None:
    feed, hub = opened()
    with hub.watch("a") as watch:
        feed.tell("a", 1)
        feed.lose()
        feed.tell("a", 2)
        assert await taken(watch, 1) == [None]
        feed.tell("a", 3)
        assert await taken(watch, 1) == [Change("a", 3)]


async def test_a_closed_hub_ends_what_is_watched_and_what_will_be() -> None:
    _, hub = opened()
    with hub.watch("a") as watch:
        hub.close()
        assert await taken(watch, 1) == []
    with hub.watch("a") as later:
        assert await taken(later, 1) == []


class Versions:
    """A state whose version rises with each read, as if somebody changed it between two."""

    def __init__(self, *versions: int) -> None:
        self.versions = list(versions)

    async def read(self) -> int:
        return self.versions.pop(0)


async def followed(watch: Watch, seen: int, state: Versions, count: int) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(5):
        async for version in newer(watch, seen, state.read, int):
            found.append(version)
            if len(found) == count:
                return found
    return found


async def test_a_change_between_subscribing_and_the_snapshot_is_not_sent_twice() -> None:
    feed, hub = opened()
    state = Versions(2, 3)
    with hub.watch("a") as watch:
        feed.tell("a", 2)
        snapshot = await state.read()
        feed.tell("a", 3)
        assert await followed(watch, snapshot, state, 1) == [3]


async def test_a_read_ahead_of_its_change_is_sent_once() -> None:
    feed, hub = opened()
    state = Versions(5, 6)
    with hub.watch("a", key=lambda change: change.version) as watch:
        for version in (3, 4, 5, 6):
            feed.tell("a", version)
        assert await followed(watch, 2, state, 2) == [5, 6]
    assert state.versions == []


async def test_a_read_behind_its_change_is_not_taken_for_it() -> None:
    feed, hub = opened()
    state = Versions(2, 3)
    with hub.watch("a", key=lambda change: change.version) as watch:
        for version in (3, 4):
            feed.tell("a", version)
        assert await followed(watch, 2, state, 1) == [3]


async def test_reading_again_passes_on_only_what_is_newer() -> None:
    feed, hub = opened()
    with hub.watch("a") as watch:

        async def read() -> int:
            if watch in told:
                return 3
            told.append(watch)
            feed.tell("a", 3)
            return 2

        told: list[Watch] = []
        feed.lose()
        async with asyncio.timeout(5):
            assert await anext(newer(watch, 2, read, int)) == 3


async def test_a_change_whose_state_is_gone_is_passed_over() -> None:
    feed, hub = opened()

    async def nothing() -> int | None:
        hub.close()
        return None

    with hub.watch("a") as watch:
        feed.tell("a", 1)
        assert [version async for version in newer(watch, 0, nothing, int)] == []
