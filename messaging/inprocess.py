"""The transport of the embedded form: hands a message to every consuming domain of this process.

`publish` returns only after every consumer has committed its inbox row: "confirmed" means what it means with a broker.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from kernel.database import outside_transaction
from messaging.message import Message
from messaging.transport import Bury, PublishFailed, Receive, Watch
from messaging.watchers import Watchers


class InProcessTransport:
    """Delivers within the process; keeps nothing itself."""

    def __init__(self) -> None:
        self._consumers: dict[str, list[Receive]] = defaultdict(list)
        self._watchers = Watchers()
        self._running = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._under_way = 0

    def consume(self, domain: str, events: Collection[str], receive: Receive, bury: Bury | None = None) -> None:
        """Deliveries of these events go to `receive`; in one process no name is needed, and nothing is given up."""
        for event in events:
            self._consumers[event].append(receive)

    def watch(self, events: Collection[str], watch: Watch, missed: Callable[[], None]) -> None:
        """This watcher sees every message of these events, before its consumers do; it misses none."""
        self._watchers.add(events, watch, missed)

    @property
    def can_send(self) -> bool:
        """Whether it runs."""
        return self._running

    @property
    def connections(self) -> Mapping[str, datetime | None]:
        """There is nothing to connect to."""
        return {}

    async def waiting(self, domain: str) -> int | None:
        """None wait: what is published was delivered."""
        return 0 if self._running else None

    async def start(self) -> None:
        """Begins to deliver."""
        self._running = True

    async def publish(self, message: Message) -> None:
        """Returns when every consuming domain has the message in its inbox; raises PublishFailed."""
        outside_transaction("publishing an event")
        if not self._running:
            raise PublishFailed("the transport is not running")
        self._under_way += 1
        self._idle.clear()
        try:
            self._watchers.show(message)
            deliveries = [receive(message) for receive in self._consumers[message.name]]
            failures = [f for f in await asyncio.gather(*deliveries, return_exceptions=True) if f is not None]
            if failures:
                raise PublishFailed(
                    f"{len(failures)} of {len(deliveries)} consumers could not take {message.name}"
                ) from failures[0]
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def rest(self) -> None:
        """Nothing to do: a delivery is part of publishing, and ends with the relay."""

    async def stop(self) -> None:
        """Refuses what is published from now on and waits for the deliveries that run."""
        self._running = False
        await self._idle.wait()
