"""What carries messages between domains: RabbitMQ, or the process itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from messaging.message import Message

Receive = Callable[[Message], Awaitable[None]]
"""Takes a delivery; returning means that it is safe in the consumer's database."""

Bury = Callable[[Message, str], Awaitable[None]]
"""Keeps for an operator what the transport gave up, and why; runs no handler."""

Watch = Callable[[Message], None]
"""Sees a copy of a message, best effort; must not block."""


class PublishFailed(Exception):
    """The message may not have arrived and has to be sent again."""


class Transport(Protocol):
    """Carries each message to every domain that consumes it, at least once, in any order."""

    def consume(self, domain: str, events: Collection[str], receive: Receive, bury: Bury | None = None) -> None:
        """From `start` on, deliveries of these events for this domain go to `receive`, what is given up to `bury`."""
        ...

    def watch(self, events: Collection[str], watch: Watch, missed: Callable[[], None]) -> None:
        """From `start` on, this process sees a copy of every message of these events.

        `missed` is called, on the event loop, when copies may have been lost and no longer are.
        """
        ...

    @property
    def can_send(self) -> bool:
        """Whether it is worth trying to publish now."""
        ...

    @property
    def connections(self) -> Mapping[str, datetime | None]:
        """What connects this process to a broker, each by name: since when it is away, None while it is there."""
        ...

    async def waiting(self, domain: str) -> int | None:
        """How many messages wait to be delivered to the domain; None where nobody can say now."""
        ...

    async def start(self) -> None:
        """Begins to deliver."""
        ...

    async def publish(self, message: Message) -> None:
        """Returns when the message is safe with those who will deliver it; raises PublishFailed."""
        ...

    async def rest(self) -> None:
        """Takes no more deliveries and waits for those that run; publishing goes on."""
        ...

    async def stop(self) -> None:
        """Rests, then closes: publishing fails from here on."""
        ...
