"""The live hub: who watches what in this process, so that nobody misses a state or sees one twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from typing import Self, TypeVar

from graph.ports import Change, Changes

State = TypeVar("State")


class Watch:
    """One client's view of some topics: iterate over it while it is entered, and it never holds more than the newest.

    It keeps at most one pending change per key (the topic, unless told otherwise), so a client that reads slowly costs
    bounded memory and gets the latest state when it comes back. It yields None where news may have been lost: then
    everything it watches has to be read again.
    """

    def __init__(self, hub: Hub, topics: Iterable[str], key: Callable[[Change], Hashable]) -> None:
        self._hub = hub
        self._topics = frozenset(topics)
        self._key = key
        self._pending: dict[Hashable, Change] = {}
        self._read_again = False
        self._closed = False
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        self._hub._enter(self, self._topics)
        return self

    def __exit__(self, *_: object) -> None:
        self._hub._leave(self, self._topics)

    async def __aiter__(self) -> AsyncIterator[Change | None]:
        while True:
            await self._news.wait()
            if self._closed:
                return
            if self._read_again:
                # What is pending is older than what will be read.
                self._read_again = False
                self._pending.clear()
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
        """Have everything read again."""
        self._read_again = True
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
        self._watches: dict[str, set[Watch]] = defaultdict(set)
        self._closed = False
        changes.listen(self.receive, self.reread_all)

    def watch(self, *topics: str, key: Callable[[Change], Hashable] = lambda change: change.topic) -> Watch:
        """A watch of these topics; enter it before the snapshot is read, so that nothing falls between the two."""
        return Watch(self, topics, key)

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
        return len(self._entered())

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


async def newer(
    watch: Watch, seen: int, read: Callable[[], Awaitable[State | None]], version: Callable[[State], int]
) -> AsyncIterator[State]:
    """What is read after each change, if it is newer than `seen`, the version of the snapshot.

    The versions that were read are compared, not those of the changes: what was read may be ahead of its change.
    """
    async for change in watch:
        if change is not None and change.version <= seen:
            continue
        state = await read()
        if state is not None and version(state) > seen:
            seen = version(state)
            yield state
