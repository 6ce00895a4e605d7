"""A hub whose news, reads and watchers are what a test makes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import UTC, datetime
from typing import Any, Self, cast

import orjson
from graphql import GraphQLSyntaxError

from domains.inventory import BookStock
from graph.auth import Viewer
from graph.context import Services
from graph.documents import Bounds, examine
from graph.groups import Frame, Group, Groups
from graph.limits import Limits
from graph.live import Hub
from graph.ports import Change, book_topic
from graph.schema import schema
from graph.sharing import Request, shareable
from kernel.database import Unavailable
from tests.conftest import wait_until

BOOKS = ("9780306406157", "9780140449136", "9780261103573")
STOCK = "subscription($isbns: [ISBN!]!) { stockUpdates(isbns: $isbns) { isbn version isSnapshot stock { total } } }"


async def turn() -> None:
    """Let whatever can run have its turn."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_soon(passed.set)
    await passed.wait()


class Ticks:
    """Counts the turns of the loop while it is entered, as anybody has them who is ready at all times."""

    def __init__(self) -> None:
        self.count = 0
        self._next: asyncio.Handle | None = None

    def __enter__(self) -> Self:
        self._count()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._next is not None
        self._next.cancel()

    def _count(self) -> None:
        self.count += 1
        self._next = asyncio.get_running_loop().call_soon(self._count)


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


class Inventory:
    """Books whose versions a test counts up; reading them waits while the gate is closed."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = dict.fromkeys(BOOKS, 0)
        self.reads = 0
        self.is_away = False
        self.gate = asyncio.Event()
        self.gate.set()

    def stock(self, isbn: str) -> BookStock:
        """How a book stands now."""
        version = self.versions[isbn]
        return BookStock(
            isbn=isbn, total=version, sellers=1, min_price=None, max_price=None, average_price=None, version=version,
            updated_at=datetime(2026, 1, 1, tzinfo=UTC), currency="EUR", offers=(),
        )  # fmt: skip

    async def find_stock(self, isbns: Collection[str]) -> dict[str, BookStock]:
        self.reads += 1
        found = {isbn: self.stock(isbn) for isbn in isbns}
        await self.gate.wait()
        if self.is_away:
            raise Unavailable("the database is away")
        return found


class Watcher:
    """A member of a group that keeps all it is told."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def offer(self, frame: Frame) -> None:
        self.frames.append(frame)

    @property
    def updates(self) -> list[dict[str, Any]]:
        """What it was told, without what ended it."""
        payloads = [orjson.loads(frame.tail[:-1]) for frame in self.frames if frame.kind == "next"]
        return [payload["data"]["stockUpdates"] for payload in payloads if payload["data"]]

    def versions(self, isbn: str = BOOKS[0]) -> list[int]:
        """The versions of a book that it was told."""
        return [update["version"] for update in self.updates if update["isbn"] == isbn]

    @property
    def kinds(self) -> list[str]:
        return [frame.kind for frame in self.frames]

    async def has(self, count: int) -> list[Frame]:
        """Its frames, once there are so many."""

        async def enough() -> bool:
            return len(self.frames) >= count

        await wait_until(enough)
        return self.frames


def shared(
    document: str, variables: dict[str, Any], name: str | None = None, limits: Limits | None = None
) -> Request | None:
    """What can be shared of a document that is examined first, as a websocket does."""
    limits = limits or Limits()
    try:
        examined = examine(schema._schema, document, Bounds.of(limits))
    except GraphQLSyntaxError:
        return None
    return shareable(schema, examined, limits.query_cost, document, variables, name)


class Watching:
    """A hub, its groups, and a stock to watch."""

    def __init__(self) -> None:
        self.feed, self.inventory = Feed(), Inventory()
        self.hub = Hub(self.feed)
        nobody = cast(Any, None)
        services = Services(
            orders=nobody, inventory=cast(Any, self.inventory), catalog=nobody, sellers=nobody, notifications=nobody,
            hub=self.hub, desk=nobody,
        )  # fmt: skip
        self.services = services
        self.groups = Groups(services, schema)

    def request(self, document: str = STOCK, isbns: Sequence[str] = BOOKS[:1]) -> Request:
        """A subscription to some books."""
        request = shared(document, {"isbns": list(isbns)})
        assert request is not None
        return request

    def join(self, watcher: Watcher, isbns: Sequence[str] = BOOKS[:1], viewer: Viewer | None = None) -> Group:
        """Watch these books."""
        return self.groups.join(self.request(isbns=isbns), viewer, watcher)

    def change(self, isbn: str = BOOKS[0]) -> None:
        """A book changes, and nobody is told."""
        self.inventory.versions[isbn] += 1

    def publish(self, isbn: str = BOOKS[0]) -> None:
        """Tell how a book stands."""
        stock = self.inventory.stock(isbn)
        self.feed.tell(book_topic(isbn), stock.version, stock)

    async def close(self) -> None:
        """End every group."""
        self.inventory.gate.set()
        self.hub.close()
        await self.settled(lambda: not self.hub.watched())

    async def settled(self, condition: Callable[[], Hashable]) -> None:
        async def so() -> bool:
            return bool(condition())

        await wait_until(so)
