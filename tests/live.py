"""Subscriptions as a test reads them: the next update, or the first one that fits, within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from app.live_client import LiveClient

SECONDS = 20.0


class Updates:
    """The updates of one subscription; `seen` keeps them all."""

    def __init__(self, stream: AsyncIterator[dict[str, Any]]) -> None:
        self._stream = stream
        self.seen: list[dict[str, Any]] = []

    async def next(self) -> dict[str, Any]:
        """The next update."""
        async with asyncio.timeout(SECONDS):
            [update] = (await anext(self._stream)).values()
        self.seen.append(update)
        return update

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first update from here on that fits."""
        while not fits(update := await self.next()):
            pass
        return update

    @property
    def versions(self) -> list[int]:
        """The versions of the updates so far."""
        return [update["version"] for update in self.seen]


class Live:
    """One websocket with any number of subscriptions on it."""

    def __init__(self, client: LiveClient) -> None:
        self._client = client

    def follow(self, document: str, **variables: Any) -> Updates:
        """A subscription; it begins when its first update is asked for."""
        return Updates(self._client.follow(document, variables))

    async def watch(self, document: str, **variables: Any) -> Updates:
        """A subscription whose first update, the snapshot, has come."""
        updates = self.follow(document, **variables)
        assert (await updates.next())["isSnapshot"]
        return updates
