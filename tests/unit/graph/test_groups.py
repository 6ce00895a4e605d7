"""Groups of watchers: one execution for all, a snapshot for each, and nobody disturbs the others."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import permutations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph.auth import Role, Viewer
from graph.groups import EverybodysContext, Frame, ViewerRead
from graph.sharing import Request, Sharing
from tests.unit.graph.watching import BOOKS, Ticks, Watcher, Watching, turn

A_LITTLE_BYTES = 500
"""Less than what a single event takes while it is told."""
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def viewer(subject: str = "alice", *, minutes: int = 60, role: Role = Role.BUYER) -> Viewer:
    return Viewer(subject, None, frozenset({role}), "issuer", NOW + timedelta(minutes=minutes))


@pytest.fixture
async def watching() -> AsyncIterator[Watching]:
    """A hub that is closed at the end, with every group."""
    opened = Watching()
    yield opened
    await opened.close()


async def test_what_many_watch_is_executed_and_written_once(watching: Watching) -> None:
    watchers = [Watcher() for _ in range(3)]
    for watcher in watchers:
        watching.join(watcher)
    for watcher in watchers:
        await watcher.has(1)
    watching.change()
    watching.publish()
    first, *others = [await watcher.has(2) for watcher in watchers]
    assert [[update["version"], update["isSnapshot"]] for update in watchers[0].updates] == [[0, True], [1, False]]
    for other in others:
        assert all(one is same for one, same in zip(first, other, strict=True))
    assert watching.inventory.reads == 1


async def test_whoever_comes_later_has_a_snapshot_of_its_own(watching: Watching) -> None:
    early, late = Watcher(), Watcher()
    watching.join(early)
    await early.has(1)
    watching.change()
    watching.publish()
    await early.has(2)
    watching.join(late)
    await late.has(1)
    watching.change()
    watching.publish()
    await early.has(3)
    await late.has(2)
    assert early.versions() == [0, 1, 2]
    assert late.versions() == [1, 2]
    assert [update["isSnapshot"] for update in late.updates] == [True, False]


async def test_what_a_latecomers_snapshot_is_ahead_of_the_others_are_told_too(watching: Watching) -> None:
    early, late = Watcher(), Watcher()
    watching.join(early)
    await early.has(1)
    watching.change()
    watching.join(late)
    await late.has(1)
    await early.has(2)
    watching.publish()
    watching.change()
    watching.publish()
    await early.has(3)
    await late.has(2)
    assert early.versions() == [0, 1, 2]
    assert late.versions() == [1, 2]


async def test_the_last_one_to_leave_frees_the_group(watching: Watching) -> None:
    one, other = Watcher(), Watcher()
    group = watching.join(one)
    assert watching.join(other) is group
    await other.has(1)
    assert watching.hub.watchers() == 2
    group.leave(one)
    watching.change()
    watching.publish()
    await other.has(2)
    assert (one.versions(), watching.groups.members(), watching.hub.watchers()) == ([0], [1], 1)
    group.leave(other)
    await watching.settled(lambda: not watching.hub.watched())
    assert watching.groups.members() == []


async def test_a_group_does_not_grow_with_what_it_was_told(watching: Watching) -> None:
    watcher = Watcher()
    watching.join(watcher)
    taken = []
    tracemalloc.start()
    try:
        for _ in range(3):
            for _ in range(100):
                while not watcher.frames:
                    await turn()
                watcher.frames.clear()
                watching.change()
                watching.publish()
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert taken[2] - taken[1] < 100 * A_LITTLE_BYTES


async def test_whoever_leaves_at_once_leaves_nothing(watching: Watching) -> None:
    watcher = Watcher()
    watching.join(watcher).leave(watcher)
    again = Watcher()
    watching.join(again)
    await again.has(1)
    assert (watching.groups.members(), watcher.frames) == ([1], [])


async def test_a_latecomer_whose_snapshot_cannot_be_read_is_told_and_nobody_else(watching: Watching) -> None:
    early, late = Watcher(), Watcher()
    watching.join(early)
    await early.has(1)
    watching.inventory.is_away = True
    watching.join(late)
    await late.has(2)
    assert late.kinds == ["next", "complete"]
    (error,) = orjson.loads(late.frames[0].tail[:-1])["errors"]
    assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
    watching.change()
    watching.publish()
    await early.has(2)
    assert (early.versions(), watching.groups.members()) == ([0, 1], [1])


async def test_when_lost_news_cannot_be_read_everybody_is_told(watching: Watching) -> None:
    watchers = [Watcher(), Watcher()]
    for watcher in watchers:
        watching.join(watcher)
        await watcher.has(1)
    watching.inventory.is_away = True
    watching.feed.lose()
    for watcher in watchers:
        await watcher.has(3)
        assert watcher.kinds == ["next", "next", "complete"]
    assert (watching.groups.members(), watching.hub.watched()) == ([], set())


async def test_a_resolver_that_refuses_is_the_error_of_each(watching: Watching) -> None:
    watchers = [Watcher(), Watcher()]
    for watcher in watchers:
        watching.join(watcher, isbns=[])
    for watcher in watchers:
        (frame,) = await watcher.has(1)
        (error,) = orjson.loads(b"{" + frame.tail[1:])["payload"]
        assert (frame.kind, error["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
    assert watching.groups.members() == []


async def test_a_hub_that_closes_completes_everybody(watching: Watching) -> None:
    watcher = Watcher()
    watching.join(watcher)
    await watcher.has(1)
    watching.hub.close()
    await watcher.has(2)
    assert watcher.kinds == ["next", "complete"]


async def test_what_differs_is_not_shared_and_tokens_of_one_viewer_are(watching: Watching) -> None:
    request = watching.request()
    own = Request(request.query, request.variables, request.name, Sharing.VIEWER, request.key)
    groups = [
        watching.groups.join(own, viewer("alice"), Watcher()),
        watching.groups.join(own, viewer("bob"), Watcher()),
        watching.groups.join(own, viewer("alice", role=Role.SELLER), Watcher()),
        watching.groups.join(own, None, Watcher()),
    ]
    assert len(set(groups)) == 4
    assert watching.groups.join(own, viewer("alice", minutes=5), Watcher()) is groups[0]
    everybody = watching.join(Watcher(), viewer=viewer("alice"))
    assert watching.join(Watcher(), viewer=viewer("bob")) is everybody
    assert watching.join(Watcher(), isbns=BOOKS[1:]) is not everybody


async def test_what_is_executed_for_everybody_has_no_viewer(watching: Watching) -> None:
    context = EverybodysContext.of(watching.services, viewer())
    with pytest.raises(ViewerRead):
        context.require_viewer()


class Noting(Watcher):
    """A watcher that notes in which turn of the loop it was told."""

    def __init__(self, ticks: Ticks, noted: list[int]) -> None:
        super().__init__()
        self._ticks = ticks
        self._noted = noted

    def offer(self, frame: Frame) -> None:
        super().offer(frame)
        self._noted.append(self._ticks.count)


async def test_however_many_groups_there_are_one_update_is_executed_in_a_turn(watching: Watching) -> None:
    noted: list[int] = []
    with Ticks() as ticks:
        watchers = [Noting(ticks, noted) for _ in range(6)]
        for watcher, isbns in zip(watchers, permutations(BOOKS), strict=True):
            watching.join(watcher, isbns=isbns)
        for watcher in watchers:
            await watcher.has(3)
        watching.change()
        watching.publish()
        for watcher in watchers:
            await watcher.has(4)
    assert len(watching.groups.members()) == 6
    assert len(set(noted)) == len(noted) == 6 * 4


async def test_when_nothing_can_be_read_one_group_is_told_in_a_turn(watching: Watching) -> None:
    watching.inventory.is_away = True
    noted: list[int] = []
    with Ticks() as ticks:
        watchers = [Noting(ticks, noted) for _ in range(6)]
        for watcher, isbns in zip(watchers, permutations(BOOKS), strict=True):
            watching.join(watcher, isbns=isbns)
        for watcher in watchers:
            await watcher.has(2)
            assert watcher.kinds == ["next", "complete"]
    assert len(set(noted)) == 6


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["join", "leave", "change", "publish", "lose", "pause", "resume", "wait"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_nobody_misses_the_last_state_or_sees_one_twice(steps: list[tuple[str, int]]) -> None:
    asyncio.run(play(steps))


async def play(steps: list[tuple[str, int]]) -> None:
    """Watchers of two books come and go while the books change, reads are slow and news are lost."""
    watching = Watching()
    books = BOOKS[:2]
    watchers = [Watcher() for _ in range(5)]
    gone: list[Watcher] = []
    groups = {}
    untold: set[str] = set()
    for step, number in steps:
        book = books[number % 2]
        match step:
            case "join" if watchers[number] not in groups:
                groups[watchers[number]] = watching.join(watchers[number], isbns=books)
            case "leave" if watchers[number] in groups:
                groups.pop(watchers[number]).leave(watchers[number])
                gone.append(watchers[number])
                watchers[number] = Watcher()
            case "change":
                watching.change(book)
                untold.add(book)
            case "publish":
                watching.publish(book)
                untold.discard(book)
            case "lose":
                watching.feed.lose()
                untold: set[str] = set()
            case "pause":
                watching.inventory.gate.clear()
            case "resume":
                watching.inventory.gate.set()
            case "wait":
                for _ in range(number * 5):
                    await turn()
    watching.inventory.gate.set()
    for book in untold:
        watching.publish(book)
    current = [watching.inventory.versions[book] for book in books]
    await watching.settled(
        lambda: all([watcher.versions(book)[-1:] for book in books] == [[one] for one in current] for watcher in groups)
    )
    for watcher in (*groups, *gone):
        for book in books:
            told = [update for update in watcher.updates if update["isbn"] == book]
            assert watcher.versions(book) == sorted(set(watcher.versions(book)))
            assert [update["isSnapshot"] for update in told] == [True, *[False] * len(told)][: len(told)]
    for watcher, group in groups.items():
        group.leave(watcher)
    await watching.settled(lambda: not watching.hub.watched())
    assert watching.groups.members() == []
