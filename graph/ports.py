"""What the gateway needs from outside the domains: news of changes, and the operators' desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kernel.pages import Page, PageRequest


@dataclass(frozen=True, slots=True)
class Change:
    """Something under a topic is now at `version`; the payload depends on the topic (see the topic functions)."""

    topic: str
    version: int
    payload: object = None


class Changes(Protocol):
    """Brings every change to this process once."""

    def listen(self, receive: Callable[[Change], None], missed: Callable[[], None]) -> None:
        """On the event loop, call `receive` with every change from now on, and `missed` when some were perhaps lost."""
        ...


def order_topic(order_id: UUID) -> str:
    """One order; the payload is the timeline entry of the change, or None."""
    return f"order:{order_id}"


def buyer_topic(subject: str) -> str:
    """All orders of a buyer; the payload is the order's id, the version is that order's."""
    return f"buyer:{subject}"


def book_topic(isbn: str) -> str:
    """What can be bought of a book; the payload is the inventory's BookStock."""
    return f"book:{isbn}"


def recipient_topic(subject: str) -> str:
    """Somebody's notifications; the version is the notification's sequence."""
    return f"recipient:{subject}"


def seller_topic(seller_id: UUID) -> str:
    """A seller's profile and statistics; the version is the seller's."""
    return f"seller:{seller_id}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that failed until nobody tried again; `id` is stable and names it to `replay` and `discard`."""

    id: str
    domain: str
    event: str
    event_id: UUID
    body: str
    attempts: int
    error: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class OutboxLag:
    """How many events of a domain wait to be published, and since when the oldest of them."""

    domain: str
    waiting: int
    oldest: datetime | None


class Meter(Protocol):
    """Counts and times what the gateway does; never raises."""

    def request(self, outcome: str, seconds: float) -> None:
        """A request over HTTP was answered: `ok`, `errors`, or the code of why it was not executed."""
        ...

    def checkout(self, outcome: str) -> None:
        """A checkout was answered, with the type of its answer; `Replayed` where an earlier request had done it."""
        ...


class NoMeter:
    """Where nobody looks at the figures."""

    def request(self, outcome: str, seconds: float) -> None:
        """Counts nothing."""

    def checkout(self, outcome: str) -> None:
        """Counts nothing."""


class Rates(Protocol):
    """Counts what comes from where and whom; never raises, and never takes long."""

    async def count(self, address: str | None, viewer: str | None) -> float:
        """Count a request of this address and this viewer, of those that are known.

        The answer is how many seconds it has to wait; 0 where it may go on.
        """
        ...

    async def close(self) -> None:
        """End what counting needs."""
        ...


class NoRates:
    """Where nobody is told to wait."""

    async def count(self, address: str | None, viewer: str | None) -> float:
        """Always 0."""
        return 0.0

    async def close(self) -> None:
        """Nothing to end."""


class OperatorDesk(Protocol):
    """What operators see and do."""

    async def dead_letters(self, *, domain: str | None, page: PageRequest) -> Page[DeadLetter]:
        """The newest dead letters first, of one domain or of all; raises InvalidCursor."""
        ...

    async def replay(self, ids: Sequence[str]) -> int:
        """Hand these dead letters to their handlers again; how many of them were dead."""
        ...

    async def discard(self, ids: Sequence[str], note: str) -> int:
        """Give these dead letters up, with a note of why; how many of them were dead."""
        ...

    async def outbox_lag(self) -> Sequence[OutboxLag]:
        """What waits to be published, domain by domain."""
        ...
