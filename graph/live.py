"""The live hub: who watches what in this process, so that nobody misses a state or sees one twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, Protocol, Self, TypeVar

from graph.deadline import resting, step
from graph.ports import Change, Changes

State = TypeVar("State")

NEVER = -1
"""Before every version."""


class Watch:
    """One view of some topics: iterate over it while it is entered, and it never holds more than the newest.

    It keeps at most one pending change per key (the topic, unless told otherwise), so whoever reads slowly costs
    bounded memory and gets the latest state when it comes back. It yields None where everything it watches has to be
    read again: `lost` tells whether news may have been lost, or somebody came who knows nothing yet.
    """

    def __init__(
        self, hub: Hub, topics: Iterable[str], key: Callable[[Change], Hashable], size: Callable[[], int]
    ) -> None:
        self.lost = False
        self.size = size
        self._hub = hub
        self._topics = frozenset(topics)
        self._key = key
        self._pending: dict[Hashable, Change] = {}
        self._losing = False
        self._coming = False
        self._closed = False
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self._hub._enter(self, self._topics)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub._leave(self, self._topics)

    async def __aiter__(self) -> AsyncIterator[Change | None]:
        while True:
            with resting():
                await self._news.wait()
            if self._closed:
                return
            if self._losing or self._coming:
                self.lost, self._losing, self._coming = self._losing, False, False
                self._rest()
                yield None
                continue
            change = self._pending.pop(next(iter(self._pending)))
            self._rest()
            yield change

    def offer(self, change: Change) -> None:
        """Keep a change until it is asked for, unless a newer one of the same key is kept already."""
        key = self._key(change)
        kept = self._pending.get(key)
        if kept is None or kept.version < change.version:
            self._pending[key] = change
            self._news.set()

    def read_again(self) -> None:
        """Have everything read again: news may have been lost."""
        self._losing = True
        self._news.set()

    def come(self) -> None:
        """Have everything read for somebody who knows nothing yet."""
        self._coming = True
        self._news.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._news.set()

    def _rest(self) -> None:
        if not self._pending and not self._closed:
            self._news.clear()


class Hub:
    """Hands each change to those who watch its topic; one per process."""

    def __init__(self, changes: Changes) -> None:
        self.turn = asyncio.Lock()
        """Held by who reads or tells something next."""
        self._watches: dict[str, set[Watch]] = defaultdict(set)
        self._closed = False
        changes.listen(self.receive, self.reread_all)

    def watch(
        self,
        *topics: str,
        key: Callable[[Change], Hashable] = lambda change: change.topic,
        size: Callable[[], int] = lambda: 1,
    ) -> Watch:
        """A watch of these topics on behalf of `size` subscriptions.

        Enter it before the snapshot is read, so that nothing falls between the two.
        """
        return Watch(self, topics, key, size)

    async def wait_for_turn(self) -> None:
        """Wait for those who asked before, and let everybody else have a turn of the loop.

        One read or update is begun in a turn, since strangers may watch thousands of things.
        """
        with resting():
            async with self.turn:
                await asyncio.sleep(0)

    def receive(self, change: Change) -> None:
        """Take a change in."""
        for watch in self._watches.get(change.topic, ()):
            watch.offer(change)

    def reread_all(self) -> None:
        """News may have been lost: have every watched topic read again and what changed passed on."""
        for watch in self._entered():
            watch.read_again()

    def close(self) -> None:
        """End every watch, those to come too: the process stops."""
        self._closed = True
        for watch in self._entered():
            watch.close()

    def watched(self) -> frozenset[str]:
        """The topics that somebody watches now."""
        return frozenset(self._watches)

    def watchers(self) -> int:
        """How many subscriptions watch something now."""
        return sum(watch.size() for watch in self._entered())

    def _entered(self) -> set[Watch]:
        return set().union(*self._watches.values())

    def _enter(self, watch: Watch, topics: frozenset[str]) -> None:
        for topic in topics:
            self._watches[topic].add(watch)
        if self._closed:
            watch.close()

    def _leave(self, watch: Watch, topics: frozenset[str]) -> None:
        for topic in topics:
            self._watches[topic].discard(watch)
            if not self._watches[topic]:
                del self._watches[topic]


@dataclass(frozen=True, kw_only=True)
class Source(Generic[State]):
    """What a subscription tells of: things that have versions which only rise."""

    topics: Sequence[str]
    thing: Callable[[Change], Hashable]
    """Which of the things a change is of."""
    read: Callable[[Change | None], Awaitable[Sequence[State]]]
    """What stands after a change; everything for None."""
    place: Callable[[State], tuple[Hashable, int]]
    """Which thing a state is of, and its version."""
    update: Callable[[State, bool], Any]
    """What subscribers are told; True for a snapshot."""


class To(Enum):
    """Whom an update is for."""

    PRESENT = auto()
    """Those who have their snapshot."""
    NEW = auto()
    """Those who get it now."""
    ALL = auto()


class Audience(Protocol):
    """Who follows a source; others may come at any time."""

    def size(self) -> int:
        """How many they are."""
        ...

    def await_more(self, come: Callable[[], None]) -> None:
        """Call `come` for whoever comes from here on."""
        ...

    def admit(self) -> None:
        """Whoever has come until now is new."""
        ...

    def address(self, whom: To, thing: Hashable = None) -> bool:
        """The next update is for these, and about this thing; False where nobody is one of them."""
        ...

    def settle(self) -> None:
        """The new are present from here on."""
        ...

    def dismiss(self) -> None:
        """The new were told why they cannot be served."""
        ...


class OneAlone:
    """An audience of one, who was there from the start."""

    def __init__(self) -> None:
        self._present = False

    def size(self) -> int:
        return 1

    def await_more(self, come: Callable[[], None]) -> None:
        """Nobody else will come."""

    def admit(self) -> None:
        """Nobody else is there."""

    def address(self, whom: To, thing: Hashable = None) -> bool:
        return whom is To.ALL or self._present is (whom is To.PRESENT)

    def settle(self) -> None:
        self._present = True

    def dismiss(self) -> None:
        """It is never new while somebody else is present."""


async def follow(hub: Hub, source: Source[State], audience: Audience) -> AsyncIterator[Any]:
    """A snapshot for whoever comes, and for those who have theirs whatever is newer.

    The versions that were read are compared, not those of the changes: what was read may be ahead of its change. Those
    who come later read no older than what the others were told: an event goes out after its commit.
    """
    seen: dict[Hashable, int] = {}
    with hub.watch(*source.topics, key=source.thing, size=audience.size) as watch:
        audience.await_more(watch.come)
        watch.come()
        async for change in watch:
            if change is not None and change.version <= seen.get(source.thing(change), NEVER):
                continue
            await hub.wait_for_turn()
            if change is None:
                audience.admit()
            try:
                async with step():
                    states = await source.read(change)
            except Exception as error:
                if change is not None or watch.lost or not audience.address(To.PRESENT):
                    await _is_in_turn(hub, audience, To.ALL)
                    raise
                if await _is_in_turn(hub, audience, To.NEW):
                    yield error
                    audience.dismiss()
                continue
            for state in states:
                thing, version = source.place(state)
                if version > seen.get(thing, NEVER):
                    seen[thing] = version
                    if await _is_in_turn(hub, audience, To.PRESENT, thing):
                        yield source.update(state, False)
            if change is None:
                for state in states:
                    if await _is_in_turn(hub, audience, To.NEW, source.place(state)[0]):
                        yield source.update(state, True)
                audience.settle()


async def _is_in_turn(hub: Hub, audience: Audience, whom: To, thing: Hashable = None) -> bool:
    """Address the next update when its turn has come; False where nobody is there to be told, before or by then."""
    if not audience.address(whom, thing):
        return False
    await hub.wait_for_turn()
    return audience.address(whom, thing)
